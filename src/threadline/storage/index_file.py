"""The file of the text index beside the embedded store (`search.sqlite3`), made where it is missing or damaged.

All of it is derived. So a file that cannot be used is taken away and made anew, one that another version of Threadline
made is emptied, and everything is queued for it. Its watermark says how far in the queue it is filled; below zero
nothing was queued for it yet, and whoever is killed in between leaves that to the next.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

T = TypeVar("T")
log = structlog.get_logger(__name__)

PATIENCE = 30.0  # seconds that one indexer waits for another
TOKENIZER = "unicode61 remove_diacritics 2"
_VERSION = 2  # of what is below, and of how `search` numbers emails
# Nobody asks where in an email a word stands, nor in which of these columns: without that the index is a quarter as
# large and made in half the time. So a question may hold words and the beginnings of words, and nothing else. What is
# made in another way has another name, lest an earlier version that still runs fill this table in its own way.
_MADE = (
    f"""CREATE VIRTUAL TABLE words USING fts5(
        subject, people, files, body, content='', detail=none, tokenize="{TOKENIZER}")""",
    "INSERT INTO words(words, rank) VALUES ('hashsize', 16777216)",
    "INSERT INTO words(words, rank) VALUES ('automerge', 16)",
    "CREATE TABLE watermark (queued INTEGER NOT NULL)",
    "INSERT INTO watermark VALUES (-1)",
    f"PRAGMA user_version = {_VERSION}",
)
_UNUSABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_INCOMPLETE = ("no such table: watermark", "no such table: words", "vtable constructor failed: words")


class OfAnotherStore(DatabaseError):
    """The index is filled beyond the end of the queue: it was made for a later state of the store, or another one."""


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """The file, to be written; its errors are the store's errors."""
    with connection.wrap_database_errors:
        index = sqlite3.connect(_path(), timeout=PATIENCE, isolation_level=None)
        try:
            index.execute("PRAGMA journal_mode=WAL")
            # Derived data: after a power cut it may lag behind, and the watermark, in the same file, lags with it. What
            # is taken off the queue is on the disk before (`wait_for_the_disk`).
            index.execute("PRAGMA synchronous=NORMAL")
            index.execute("PRAGMA wal_autocheckpoint=4000")
            yield index
        finally:
            index.close()


def to_read() -> str:
    """The file by an address for ATTACH.

    Only to be read: a write transaction locks every file that it could write, and would wait for the indexer.
    """
    return f"{_path().absolute().as_uri()}?mode=ro"


def is_whole() -> bool:
    """Make the file where it is missing or cannot be used. False: everything has to be queued for it."""
    return or_anew(_made) >= 0


def or_anew(use: Callable[[], T], *, and_then: Callable[[], None] = lambda: None) -> T:
    """What `use` makes of the file; of the one that takes its place, when it turns out to be unusable.

    `and_then` is called with that one in place, before it is used.
    """
    seen = _identity()
    try:
        return use()
    except DatabaseError as error:
        # Locked, or the disk refuses: no word on the file itself, unless somebody took it away meanwhile.
        if not is_damage(error) and _identity() == seen:
            raise
        if is_damage(error) and not _lacks_tables(error):  # those, somebody may be making just now
            _take_away(seen, error)
    try:
        _made()
        and_then()
        return use()
    except DatabaseError as error:
        if not is_damage(error):
            raise
        _take_away(_identity(), error)
    _made()
    and_then()
    return use()


def _made() -> int:
    """How far the index is filled, which is made where there is none, or another version's."""
    with opened() as index:
        if not _is_ours(index):
            _make(index)
        return int(index.execute("SELECT queued FROM watermark").fetchone()[0])


def _is_ours(index: sqlite3.Connection) -> bool:
    has_watermark = index.execute("SELECT 1 FROM sqlite_master WHERE name = 'watermark'").fetchone()
    return bool(has_watermark) and index.execute("PRAGMA user_version").fetchone() == (_VERSION,)


def _make(index: sqlite3.Connection, *, anew: bool = False) -> None:
    """In place: the file may be in use, and SQLite's own locks keep order."""
    index.execute("BEGIN IMMEDIATE")
    try:
        if anew or not _is_ours(index):  # somebody may have been quicker
            tables = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE %' OR name = 'watermark'"
            for (name,) in index.execute(tables).fetchall():
                index.execute(f'DROP TABLE "{name}"')
            for statement in _MADE:
                index.execute(statement)
        index.execute("COMMIT")
    except BaseException:
        index.execute("ROLLBACK")
        raise


def begin_again() -> None:
    """The index is empty, and nothing is queued for it."""

    def empty() -> None:
        with opened() as index:
            _make(index, anew=True)

    or_anew(empty)


def watermark() -> int:
    """How far in the queue the index is filled; below zero, nothing was queued for it. Raises what `is_damage` knows
    where there is no usable file."""
    with opened() as index:
        return int(index.execute("SELECT queued FROM watermark").fetchone()[0])


def all_is_queued() -> None:
    """Everything was queued for this file, and is in the store for good."""

    def note() -> None:
        with opened() as index:
            index.execute("UPDATE watermark SET queued = 0 WHERE queued < 0")

    or_anew(note)


def is_damage(error: DatabaseError) -> bool:
    """Whether an error says that the file cannot be used, rather than that it is locked or the disk full."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, OfAnotherStore) or code in _UNUSABLE or _lacks_tables(error)


def _lacks_tables(error: DatabaseError) -> bool:
    return any(text in str(error) for text in _INCOMPLETE)


def _identity() -> int | None:
    """Which file there is at present, None without one."""
    try:
        return _path().stat().st_ino
    except FileNotFoundError:
        return None


def _take_away(seen: int | None, reason: Exception) -> None:
    """Take the file away that was `seen`; not another that somebody made in its place meanwhile.

    Whoever still has it open goes on with it, by no name, until it ends.
    """
    path = _path()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # for no longer than the next lines take
        if _identity() == seen:
            log.warning("the text index cannot be used and is made again", reason=str(reason))
            for ending in ("", "-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
    finally:
        os.close(folder)


def wait_for_the_disk() -> None:
    """What was written is on the disk. No lock is on the log, which another descriptor's end could drop."""
    wal = _path().with_name(_path().name + "-wal")
    try:
        descriptor = os.open(wal, os.O_RDONLY)
    except FileNotFoundError:  # all of it is in the file itself
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _path() -> Path:
    return Path(settings.SEARCH_STORE)
