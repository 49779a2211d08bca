"""One batch ahead: in order, no further, and with its failures where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from threadline.services.refresh.ahead import as_they_come, read_ahead


def nothing() -> None:
    pass


def test_everything_comes_in_order() -> None:
    assert list(read_ahead(iter(range(1, 50)), meanwhile=nothing)) == list(range(1, 50))


def test_no_more_than_one_is_made_ahead() -> None:
    made: list[int] = []

    def making() -> Iterator[int]:
        for number in range(1, 6):
            made.append(number)
            yield number

    for number in read_ahead(making(), meanwhile=nothing):
        assert max(made) <= number + 1


def test_a_failure_is_raised_after_what_was_made_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise RuntimeError("the server went away")

    ahead = read_ahead(failing(), meanwhile=nothing)
    assert next(ahead) == 1
    with pytest.raises(RuntimeError, match="went away"):
        next(ahead)


def test_what_is_not_there_yet_is_said_once_and_then_waited_for() -> None:
    go_on = threading.Event()

    def making() -> Iterator[int]:
        yield 1
        assert go_on.wait(10)
        yield 2

    coming = as_they_come(making())
    first = [next(coming)]
    first += [next(coming)] if first == [None] else []
    assert first[-1] == 1
    assert next(coming) is None
    threading.Timer(0.05, go_on.set).start()
    assert next(coming) == 2
