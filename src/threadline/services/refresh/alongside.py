"""The text index alongside: while mail is fetched and stored, a thread indexes what was stored before.

On the embedded store that is one long statement after another, which SQLite runs outside of Python's lock, in a file
that nobody else writes; on PostgreSQL it is the server's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import structlog
from django.db import DatabaseError, connections

from threadline.storage import search

log = structlog.get_logger(__name__)

AT_ONCE = 900  # bodies: for a few, the statements around them would cost more than they do


@contextmanager
def indexing() -> Iterator[Callable[[], None]]:
    """Gives a function to be called when something was stored. Leaving waits for the indexing that is under way.

    What is left over is for whoever ends the refresh, and so is everything after indexing has failed: storing goes on.
    """
    running: Future[int] | None = None
    failed = False

    def catch_up() -> None:
        nonlocal running, failed
        if failed or (running is not None and not running.done()):
            return
        try:
            if running is not None:
                running.result()
        except DatabaseError:
            log.exception("the text index does not keep up with storing")
            failed = True
            return
        running = thread.submit(search.catch_up, at_least=AT_ONCE)

    with ThreadPoolExecutor(1, thread_name_prefix="text-index") as thread:
        try:
            yield catch_up
        finally:
            thread.submit(connections.close_all)
