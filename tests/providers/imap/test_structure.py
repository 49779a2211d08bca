"""BODYSTRUCTURE as servers write it, and the parts it leads to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.imap import structure
from threadline.providers.imap.structure import Structure
from threadline.providers.imap.tokens import Value, tokenize_text

PLAIN = '("TEXT" "PLAIN" ("CHARSET" "UTF-8") NIL NIL "QUOTED-PRINTABLE" 1044 31 NIL NIL NIL NIL)'
HTML = '("TEXT" "HTML" ("CHARSET" "UTF-8") NIL NIL "BASE64" 2830 40 NIL ("INLINE" NIL) NIL NIL)'
PDF = '("APPLICATION" "PDF" ("NAME" "cv.pdf") "<f_kx1>" NIL "BASE64" 421376 NIL ("ATTACHMENT" ("FILENAME" "cv.pdf")))'
IMAGE = '("IMAGE" "PNG" ("NAME" "logo.png") "<logo@x>" NIL "BASE64" 5000 NIL ("INLINE" ("FILENAME" "logo.png")) NIL)'
FORWARDED = (
    '("MESSAGE" "RFC822" ("NAME" "offer.eml") NIL NIL "7BIT" 9000 '
    '("Mon, 2 Mar 2026" "Offer" NIL NIL NIL NIL NIL NIL NIL "<a@b>") '
    f'({PLAIN}{PDF} "MIXED" ("BOUNDARY" "x") NIL NIL) 210 NIL ("ATTACHMENT" ("FILENAME" "offer.eml")) NIL NIL)'
)
CALENDAR = '("TEXT" "CALENDAR" ("CHARSET" "utf-8" "METHOD" "REQUEST") NIL NIL "BASE64" 900 20 NIL NIL NIL NIL)'


def shape(text: str) -> Structure | None:
    return structure.read(tokenize_text(text.encode())[0])


def known(text: str) -> Structure:
    found = shape(text)
    assert found is not None
    return found


def test_parts_are_numbered_as_fetch_numbers_them() -> None:
    found = known(f'((({PLAIN}{HTML} "ALTERNATIVE" NIL){IMAGE} "RELATED" NIL){PDF}{FORWARDED} "MIXED" NIL NIL NIL)')
    assert [leaf.part for leaf in found.leaves] == ["1.1.1", "1.1.2", "1.2", "2", "3"]
    assert [leaf.part for leaf in found.texts()] == ["1.1.1", "1.1.2"]
    assert found.multipart


def test_a_message_of_one_part_is_part_one() -> None:
    found = known(PLAIN)
    assert not found.multipart
    assert [(leaf.part, leaf.encoding, leaf.size) for leaf in found.leaves] == [("1", "quoted-printable", 1044)]


def test_a_forwarded_message_is_one_attachment() -> None:
    (leaf,) = known(FORWARDED).leaves
    assert (leaf.content_type, leaf.name, leaf.disposition) == ("message/rfc822", "offer.eml", "attachment")


def test_an_invitation_keeps_its_method() -> None:
    found = known(f'({PLAIN}{CALENDAR} "ALTERNATIVE" NIL NIL NIL)')
    assert ("method", "REQUEST") in found.leaves[1].parameters
    assert [leaf.part for leaf in found.texts()] == ["1"]


def test_an_inline_image_keeps_its_content_id() -> None:
    assert known(IMAGE).leaves[0].content_id == "logo@x"


def test_a_text_file_that_is_attached_is_no_text_of_the_mail() -> None:
    attached = (
        '("TEXT" "PLAIN" ("NAME" "notes.txt") NIL NIL "7BIT" 10 1 NIL ("ATTACHMENT" ("FILENAME" "notes.txt")) NIL)'
    )
    assert known(f'({PLAIN}{attached} "MIXED" NIL)').texts() == (known(f'({PLAIN} "MIXED")').leaves[0],)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('("FILENAME" "=?UTF-8?Q?Lebenslauf_J=C3=BCrgen.pdf?=")', "Lebenslauf Jürgen.pdf"),
        ('("FILENAME*" "utf-8\'\'Lebenslauf%20J%C3%BCrgen.pdf")', "Lebenslauf Jürgen.pdf"),
        ('("FILENAME*0*" "utf-8\'\'Lebens" "FILENAME*1*" "lauf%20J%C3%BCrgen.pdf")', "Lebenslauf Jürgen.pdf"),
        ('("FILENAME" "Lebenslauf Jürgen.pdf")', "Lebenslauf Jürgen.pdf"),
        ('("FILENAME" "=?no-such-charset?Q?x=FF?=")', "=?no-such-charset?Q?x=FF?="),
        ("NIL", ""),
    ],
)
def test_file_names_as_programs_write_them(parameters: str, name: str) -> None:
    (leaf,) = known(f'("A" "B" NIL NIL NIL "BASE64" 1 NIL ("ATTACHMENT" {parameters}))').leaves
    assert leaf.name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('("A" "B" NIL NIL NIL "BASE64" 1 NIL "ATTACHMENT" NIL)', ("a/b", "attachment", 1)),
        ('("A" "B" NIL NIL NIL "BASE64" 1 NIL "attachment; filename=x.pdf" NIL)', ("a/b", "attachment", 1)),
        ("(NIL NIL NIL NIL NIL NIL -1 NIL)", ("application/octet-stream", "", 0)),
        ('("TEXT" "PLAIN" NIL NIL NIL NIL 12)', ("text/plain", "", 12)),
    ],
    ids=["Exchange: a bare disposition", "pymap: an undivided disposition", "nothing known", "no tail"],
)
def test_oddities_of_servers(text: str, expected: tuple[str, str, int]) -> None:
    (leaf,) = known(text).leaves
    assert (leaf.content_type, leaf.disposition, leaf.size) == expected


@pytest.mark.parametrize(
    "text",
    [
        "NIL",
        "()",
        '("mixed" NIL)',
        f"({PLAIN})",
        f"({PLAIN}{PDF} NIL)",
        '(("text") "mixed")',
        f'({PLAIN} ({PLAIN}) "x")',
    ],
)
def test_what_does_not_add_up_is_none(text: str) -> None:
    assert shape(text) is None


VALUES = st.recursive(
    st.none() | st.binary(max_size=12) | st.sampled_from([b"text", b"plain", b"attachment", b"filename*", b"5"]),
    lambda inner: st.lists(inner, max_size=10),
    max_leaves=40,
)


@given(VALUES)
def test_arbitrary_structures_never_raise(value: Value) -> None:
    found = structure.read(value)
    assert found is None or found.leaves is not None
