"""The text index alongside: while mail is fetched and stored, a thread indexes what was stored before.

On the embedded store that is one long statement after another, which SQLite runs outside of Python's lock, in a file
that nobody else writes; on PostgreSQL it is the server's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

from threadline.storage import search

AT_ONCE = 900  # bodies: for a few, the statements around them would cost more than they do


@contextmanager
def indexing() -> Iterator[Callable[[], None]]:
    """Gives a function to be called when something was stored. Leaving waits for the indexing that is under way.

    What indexing raised is raised by the next call. What is left over is for whoever ends the refresh.
    """
    running: Future[int] | None = None

    def catch_up() -> None:
        nonlocal running
        if running is not None and not running.done():
            return
        if running is not None:
            running.result()
        running = thread.submit(search.catch_up, at_least=AT_ONCE)

    with ThreadPoolExecutor(1, thread_name_prefix="text-index") as thread:
        try:
            yield catch_up
        finally:
            thread.submit(connections.close_all)
