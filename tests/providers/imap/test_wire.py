"""Framing: the same frames however the bytes are cut, and nothing but ProtocolError for anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.imap.wire import Frame, Framer, Limits, ProtocolError, Skipped

SMALL = Limits(line=2_000, kept_literal=100, kept_total=400, any_literal=10_000, literals=8)

REAL = (
    b"* OK Gimap ready for requests from 192.0.2.7 a13mb12345\r\n"
    b"* CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 SASL-IR AUTH=XOAUTH2\r\n"
    b'* LIST (\\HasNoChildren) "/" {7}\r\nA "b" c\r\n'
    b"* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {12}\r\nSubject: x\r\n)\r\n"
    b"* 2 FETCH (UID 6 BODY[] ~{3}\r\nabc BODY[HEADER] {0}\r\n)\r\n"
    b"T1 NO [ALERT] quota is {90}\r\n"
    b"+ \r\n"
)


def frames(pieces: list[bytes], limits: Limits | None = None) -> list[Frame]:
    framer = Framer(limits)
    found = []
    for piece in pieces:
        framer.feed(piece)
        while frame := framer.next():
            found.append(frame)
    return found


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@given(st.lists(st.integers(0, 60), max_size=30))
def test_how_the_bytes_are_cut_does_not_change_the_frames(sizes: list[int]) -> None:
    assert frames(cut(REAL, sizes)) == frames([REAL])


def test_a_literal_stands_between_the_texts_around_it() -> None:
    frame = frames([REAL])[3]
    assert frame.texts == (b"* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] ", b")")
    assert frame.literals == (b"Subject: x\r\n",)


def test_text_for_people_that_ends_in_braces_announces_no_literal() -> None:
    assert frames([REAL])[5] == Frame((b"T1 NO [ALERT] quota is {90}",), ())


def test_a_bare_line_feed_ends_a_line() -> None:
    assert frames([b"* OK hi\n* BYE\n"]) == [Frame((b"* OK hi",), ()), Frame((b"* BYE",), ())]


@given(st.lists(st.integers(0, 400), max_size=10))
def test_a_literal_too_large_to_keep_is_read_past_and_the_next_response_follows(sizes: list[int]) -> None:
    data = b"* 1 FETCH (BODY[] {3000}\r\n" + b"x" * 3000 + b" UID 7)\r\n* OK next\r\n"
    first, second = frames(cut(data, sizes), SMALL)
    assert first == Frame((b"* 1 FETCH (BODY[] ", b" UID 7)"), (Skipped(3000),))
    assert second.texts == (b"* OK next",)


def test_memory_does_not_follow_what_a_server_announces() -> None:
    framer = Framer()
    framer.feed(b"* 1 FETCH (BODY[] {4000000}\r\nabc")
    assert framer.next() is None
    assert framer.pending < 100


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 3_000,
        b"* 1 FETCH (BODY[] {99999}\r\n",
        b"* X " + b"{0}\r\n" * 9,
        b"* X " + (b"y" * 90 + b" {1}\r\nz") * 6,
    ],
    ids=["an endless line", "a huge literal", "too many literals", "too much text"],
)
def test_more_than_the_limits_is_a_protocol_error_now_and_ever_after(data: bytes) -> None:
    framer = Framer(SMALL)
    framer.feed(data)
    for _ in range(2):
        with pytest.raises(ProtocolError):
            framer.next()


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from([b"{5}\r\n", b"\r\n", b"{999}\r\n", b"(", b'"']), max_size=30)
)
def test_arbitrary_bytes_never_raise_anything_but_a_protocol_error(pieces: list[bytes]) -> None:
    framer = Framer(SMALL)
    try:
        for piece in pieces:
            framer.feed(piece)
            while framer.next():
                pass
    except ProtocolError:
        return
    assert framer.pending <= SMALL.line + SMALL.kept_total + 200
