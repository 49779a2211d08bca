"""Commands, sets, names and messages are read without surprise, whatever a client or a sender writes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.sandbox.imap.fetch import read_items
from threadline.sandbox.imap.headers import Header, parse_addresses, parse_parameters
from threadline.sandbox.imap.mime import Part, parse, section
from threadline.sandbox.imap.names import decode_name, encode_name, matches, quoted
from threadline.sandbox.imap.search import BadCharsetError, KeyReader, read_charset
from threadline.sandbox.imap.sets import SequenceSet, compact
from threadline.sandbox.imap.structure import body_structure, envelope
from threadline.sandbox.imap.syntax import Cursor, MalformedError

FRAGMENTS = st.lists(st.binary(max_size=60), min_size=1, max_size=5).map(lambda f: f if len(f) % 2 else f[:-1] or [b""])
WORDS = st.sampled_from(
    [b"FLAGS", b"BODY[", b"BODY.PEEK[", b"1.2", b"HEADER", b"HEADER.FIELDS", b"]", b"<0.5>", b"(", b")", b" ", b"UID",
     b"OR", b"NOT", b"SINCE", b"1-Feb-2026", b"1:*", b"2,4", b'"', b"TEXT", b"x", b"\\", b"{3}", b"*"]
)  # fmt: skip


READERS: tuple[Callable[[Cursor], object], ...] = (
    read_items,
    read_charset,
    Cursor.flags_in_parentheses,
    Cursor.atoms_in_parentheses,
    Cursor.list_pattern,
    Cursor.string,
    lambda cursor: KeyReader(cursor).read_all(),
    lambda cursor: SequenceSet.parse(cursor.sequence_set()),
)


@given(FRAGMENTS | st.lists(WORDS, max_size=12).map(lambda words: [b"".join(words)]))
def test_any_command_is_either_read_or_called_malformed(fragments: list[bytes]) -> None:
    """Nothing but the two refusals may come out, and every reader comes to an end."""
    for read in READERS:
        with suppress(MalformedError, BadCharsetError):
            read(Cursor(fragments))


@given(st.binary(max_size=80).filter(lambda value: b"\x00" not in value))
def test_a_quoted_string_or_literal_reads_back_as_itself(value: bytes) -> None:
    written = quoted(value)
    if written.startswith(b"{"):
        marker, _, content = written.partition(b"\r\n")
        assert marker == b"{%d}" % len(value)
        assert Cursor([b"", content, b""]).astring() == value
    else:
        assert Cursor([written]).astring() == value


@given(st.text(max_size=40).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_every_folder_name_survives_modified_utf_7(name: str) -> None:
    wire = encode_name(name)
    assert wire.isascii()
    assert decode_name(wire) == name


@pytest.mark.parametrize("wire", ["&", "&AOk", "&A-", "Entwürfe", "&!!!!-"])
def test_a_name_that_is_not_modified_utf_7_is_refused(wire: str) -> None:
    with pytest.raises(ValueError, match="modified UTF-7"):
        decode_name(wire)


@given(st.sets(st.integers(1, 60), min_size=1), st.sets(st.integers(1, 60)))
def test_a_compact_set_names_exactly_its_numbers(numbers: set[int], others: set[int]) -> None:
    chosen = SequenceSet.parse(compact(sorted(numbers)))
    assert chosen.numbers(60) == sorted(numbers)
    assert chosen.uids(sorted(numbers | others)) == sorted(numbers)


def test_a_star_always_names_the_last_message() -> None:
    assert SequenceSet.parse(b"559:*").uids([3, 9]) == [9]
    assert SequenceSet.parse(b"*:1").numbers(3) == [1, 2, 3]
    assert SequenceSet.parse(b"*").uids([]) == []


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("*", "Clients/Acme", True),
        ("%", "Clients/Acme", False),
        ("%", "Clients", True),
        ("Clients/%", "Clients/Acme", True),
        ("Clients/%", "Clients/Acme/Old", False),
        ("C*e", "Clients/Acme", True),
        ("", "INBOX", False),
        ("*a*a*a*a*a*a*a*a*a*a*b", "a" * 200, False),
    ],
)
def test_list_patterns(pattern: str, name: str, found: bool) -> None:
    assert matches(pattern, name, "/") is found


PIECES = st.sampled_from(
    [b"Content-Type: multipart/mixed; boundary=a\r\n", b"Content-Type: message/rfc822\r\n", b"--a\r\n", b"--a--\r\n",
     b"\r\n", b"text\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n", b"From: a@x.example\r\n",
     b"--b--",
     b'To: "open, <a@b', b"Content-Disposition: attachment; filename*0=a; filename*1*=b\r\n", b"\x00\xff"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map(b"".join) | st.binary(max_size=200))
def test_any_message_can_be_described_and_its_parts_lie_within_it(raw: bytes) -> None:
    root = parse(raw)
    assert body_structure(root, extended=True).startswith(b"(")
    assert envelope(Header(root.header_bytes)).startswith(b"(")
    waiting = [root]
    while waiting:
        part: Part = waiting.pop()
        assert part.start <= part.body <= part.end <= len(raw)
        below = part.children + ([part.message] if part.message else [])
        assert all(part.body <= one.start and one.end <= part.end for one in below)
        waiting += below
    assert section(root, (), b"", ()) == raw
    assert section(root, (), b"HEADER", ()) == raw[: root.body]


@given(st.text(alphabet='ab@<>,;:"()\\ [].', max_size=40), st.text(alphabet='ab=*0;" \\/', max_size=40))
def test_any_address_list_and_parameter_can_be_read(addresses: str, parameters: str) -> None:
    for found in parse_addresses(addresses.encode()):
        assert found.host is None or (found.mailbox and found.host)
    assert isinstance(parse_parameters(parameters.encode())[1], list)
