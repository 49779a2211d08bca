"""The file of the text index beside the embedded store (`search.sqlite3`), made where it is missing or damaged.

All of it is derived. So a file that cannot be used, or that another version of Threadline made, is put aside, an empty
one takes its place, and everything is queued for that. Its watermark says how far in the queue it is filled; below zero
nothing was queued for it yet, and whoever is killed in between leaves that to the next.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)

PATIENCE = 30.0  # seconds that one indexer waits for another
TOKENIZER = "unicode61 remove_diacritics 2"
_VERSION = 2  # of what is below, and of which words `search` writes
# Nobody asks where in an email a word stands, nor in which of these columns: without that the index is a quarter as
# large and made in half the time. So a question may hold words and the beginnings of words, and nothing else.
_MADE = f"""
BEGIN IMMEDIATE;
CREATE VIRTUAL TABLE IF NOT EXISTS body_text USING fts5(
    scope, subject, people, files, body, content='', detail=none, tokenize="{TOKENIZER}");
INSERT INTO body_text(body_text, rank) VALUES ('hashsize', 16777216);
INSERT INTO body_text(body_text, rank) VALUES ('automerge', 16);
PRAGMA user_version = {_VERSION};
CREATE TABLE IF NOT EXISTS watermark (queued INTEGER NOT NULL);
INSERT INTO watermark SELECT -1 WHERE NOT EXISTS (SELECT 1 FROM watermark);
COMMIT;
"""  # noqa: S608  a word of ours
_UNUSABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_INCOMPLETE = ("no such table: watermark", "no such table: body_text", "vtable constructor failed: body_text")


class OfAnotherStore(DatabaseError):
    """The index is filled beyond the end of the queue: it was made for a later state of the store, or another one."""


class OfAnotherVersion(DatabaseError):
    """Another version of Threadline made the index, in another way."""


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
    seen = identity()
    try:
        return _watermark_of_what_is_there() >= 0
    except DatabaseError as error:
        if not is_damage(error):  # locked, or the disk refuses: no word on the file itself
            raise
        put_aside(error, seen)
        return _watermark_of_what_is_there() >= 0


def _watermark_of_what_is_there() -> int:
    with opened() as index:
        if not index.execute("SELECT 1 FROM sqlite_master WHERE name = 'watermark'").fetchone():
            index.executescript(_MADE)
        elif index.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            raise OfAnotherVersion("another version of Threadline made it")
        return int(index.execute("SELECT queued FROM watermark").fetchone()[0])


def watermark() -> int:
    """How far in the queue the index is filled. Raises what `is_damage` knows where there is no usable file."""
    with opened() as index:
        return int(index.execute("SELECT queued FROM watermark").fetchone()[0])


def all_is_queued() -> None:
    """Everything was queued for this file."""
    with opened() as index:
        index.execute("UPDATE watermark SET queued = 0 WHERE queued < 0")


def is_damage(error: DatabaseError) -> bool:
    """Whether an error says that the file cannot be used, rather than that it is locked or the disk full."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    made_for_others = isinstance(error, (OfAnotherStore, OfAnotherVersion))
    return made_for_others or code in _UNUSABLE or any(text in str(error) for text in _INCOMPLETE)


def identity() -> int | None:
    """Which file there is at present, None without one."""
    try:
        return _path().stat().st_ino
    except FileNotFoundError:
        return None


def put_aside(reason: Exception, seen: int | None) -> None:
    """Put the file aside that was `seen`; not another that somebody made in its place meanwhile. One of another version
    is taken away: nobody wants to look into it, and it is large.

    Whoever still has the file open goes on with it, by no name, until it ends.
    """
    path = _path()
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of nothing but the next lines: nobody waits for long
        if identity() != seen:
            return
        log.warning("the text index cannot be used and is made again", reason=str(reason))
        if path.exists() and not isinstance(reason, OfAnotherVersion):  # of which there is nothing to find out
            path.replace(path.with_name(path.name + ".damaged"))
        _take_away(path, "", "-wal", "-shm")


def take_away() -> None:
    """The file is gone; whoever has it open goes on with it until it ends."""
    _take_away(_path(), "", "-wal", "-shm")


def _take_away(path: Path, *endings: str) -> None:
    for ending in endings:
        path.with_name(path.name + ending).unlink(missing_ok=True)


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
