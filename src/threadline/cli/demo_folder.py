"""The demo's data folder: before one starts, and for commands that are run beside it.

A demo works in a data folder of its own, and only one at a time. Looks, and changes nothing but the demo's own lock
file.
"""

# ruff: noqa: PLC0415  only an installation that uses PostgreSQL needs its driver

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Mapping, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

_ANOTHER = "give the demo another folder with THREADLINE_DATA_DIR"
_ASK = "SELECT 1 FROM storage_company LIMIT 1"


class CannotServe(click.ClickException):
    """The pages cannot be served; the message says why and what to do."""

    exit_code = 1


def check(environment: Mapping[str, Any]) -> None:
    """Raises CannotServe where the demo must not, or cannot, work in the data folder."""
    folder: Path = environment["THREADLINE_DATA_DIR"]
    sandbox = folder / "sandbox"
    if not sandbox.exists() and _holds_a_company(folder, environment["DATABASE_URL"]):
        raise CannotServe(f"{folder} holds an installation of its own; {_ANOTHER}.")
    try:
        sandbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        raise CannotServe(f"The demo cannot make its folder {sandbox}; {_ANOTHER}.") from None
    if not os.access(sandbox, os.W_OK | os.X_OK):
        raise CannotServe(f"The demo cannot write into its folder {sandbox}; let this user write there, or {_ANOTHER}.")
    if _in_use(sandbox / "sandbox.lock"):
        raise CannotServe(f"A demo is running in {folder} already; stop it, or {_ANOTHER}.")


def _holds_a_company(folder: Path, database: Mapping[str, Any] | None) -> bool:
    """Asked without Django, whose settings make the folder and the key. What cannot be read is said later on."""
    if database is not None:
        return _postgresql_holds_a_company(database)
    store = folder / "threadline.sqlite3"
    if not store.is_file():
        return False
    try:
        # Not mode=ro: a reader that may not write leaves the files of the write-ahead log behind.
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=rw", uri=True)) as connection:
            return connection.execute(_ASK).fetchone() is not None
    except sqlite3.Error:
        return False


def _postgresql_holds_a_company(database: Mapping[str, Any]) -> bool:
    import psycopg

    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    parameters = {names[key]: value for key, value in database.items() if value and key in names}
    try:
        with psycopg.connect(**parameters, connect_timeout=10) as connection:
            return connection.execute(_ASK).fetchone() is not None
    except psycopg.Error:
        return False


def clock_file(folder: Path) -> Path:
    """The file that the panel of a demo in this data folder writes, to let days pass."""
    return folder / "sandbox" / "now"


def live_at_its_time(environment: Mapping[str, Any], environ: MutableMapping[str, str]) -> None:
    """Let a command beside a demo that runs tell the time that the demo tells.

    Nothing else ever does: not where the demo is stopped, whose folder may be used without it, and not where the clock
    was set otherwise.
    """
    folder: Path = environment["THREADLINE_DATA_DIR"]
    moved = clock_file(folder)
    if environment["THREADLINE_NOW_FILE"] or not moved.exists() or not _in_use(folder / "sandbox" / "sandbox.lock"):
        return
    environ.update({"THREADLINE_DEMO": "1", "THREADLINE_NOW_FILE": str(moved)})


def _in_use(lock: Path) -> bool:
    """The sandbox holds a lock on this file as long as it runs."""
    try:
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        raise CannotServe(f"The demo cannot use {lock}; let this user write there, or {_ANOTHER}.") from None
    return False
