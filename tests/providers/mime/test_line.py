"""Pieces of mail on their way through the parser's child, the next behind the one that is read: whatever happens to the
child, every piece has its own answers, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.contract import Content
from threadline.providers.mime import frames, pool
from threadline.providers.mime.parse import parse
from threadline.providers.mime.pool import Parser
from threadline.providers.mime.process import Process, Reason

from .test_pool import MEGABYTE, SLOW, around, killing, mail, subjects

PARSER = Parser()


@pytest.fixture(autouse=True, scope="module")
def _parser() -> Iterator[None]:
    yield
    PARSER.close()


def pieces_of(*sizes: int) -> list[list[Content]]:
    return [[mail(f"p{piece}m{number}") for number in range(size)] for piece, size in enumerate(sizes)]


def names(pieces: list[list[Content]]) -> list[list[str]]:
    return [[content.item.remote_id for content in piece] for piece in pieces]


@given(st.lists(st.none() | st.integers(0, 250), max_size=8))
def test_every_piece_has_its_own_answers_whatever_is_not_there_yet(sizes: list[int | None]) -> None:
    """None: the next piece is not there yet."""
    pieces = [None if size is None else pieces_of(*[0] * place, size)[place] for place, size in enumerate(sizes)]
    answers = [subjects(found) for found in PARSER.parse_each(pieces)]
    assert answers == names([piece for piece in pieces if piece is not None])


def test_the_next_piece_is_on_its_way_before_the_first_is_answered() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[list[Content]]:
        for number, piece in enumerate(pieces_of(3, 3, 3)):
            taken.append(number)
            yield piece

    with Parser() as parser:
        behind = [list(taken) for _ in parser.parse_each(pieces())]
    assert behind == [[0, 1], [0, 1, 2], [0, 1, 2]]


def test_what_is_on_its_way_is_answered_before_we_wait_for_what_is_not_there() -> None:
    taken: list[str] = []

    def pieces() -> Iterator[list[Content] | None]:
        first, second = pieces_of(3, 3)
        yield first
        yield None
        taken.append("waited")
        yield second

    with Parser() as parser:
        waited = [len(taken) for _ in parser.parse_each(pieces())]
    assert waited == [0, 1]


def test_a_message_that_kills_its_reader_costs_the_pieces_behind_it_nothing() -> None:
    pieces = [around(SLOW), *pieces_of(150, 150, 2)]
    with Parser(seconds=1) as parser:
        answers = list(parser.parse_each(pieces))
        assert subjects(answers[0]) == ["before0", "before1", "before2", "slow", "after0", "after1", "after2"]
        assert [subjects(found) for found in answers[1:]] == names(pieces[1:])


def test_a_child_killed_again_and_again_loses_nothing() -> None:
    body = b"\r\n" + b"some text\r\n" * 3000
    pieces = [[mail(f"p{piece}m{number}", body) for number in range(60)] for piece in range(40)]
    with Parser() as parser, killing(parser, every=0.04, times=4) as killed:
        answers = [subjects(found) for found in parser.parse_each(pieces)]
    assert killed
    assert answers == names(pieces)


def test_pipes_that_are_full_both_ways_do_not_make_us_wait_for_each_other() -> None:
    body = b"Content-Type: text/plain\r\n\r\n" + b"0123456789abcdef\r\n" * (50_000)  # a megabyte, and its text another
    pieces = [[mail(f"p{piece}m{number}", body) for number in range(4)] for piece in range(6)]
    with Parser(seconds=15) as parser:
        began = time.monotonic()
        assert [subjects(found) for found in parser.parse_each(pieces)] == names(pieces)
        assert time.monotonic() - began < 15


def test_a_line_that_is_left_ends_its_child() -> None:
    with Parser() as parser:
        line = parser.parse_each(pieces_of(3, 3, 3))
        next(line)
        child = parser.child_pid
        assert child is not None
        line.close()
        assert not Path(f"/proc/{child}").exists()
        assert subjects(parser.parse_many([mail("later")])) == ["later"]


def test_a_line_that_came_to_its_end_leaves_its_child_for_the_next() -> None:
    with Parser() as parser:
        list(parser.parse_each(pieces_of(3, 3)))
        child = parser.child_pid
        list(parser.parse_each(pieces_of(3)))
        assert parser.child_pid == child


def test_what_is_asked_in_between_does_not_get_into_the_line() -> None:
    with Parser() as parser:
        for number, answers in enumerate(parser.parse_each(pieces_of(2, 2, 2))):
            assert subjects(parser.parse_many([mail(f"between{number}")])) == [f"between{number}"]
            assert subjects(answers) == [f"p{number}m0", f"p{number}m1"]


def test_a_parser_that_is_closed_meanwhile_keeps_no_child() -> None:
    parser = Parser()
    line = parser.parse_each(pieces_of(2))
    next(line)
    child = parser.child_pid
    parser.close()
    assert list(line) == []
    assert parser.child_pid is None
    assert not Path(f"/proc/{child}").exists()


def test_a_child_that_has_read_enough_is_replaced_within_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PROCESS_TASKS", 5)
    pieces = pieces_of(3, 3, 3, 3)
    with Parser() as parser:
        children = []
        for piece, answers in zip(pieces, parser.parse_each(pieces), strict=True):
            assert subjects(answers) == names([piece])[0]
            children.append(parser.child_pid)
    assert len(set(children)) > 1


def test_a_child_that_answers_what_nobody_asked_is_not_believed_further(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(1 << 30, 5.0)
    wrong = msgspec.msgpack.encode([frames.Parsed(parse(mail(name))) for name in ("asked", "forged", "forged")])
    monkeypatch.setattr(process, "ready", True)
    monkeypatch.setattr(process, "_receive", lambda _deadline: wrong)
    outcome = process.receive(1, 5.0)
    assert (len(outcome.answers), outcome.reason) == (1, Reason.CRASHED)
    assert not Path(f"/proc/{process.pid}").exists()


@pytest.mark.parametrize("octets", [b"\xff", b"\xed\xa0\x80", b"cut \xe2\x82"])
def test_a_text_that_the_store_could_not_give_back_is_not_taken(monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    """Our own reader cannot write such; one that hostile mail has taken over can."""
    process = Process(1 << 30, 5.0)
    told = parse(mail("forged"))
    wrong = msgspec.msgpack.encode([frames.Parsed(replace(told, text_utf8=octets))])
    monkeypatch.setattr(process, "ready", True)
    monkeypatch.setattr(process, "_receive", lambda _deadline: wrong)
    outcome = process.receive(1, 5.0)
    assert (outcome.answers, outcome.reason) == ([], Reason.CRASHED)
    assert not Path(f"/proc/{process.pid}").exists()


def test_the_largest_message_waits_for_no_room_in_the_pipe() -> None:
    large = mail("large", b"\r\n" + b"x" * 70 + b"\r\n" * (20 * MEGABYTE // 2))
    with Parser(seconds=20) as parser:
        answers = list(parser.parse_each([[large], [mail("behind")]]))
    assert [subjects(found) for found in answers] == [["large"], ["behind"]]
