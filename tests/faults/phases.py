"""What a refresh is at, read from outside: the stacks of its threads at the moment at which it is killed.

The zygote has the interpreter write them at a signal, from the signal's own handler, and the process then stands still
until it is killed. The product has no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

PHASES = ("list", "fetch", "parse", "commit", "index")


class Call(NamedTuple):
    """One frame: the end of its file's path, and its function."""

    file: str
    function: str


# The first that is on a stack counts, so the innermost work is named before what it is a part of. A function of None
# is any of that file.
_SIGNS: tuple[tuple[str, str, str | None], ...] = (
    ("index", "threadline/storage/search.py", None),
    ("commit", "threadline/storage/leases.py", "storing"),
    ("commit", "threadline/storage/arrivals.py", "store"),
    ("commit", "threadline/services/refresh/items.py", "_store"),
    ("commit", "threadline/services/refresh/load.py", "_finish_page"),
    ("commit", "django/db/transaction.py", None),
    ("fetch", "threadline/providers/imap/fetching.py", None),
    ("fetch", "threadline/services/refresh/narrow.py", None),
    ("parse", "threadline/providers/mime/pool.py", None),
    ("parse", "threadline/providers/mime/process.py", None),
    ("list", "threadline/providers/imap/listing.py", None),
    ("list", "threadline/services/refresh/folders.py", None),
    ("list", "threadline/services/refresh/elsewhere.py", None),
    ("list", "threadline/services/refresh/departures.py", None),
    ("list", "threadline/services/refresh/load.py", "_load_listing"),
    ("signing in", "threadline/services/sessions.py", None),
)
_FRAME = re.compile(r'^  File "(.*)", line \d+ in (.*)$', re.MULTILINE)
_REFRESH = Call("threadline/services/refresh/run.py", "refresh")
_WAITING = Call("threadline/services/refresh/ahead.py", "_result")


def phases_of(dump: str) -> set[str]:
    """The phase of the thread that runs the refresh, or while that waits, of those that read ahead for it; and "index"
    where the thread that fills the text index was at work beside it.
    """
    stacks = [[Call(*frame) for frame in _FRAME.findall(thread)] for thread in dump.split("\n\n")]
    running = next((stack for stack in stacks if _has(stack, *_REFRESH)), None)
    if running is None:
        return {"over"}
    others = {phase for stack in stacks if stack is not running and (phase := _named(stack))}
    if _has(running, *_WAITING):
        return others or {"fetch"}  # between two of its messages
    return {_named(running) or "between"} | (others & {"index"})


def is_in_commit(dump: str) -> bool:
    """Whether it stood in the database's COMMIT itself."""
    return 'django/db/backends/base/base.py", line' in dump and " in _commit\n" in dump


def _named(stack: Sequence[Call]) -> str | None:
    return next((phase for phase, file, function in _SIGNS if _has(stack, file, function)), None)


def _has(stack: Sequence[Call], file: str, function: str | None) -> bool:
    return any(call.file.endswith(file) and function in (None, call.function) for call in stack)
