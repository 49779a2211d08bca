"""Threadline as its users run it: by its own command, on a data folder of its own on the real disk."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from bench.environment import python
from bench.generator import correspondent
from bench.server import OUT, PASSWORD, Mailbox, Server

COMPANY = "Agency"
CREATED = "2000-01-01 00:00:00"


class RunDoesNotCount(Exception):
    """The product did not do what the run is about."""


@dataclass(frozen=True)
class Installation:
    """A data folder, and the environment that a command needs to use it."""

    folder: Path
    address: str
    database: str = ""  # DATABASE_URL; "" for the embedded store

    @property
    def environment(self) -> dict[str, str]:
        left = ("THREADLINE_", "DATABASE_", "PYTHONDONTWRITEBYTECODE")  # an installed program is compiled once
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
        given = {"DATABASE_URL": self.database} if self.database else {}
        return kept | given | {"THREADLINE_DATA_DIR": str(self.folder), "THREADLINE_ALLOW_HOSTS": "127.0.0.1"}

    def command(self, *arguments: str) -> list[str]:
        return [python(), "-m", "threadline.cli", *arguments]

    def run(self, *arguments: str) -> Any:
        """Run a command to its end; its answer read as JSON."""
        return json.loads(self._said(*arguments))

    def lines(self, *arguments: str) -> Iterator[Any]:
        """The same for a command that prints an object a line."""
        return map(json.loads, self._said(*arguments).splitlines())

    def _said(self, *arguments: str) -> str:
        done = subprocess.run(
            self.command(*arguments, "--json"), env=self.environment, capture_output=True, check=False, text=True
        )
        if done.returncode != 0:
            raise RunDoesNotCount(f"threadline {' '.join(arguments)}: {done.stdout[-500:]} {done.stderr[-2000:]}")
        return done.stdout

    def ask(self, *command: str) -> Any:
        """Run another program on this installation; the JSON it prints."""
        environment = self.environment | {"THREADLINE_TESTING": "1"}
        return json.loads(
            subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
        )

    def reading(self) -> sqlite3.Connection:
        """The store, to be looked at while the product is at work."""
        return sqlite3.connect(f"file:{self.folder / 'threadline.sqlite3'}?mode=ro", uri=True)

    def refresh(self) -> Any:
        return self.run("mailbox", "refresh", self.address)

    def expect_whole(self, word: str, count: int | None = None) -> None:
        """Every mail is accounted for, and the one with this word is found by search."""
        check = self.run("mailbox", "verify", self.address)
        held = sum(folder["held"] for folder in check["folders"])
        if not check["complete"] or (count is not None and held != count):
            raise RunDoesNotCount(f"not complete: {check}")
        found = self._found(word)
        if found != 1:
            raise RunDoesNotCount(f"the search for {word} found {found} mails")

    def _found(self, word: str) -> int:
        """How many mails the text index has under this word."""
        if self.database:
            with psycopg.connect(self.database) as store:
                asked = "SELECT count(*) FROM search_body WHERE document @@ plainto_tsquery('simple', %s)"
                return int((store.execute(asked, [word]).fetchone() or (0,))[0])
        with closing(sqlite3.connect(self.folder / "search.sqlite3")) as index:
            asked = "SELECT count(*) FROM words WHERE words MATCH ?"
            return int(index.execute(asked, [f'"{word}"']).fetchone()[0])

    @contextmanager
    def copied(self) -> Iterator[Installation]:
        """The same installation once more, to be used and thrown away."""
        folder = OUT / f"run-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        os.sync()  # what the copy left to be written is not part of the run
        try:
            yield replace(self, folder=folder)
        finally:
            shutil.rmtree(folder)


@contextmanager
def installed(
    server: Server, mailbox: Mailbox, *, people: int, port: int | None = None, database: str = ""
) -> Iterator[Installation]:
    """An installation with a company, a connected mailbox without any mail yet, and this many people."""
    folder = OUT / f"installation-{mailbox.name}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    installation = Installation(folder, server.user(mailbox), database)
    folder.mkdir(parents=True)
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        installation.run("company", "add", COMPANY)
        installation.run("user", "add", installation.address, "--company", COMPANY, "--password-file", str(password))
        where = ("--imap-host", "127.0.0.1", "--imap-port", str(port or server.port), "--imap-security", "none")
        user = ("--user", installation.address, "--password-file", str(password))
        installation.run("mailbox", "add", installation.address, *where, *user)
        if database:
            add_people_to_postgres(database, people)
        else:
            add_people(folder / "threadline.sqlite3", people)
        yield installation
    finally:
        shutil.rmtree(folder)


_PEOPLE = {
    "storage_person": ("id", "company_id", "kind", "name", "created_at"),
    "storage_emailaddress": ("id", "company_id", "key"),
    "storage_personaddress": ("person_id", "address_id", "as_written", '"primary"'),
}


def _people(company: int, count: int) -> Iterator[tuple[str, Iterator[tuple[object, ...]]]]:
    """The rows of each table. Every second correspondent of the generated mail is a person, with a primary address."""
    people = [(number, *correspondent(number * 2)) for number in range(1, count + 1)]
    yield "storage_person", ((number, company, "candidate", name, CREATED) for number, name, _ in people)
    yield "storage_emailaddress", ((number, company, address) for number, _, address in people)
    yield "storage_personaddress", ((number, number, address, True) for number, _, address in people)


def add_people(store: Path, count: int) -> None:
    """So many people into an embedded store."""
    with closing(sqlite3.connect(store)) as database:
        with database:
            (company,) = database.execute("SELECT id FROM storage_company").fetchone()
            for table, rows in _people(company, count):
                columns = _PEOPLE[table]
                into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
                database.executemany(into, rows)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def add_people_to_postgres(url: str, count: int) -> None:
    """So many people into a PostgreSQL store."""
    with psycopg.connect(url) as database:
        (company,) = database.execute("SELECT id FROM storage_company").fetchone() or (0,)
        for table, rows in _people(company, count):
            with database.cursor().copy(f"COPY {table} ({', '.join(_PEOPLE[table])}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            if "id" in _PEOPLE[table]:
                database.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {count})")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("VACUUM ANALYZE")
