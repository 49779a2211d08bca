"""The one SQLite file behind the simulated Entra and Graph, and what every part of the simulation does with it."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
create table if not exists setting (name text primary key, value text not null);
create table if not exists tenant (
    tid text primary key, domain text not null unique, admin_consent text not null, known_app integer not null
);
create table if not exists user (
    oid text primary key, tid text not null, upn text not null unique, mail text not null, name text not null,
    password text not null, admin integer not null, kind text not null, state text not null, mfa text not null,
    satisfied integer not null, delta_generation integer not null
);
create table if not exists grant_ (
    tid text not null, oid text not null, scope text not null, primary key (tid, oid, scope)
);
create table if not exists code (
    code text primary key, oid text not null, scope text not null, redirect_uri text not null, challenge text not null,
    nonce text not null, issued integer not null, used integer not null
);
create table if not exists refresh (
    token text primary key, oid text not null, scope text not null, issued integer not null, mfa integer not null,
    satisfied integer not null, dead integer not null
);
create table if not exists folder (
    id integer primary key, user text not null, public text not null unique, parent integer, name text not null,
    well_known text not null, hidden integer not null
);
create table if not exists content (id integer primary key, raw blob not null);
create table if not exists message (
    id integer primary key autoincrement, user text not null, folder integer not null, immutable text not null unique,
    rest text not null unique, received integer not null, sent integer not null, created integer not null,
    modified integer not null, version integer not null, is_read integer not null, is_draft integer not null,
    has_attachments integer not null, internet_id text, subject text not null, from_address text not null,
    sender_address text not null, conversation text not null, people text not null, words text not null,
    size integer not null, facts text not null, content integer not null
);
create index if not exists message_newest on message (folder, received desc, id desc);
create index if not exists message_counts on message (user, folder, is_read, size);
create index if not exists message_internet_id on message (user, internet_id);
create table if not exists change (
    seq integer primary key autoincrement, folder integer not null, message integer not null, kind text not null,
    immutable text not null, rest text not null, at integer not null
);
create index if not exists change_folder on change (folder, seq);
create table if not exists subscription (
    id text primary key, user text not null, folder integer, body text not null, expires integer not null,
    immutable integer not null, removed integer not null
);
"""


class Database:
    """The file, opened. Only the event loop's thread uses it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / "microsoft.sqlite3"
        file.touch(mode=0o600)
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = wal", "synchronous = normal"):
            self.connection.execute(f"pragma {pragma}")
        self.connection.executescript(SCHEMA)
        self._depth = 0

    def run(self, sql: str, *values: object) -> sqlite3.Cursor:
        """One statement."""
        return self.connection.execute(sql, values)

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, None where there is none."""
        found: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return found

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Every row."""
        return self.connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one, part of that one."""
        if self._depth:
            yield
            return
        self.connection.execute("begin immediate")
        self._depth = 1
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        else:
            self.connection.execute("commit")
        finally:
            self._depth = 0

    def get(self, name: str, otherwise: object = None) -> object:
        """A setting, as JSON knows it."""
        row = self.one("select value from setting where name = ?", name)
        return json.loads(row[0]) if row else otherwise

    def set(self, name: str, value: object) -> None:
        """Keep a setting."""
        self.run("insert or replace into setting (name, value) values (?, ?)", name, json.dumps(value))

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def made_up_id(prefix: str, size: int) -> str:
    """An Exchange id: url-safe base64, case-sensitive, with its prefix."""
    return prefix + base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()


def seconds(moment: datetime) -> int:
    """Seconds since 1970."""
    return int(moment.timestamp())


def stamp(moment: int) -> str:
    """`2026-03-02T09:30:00Z`, as Graph writes times."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
