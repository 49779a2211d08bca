"""Reading ahead: while one batch is stored, the next are fetched and parsed.

Storing is this process's work, fetching the server's and parsing the parser's, so threads that mostly wait for those
are enough to keep all of them busy. A few items wait in front of each, so that none of them stands still when another
takes longer over one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
LOOK_UP_SECONDS = 1.0


def read_ahead(
    items: Iterator[T], *, ahead: int = 1, meanwhile: Callable[[], None] = lambda: None
) -> Generator[T, None, None]:
    """The items, each made in a thread while those before it are used: up to `ahead` of them wait.

    `meanwhile` is called now and then while we wait for one. What their maker raises is raised here, in its place.
    """
    with closing(as_they_come(items, ahead=ahead, meanwhile=meanwhile)) as coming:
        yield from (item for item in coming if item is not None)


def as_they_come(
    items: Iterator[T], *, ahead: int = 1, meanwhile: Callable[[], None] = lambda: None
) -> Generator[T | None, None, None]:
    """The same, with a None before an item that is not there yet: asked again, we wait for it."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        coming = deque(thread.submit(next, items, None) for _ in range(ahead))
        try:
            while True:
                if not coming[0].done():
                    yield None
                if (item := _result(coming[0], meanwhile)) is None:
                    return
                coming.popleft()
                coming.append(thread.submit(next, items, None))
                yield item
        finally:
            for one in coming:
                one.cancel()
            if isinstance(items, Generator):
                thread.submit(items.close)  # with what it holds itself
            thread.submit(connections.close_all)


def _result(coming: Future[T | None], meanwhile: Callable[[], None]) -> T | None:
    while not wait([coming], timeout=LOOK_UP_SECONDS).done:
        meanwhile()
    return coming.result()
