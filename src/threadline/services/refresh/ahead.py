"""Reading one batch ahead: while one is stored, the next is fetched and parsed.

Storing is this process's work, fetching the server's and parsing the parser's, so threads that mostly wait for those
are enough to keep all of them busy. At most one item waits in front of each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
LOOK_UP_SECONDS = 1.0


def one_ahead(items: Iterator[T], *, meanwhile: Callable[[], None] = lambda: None) -> Generator[T, None, None]:
    """The items, each made in a thread while the one before it is used.

    `meanwhile` is called now and then while we wait for one. What their maker raises is raised here, in its place.
    """
    with closing(as_they_come(items, meanwhile=meanwhile)) as coming:
        yield from (item for item in coming if item is not None)


def as_they_come(
    items: Iterator[T], *, meanwhile: Callable[[], None] = lambda: None
) -> Generator[T | None, None, None]:
    """The same, with a None before an item that is not there yet: asked again, we wait for it."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        try:
            coming = thread.submit(next, items, None)
            while True:
                if not coming.done():
                    yield None
                if (item := _result(coming, meanwhile)) is None:
                    return
                coming = thread.submit(next, items, None)
                yield item
        finally:
            if isinstance(items, Generator):
                thread.submit(items.close)  # with what it holds itself
            thread.submit(connections.close_all)


def _result(coming: Future[T | None], meanwhile: Callable[[], None]) -> T | None:
    while not wait([coming], timeout=LOOK_UP_SECONDS).done:
        meanwhile()
    return coming.result()
