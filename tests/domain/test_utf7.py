"""Modified UTF-7 (RFC 3501 section 5.1.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain import utf7


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", "INBOX"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("wysłane", "wys&AUI-ane"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # the example of the RFC
        ("R&D", "R&-D"),
        ("&", "&-"),
        ("😀", "&2D3eAA-"),
        ("a\tb", "a&AAk-b"),
        ("", ""),
    ],
)
def test_names_and_their_form_on_the_wire(name: str, wire: str) -> None:
    assert utf7.encode(name) == wire
    assert utf7.decode(wire) == name


@pytest.mark.parametrize("name", ["R&D", "&", "&AP", "&AP-", "&A-", "&2D0-", "a & b - c", "&!-", "Entwürfe", "&&&"])
def test_what_is_not_modified_utf7_is_left_as_it_stands(name: str) -> None:
    assert utf7.decode(name) == name


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_survives_the_wire(name: str) -> None:
    wire = utf7.encode(name)
    assert utf7.decode(wire) == name
    assert all(0x20 <= ord(character) <= 0x7E for character in wire)


@given(st.text() | st.text(alphabet="&-,+AB3w=/ \ud800"))
def test_no_garbage_makes_it_fail(name: str) -> None:
    utf7.encode(name)
    utf7.encode(utf7.decode(name))
