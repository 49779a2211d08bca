"""Where the mail is kept: one SQLite file per account, with its folders' listings in memory.

Every change is one transaction, committed before the in-memory listing changes and before any client reads
OK. A killed process therefore finds each account as its last answer left it.
"""

from __future__ import annotations

import re
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

from threadline.sandbox.imap.headers import header_end

SCHEMA = """
create table if not exists setting (name text primary key, value text not null);
create table if not exists folder (
    id integer primary key, name text not null unique, uid_validity integer not null,
    uid_next integer not null, highest_modseq integer not null, special_use text not null,
    subscribed integer not null, recent_from integer not null
);
create table if not exists content (id integer primary key, header blob not null, body blob not null);
create table if not exists message (
    folder integer not null references folder(id) on delete cascade, uid integer not null,
    flags text not null, modseq integer not null, received integer not null, zone integer not null,
    size integer not null, content integer not null, primary key (folder, uid)
) without rowid;
create index if not exists message_content on message (content);
"""
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
DELIMITER = "/"


class NoSuchFolderError(Exception):
    """The account has no folder of this name."""


class FolderExistsError(Exception):
    """The account has a folder of this name already."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored: its bytes, flags and INTERNALDATE (aware)."""

    raw: bytes
    received: datetime
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a folder as its listing knows it."""

    uid: int
    flags: frozenset[str]
    modseq: int
    received: int  # INTERNALDATE, seconds since 1970
    zone: int  # and the minutes east of Greenwich it was given in
    size: int
    content: int

    @property
    def internal_date(self) -> datetime:
        return datetime.fromtimestamp(self.received, timezone(timedelta(minutes=self.zone)))


class Watcher(Protocol):
    """Someone who has the folder open and is told of every change."""

    def arrived(self, uid: int) -> None: ...
    def changed(self, uid: int) -> None: ...
    def expunged(self, uid: int) -> None: ...
    def invalidated(self) -> None: ...


@dataclass(slots=True)
class Folder:
    """A folder and its listing. `uids` ascend and are the keys of `rows`."""

    id: int
    name: str
    uid_validity: int
    uid_next: int
    highest_modseq: int
    special_use: str = ""
    subscribed: bool = True
    recent_from: int = 1  # UIDs from here on have been shown to no session yet
    uids: list[int] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    watchers: list[Watcher] = field(default_factory=list)


class Account:
    """One account: its password, folders and messages."""

    def __init__(self, file: Path, *, name: str = "", password: str = "") -> None:
        file.touch(mode=0o600)
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute("pragma foreign_keys = on")
        self._db.executescript(SCHEMA)
        if name:
            self.set("name", name)
            self.set("password", password)
        self.folders: dict[str, Folder] = {}
        for folder in self._read_folders():
            self.folders[folder.name] = folder

    def _read_folders(self) -> Iterator[Folder]:
        for key, name, validity, following, modseq, use, subscribed, recent in self._db.execute(
            "select id, name, uid_validity, uid_next, highest_modseq, special_use, subscribed, recent_from from folder"
        ).fetchall():
            folder = Folder(key, name, validity, following, modseq, use, bool(subscribed), recent)
            for uid, flags, *rest in self._db.execute(
                "select uid, flags, modseq, received, zone, size, content from message where folder = ? order by uid",
                (key,),
            ):
                folder.uids.append(uid)
                folder.rows[uid] = Row(uid, frozenset(flags.split()), *rest)
            yield folder

    @property
    def name(self) -> str:
        return self.get("name")

    @property
    def password(self) -> str:
        """In the clear:

        these accounts exist to be looked at, and the demo tells the password to whoever asks.
        """
        return self.get("password")

    def get(self, setting: str) -> str:
        """A setting of the account, "" where it was never set."""
        found = self._db.execute("select value from setting where name = ?", (setting,)).fetchone()
        return str(found[0]) if found else ""

    def set(self, setting: str, value: str) -> None:
        """Keep a setting of the account."""
        self._db.execute("insert or replace into setting (name, value) values (?, ?)", (setting, value))

    def close(self) -> None:
        """Close the account's file."""
        self._db.close()

    # -- folders -------------------------------------------------------------------------------------------

    def folder(self, name: str) -> Folder:
        """The folder of this name, or NoSuchFolderError."""
        try:
            return self.folders[name]
        except KeyError:
            raise NoSuchFolderError(name) from None

    def create_folder(self, name: str, special_use: str = "") -> Folder:
        """A new folder, with a UIDVALIDITY no folder of this account ever had."""
        if name in self.folders:
            raise FolderExistsError(name)
        with self._transaction():
            validity = self._next_uid_validity()
            made = self._db.execute(
                "insert into folder"
                " (name, uid_validity, uid_next, highest_modseq, special_use, subscribed, recent_from)"
                " values (?, ?, 1, 1, ?, 1, 1)",
                (name, validity, special_use),
            )
        folder = Folder(int(made.lastrowid or 0), name, validity, 1, 1, special_use)
        self.folders[name] = folder
        return folder

    def delete_folder(self, name: str) -> None:
        """Remove a folder and what is in it."""
        folder = self.folder(name)
        contents = {row.content for row in folder.rows.values()}
        with self._transaction():
            self._db.execute("delete from folder where id = ?", (folder.id,))
            self._forget_unused_content(contents)
        del self.folders[name]
        _invalidate(folder)

    def rename_folder(self, old: str, new: str) -> None:
        """Rename a folder and those below it; UIDs and UIDVALIDITY stay with the messages."""
        self.folder(old)
        moves = {
            name: new + name[len(old) :] for name in self.folders if name == old or name.startswith(old + DELIMITER)
        }
        taken = set(moves.values()) & (set(self.folders) - set(moves))
        if taken:
            raise FolderExistsError(min(taken))
        with self._transaction():
            for name, target in moves.items():
                self._db.execute("update folder set name = ? where id = ?", (target, self.folders[name].id))
        for name, target in moves.items():
            folder = self.folders.pop(name)
            folder.name = target
            self.folders[target] = folder

    def subscribe(self, name: str, *, subscribed: bool) -> None:
        """Remember whether the folder is subscribed."""
        folder = self.folder(name)
        self._db.execute("update folder set subscribed = ? where id = ?", (subscribed, folder.id))
        folder.subscribed = subscribed

    def renumber(self, folder: Folder) -> int:
        """A new UIDVALIDITY: every message gets a new UID, and whoever has the folder open is thrown out."""
        with self._transaction():
            validity = self._next_uid_validity()
            # Upwards beyond all UIDs in use, so that the primary key never collides halfway.
            shift = folder.uid_next
            renamed = {uid: shift + place for place, uid in enumerate(folder.uids)}
            self._db.executemany(
                "update message set uid = ? where folder = ? and uid = ?",
                [(target, folder.id, uid) for uid, target in renamed.items()],
            )
            next_uid = shift + len(renamed)
            self._db.execute(
                "update folder set uid_validity = ?, uid_next = ?, highest_modseq = highest_modseq + 1 where id = ?",
                (validity, next_uid, folder.id),
            )
        folder.rows = {renamed[uid]: replace(row, uid=renamed[uid]) for uid, row in folder.rows.items()}
        folder.uids = sorted(folder.rows)
        folder.uid_validity, folder.uid_next = validity, next_uid
        folder.highest_modseq += 1
        _invalidate(folder)
        return validity

    # -- messages ------------------------------------------------------------------------------------------

    def append(self, folder: Folder, messages: Iterable[NewMessage]) -> list[int]:
        """Store messages; their UIDs. Bare line feeds become CRLF, as IMAP has no other line end."""
        made: list[Row] = []
        modseq = folder.highest_modseq + 1
        with self._transaction():
            for uid, message in enumerate(messages, folder.uid_next):
                raw = _BARE_NEWLINE.sub(b"\r\n", message.raw)
                cut = header_end(raw)
                stored = self._db.execute("insert into content (header, body) values (?, ?)", (raw[:cut], raw[cut:]))
                offset = message.received.utcoffset() or timedelta()
                moment, zone = int(message.received.timestamp()), int(offset.total_seconds() // 60)
                row = Row(uid, message.flags, modseq, moment, zone, len(raw), int(stored.lastrowid or 0))
                made.append(row)
            self._insert(folder, made, modseq)
        return self._announce_new(folder, made, modseq)

    def copy(self, source: Folder, uids: Sequence[int], target: Folder) -> list[int]:
        """Copy messages to another folder, with flags and INTERNALDATE; their new UIDs."""
        modseq = target.highest_modseq + 1
        made = [replace(source.rows[uid], uid=new, modseq=modseq) for new, uid in enumerate(uids, target.uid_next)]
        with self._transaction():
            self._insert(target, made, modseq)
        return self._announce_new(target, made, modseq)

    def move(self, source: Folder, uids: Sequence[int], target: Folder) -> list[int]:
        """Move messages in one transaction (RFC 6851); their new UIDs."""
        arrived, left = target.highest_modseq + 1, source.highest_modseq + 1
        if source is target:
            left = arrived + 1
        made = [replace(source.rows[uid], uid=new, modseq=arrived) for new, uid in enumerate(uids, target.uid_next)]
        with self._transaction():
            self._insert(target, made, arrived)
            self._remove(source, uids, left)
        new_uids = self._announce_new(target, made, arrived)
        self._announce_gone(source, uids, left)
        return new_uids

    def set_flags(self, folder: Folder, changes: dict[int, frozenset[str]]) -> None:
        """Give messages new flags."""
        if not changes:
            return
        modseq = folder.highest_modseq + 1
        with self._transaction():
            self._db.executemany(
                "update message set flags = ?, modseq = ? where folder = ? and uid = ?",
                [(" ".join(sorted(flags)), modseq, folder.id, uid) for uid, flags in changes.items()],
            )
            self._db.execute("update folder set highest_modseq = ? where id = ?", (modseq, folder.id))
        folder.highest_modseq = modseq
        for uid, flags in changes.items():
            folder.rows[uid] = replace(folder.rows[uid], flags=flags, modseq=modseq)
            for watcher in folder.watchers:
                watcher.changed(uid)

    def expunge(self, folder: Folder, uids: Sequence[int]) -> None:
        """Remove messages for good."""
        if not uids:
            return
        modseq = folder.highest_modseq + 1
        contents = {folder.rows[uid].content for uid in uids}
        with self._transaction():
            self._remove(folder, uids, modseq)
            self._forget_unused_content(contents)
        self._announce_gone(folder, uids, modseq)

    def take_recent(self, folder: Folder) -> int:
        """The first UID no session has been shown yet; from now on they all have been."""
        first = folder.recent_from
        if first != folder.uid_next:
            self._db.execute("update folder set recent_from = ? where id = ?", (folder.uid_next, folder.id))
            folder.recent_from = folder.uid_next
        return first

    def header(self, row: Row) -> bytes:
        """The header of a message, with the empty line."""
        return bytes(self._db.execute("select header from content where id = ?", (row.content,)).fetchone()[0])

    def raw(self, row: Row) -> bytes:
        """The whole message."""
        header, body = self._db.execute("select header, body from content where id = ?", (row.content,)).fetchone()
        return bytes(header) + bytes(body)

    # -- inside a transaction ------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _next_uid_validity(self) -> int:
        last = int(self.get("uid_validity") or 0)
        validity = max(last + 1, int(time.time()))
        self.set("uid_validity", str(validity))
        return validity

    def _insert(self, folder: Folder, rows: list[Row], modseq: int) -> None:
        self._db.executemany(
            "insert into message (folder, uid, flags, modseq, received, zone, size, content)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (folder.id, r.uid, " ".join(sorted(r.flags)), r.modseq, r.received, r.zone, r.size, r.content)
                for r in rows
            ],
        )
        self._db.execute(
            "update folder set uid_next = ?, highest_modseq = ? where id = ?",
            (folder.uid_next + len(rows), modseq, folder.id),
        )

    def _remove(self, folder: Folder, uids: Sequence[int], modseq: int) -> None:
        self._db.executemany("delete from message where folder = ? and uid = ?", [(folder.id, uid) for uid in uids])
        self._db.execute("update folder set highest_modseq = ? where id = ?", (modseq, folder.id))

    def _forget_unused_content(self, candidates: Iterable[int]) -> None:
        """Copies share their content; it goes with the last of them."""
        self._db.executemany(
            "delete from content where id = ?1 and not exists (select 1 from message where content = ?1)",
            [(content,) for content in candidates],
        )

    # -- after it ------------------------------------------------------------------------------------------

    def _announce_new(self, folder: Folder, rows: list[Row], modseq: int) -> list[int]:
        folder.uid_next += len(rows)
        folder.highest_modseq = modseq
        for row in rows:
            folder.uids.append(row.uid)
            folder.rows[row.uid] = row
            for watcher in folder.watchers:
                watcher.arrived(row.uid)
        return [row.uid for row in rows]

    def _announce_gone(self, folder: Folder, uids: Sequence[int], modseq: int) -> None:
        folder.highest_modseq = modseq
        gone = set(uids)
        for uid in uids:
            del folder.rows[uid]
            for watcher in folder.watchers:
                watcher.expunged(uid)
        if len(gone) == 1:
            del folder.uids[bisect_left(folder.uids, uids[0])]
        else:
            folder.uids = [uid for uid in folder.uids if uid not in gone]


def _invalidate(folder: Folder) -> None:
    for watcher in list(folder.watchers):
        watcher.invalidated()
