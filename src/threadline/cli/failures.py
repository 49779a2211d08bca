"""What an error becomes: one clear sentence on standard error and an exit status.

Expected failures say what happened and who acts next. Of an unexpected one the traceback goes to the log, never to the
terminal. With `--json` the sentence is an object: {"error", "field"}; standard output stays empty of errors.
"""

# ruff: noqa: PLC0415  a command that never loaded Django must not load it to fail

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from threadline.cli.output import safe
from threadline.config.environment import BadSetting, read
from threadline.config.keyfile import KeyFileUnusable
from threadline.domain.errors import ProviderError

FAILED, WRONG_USE, STOPPED = 1, 2, 130


def explain_failure(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong; returns the exit status."""
    status, sentence, field = _known(error) or (FAILED, _unexpected(error), "")
    if as_json:
        sys.stderr.write(json.dumps({"error": sentence, "field": field or None}) + "\n")
    else:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            sys.stderr.write(f"{safe(error.ctx.get_usage())}\n")
        sys.stderr.write(f"{safe(sentence)}\n")
    return status


def _known(error: BaseException) -> tuple[int, str, str] | None:
    """(exit status, sentence, field) of an expected failure."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return STOPPED, "Stopped. Nothing was left half done.", ""
    if isinstance(error, click.UsageError):
        return WRONG_USE, _sentence(error.format_message()), _parameter(error)
    if isinstance(error, click.ClickException):
        return FAILED, _sentence(error.format_message()), ""
    if isinstance(error, BadSetting):
        return WRONG_USE, str(error), ""
    if isinstance(error, KeyFileUnusable):
        return FAILED, str(error), ""
    return _of_the_store(error) or _of_the_services(error)


def _of_the_store(error: BaseException) -> tuple[int, str, str] | None:
    if isinstance(error, OSError) and error.filename is not None:
        return FAILED, _of_a_file(error), ""
    if "django.db" not in sys.modules:
        return None
    from django.db import DatabaseError, OperationalError

    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        # The disk is full, a file is damaged, or it is ours: a statement that no store takes.
        _write_traceback(error)
        return FAILED, _of_the_database(error), ""
    return None


def _of_a_file(error: OSError) -> str:
    folder, path = _data_folder(), Path(os.fsdecode(error.filename))
    if folder is None or not (path.is_relative_to(folder) or folder.is_relative_to(path)):
        return f"{path} cannot be used: {_reason(error)}."
    reason = "it is not a folder" if folder.exists() and not folder.is_dir() else _reason(error)
    remedy = "Make room on its disk" if error.errno == errno.ENOSPC else _LET_US_WRITE
    return f"The data folder {folder} cannot be used: {reason}. {remedy}, or {_ANOTHER_FOLDER}."


_REASONS = {
    errno.EACCES: "this user lacks the permission",
    errno.EPERM: "this user lacks the permission",
    errno.EROFS: "it can only be read",
    errno.ENOSPC: "its disk is full",
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "a part of its path is not a folder",
}
_LET_US_WRITE = "Let this user write there"
_ANOTHER_FOLDER = "name another folder with THREADLINE_DATA_DIR"


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())


def _data_folder() -> Path | None:
    try:
        folder: Path = read()["THREADLINE_DATA_DIR"]
    except BadSetting:
        return None
    return folder


def _of_the_database(error: BaseException) -> str:
    """The words of SQLite and PostgreSQL are for programmers; what is not known among them is quoted."""
    from django.db import connection

    text, folder = str(error), _data_folder()
    if connection.vendor == "postgresql":
        # Without an SQLSTATE it is not the database's answer: there was no connection, or it broke off.
        if getattr(error.__cause__, "sqlstate", None) is None:
            at = connection.settings_dict
            place = f"{at['HOST'] or 'this machine'}{', port ' + at['PORT'] if at['PORT'] else ''}"
            return (
                f"The database {at['NAME']} at {place} cannot be reached: {_of_a_connection(text)}. "
                "Look whether it runs and whether DATABASE_URL is right. What was done before stays."
            )
    elif folder is not None and (said := _of_the_disk(folder, text)):
        return f"{said}, or {_ANOTHER_FOLDER}. What was done before stays."
    return f"The store cannot be used: {_sentence(text)} What was done before it stays."


_ROOM = 256 * 1024  # bytes: with less, SQLite cannot make the small files that it needs beside each of its own


def _of_the_disk(folder: Path, text: str) -> str:
    """What is wrong with the disk and what helps, where that is behind SQLite's words."""
    may_be_full = "disk I/O error" in text or "unable to open" in text
    if "is full" in text or (may_be_full and _room(folder) < _ROOM):
        return f"The store in {folder} cannot be used: its disk is full. Make room there"
    if "readonly" not in text and "unable to open" not in text:
        return ""
    ours = [path for name in ("search", "threadline") for path in sorted(folder.glob(f"{name}.sqlite3*"))]
    closed = [path for path in ours if not os.access(path, os.W_OK)]
    if closed and os.access(folder, os.W_OK):
        return f"{closed[0]} cannot be used: this user may not write it. Let this user write it"
    return f"The store in {folder} cannot be used: this user may not write there. {_LET_US_WRITE}"


def _room(folder: Path) -> int:
    """Bytes that this user may still write there; none, where no file can be made."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return _ROOM  # it is not known to be full
    return 0 if disk.f_files and not disk.f_favail else disk.f_bavail * disk.f_frsize


def _of_a_connection(text: str) -> str:
    known = {
        "Connection refused": "nothing answers there",
        "No such file": "nothing answers there",
        "resolve": "its name was not found",
        "translate host name": "its name was not found",
        "timeout": "it did not answer in time",
        "authentication failed": "it did not accept the user name and the password",
        "does not exist": "there is no such database, or no such user",
    }
    return next((said for words, said in known.items() if words in text), "the connection broke off")


def _of_the_services(error: BaseException) -> tuple[int, str, str] | None:
    if "threadline.services.errors" not in sys.modules:
        return None
    from threadline.services import connect
    from threadline.services.errors import Refused
    from threadline.storage.leases import Busy, LeaseLost
    from threadline.storage.sealing import SealBroken

    if isinstance(error, Refused):
        return FAILED, error.sentence, error.field
    if isinstance(error, ProviderError):
        return FAILED, connect.sentence_of(error), ""
    if isinstance(error, Busy):
        return FAILED, "This mailbox is being refreshed already. Try again when that has ended.", ""
    if isinstance(error, LeaseLost):
        return FAILED, "Another refresh took this mailbox over and goes on; nothing is lost.", ""
    if isinstance(error, SealBroken):
        remedy = "Restore the key file from the backup, or sign in again: threadline mailbox reconnect ADDRESS"
        return FAILED, f"{error} {remedy}", ""
    return None


def _parameter(error: click.UsageError) -> str:
    parameter = getattr(error, "param", None)
    return (parameter.name or "") if isinstance(parameter, click.Parameter) else ""


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _unexpected(error: BaseException) -> str:
    sentence = "Something went wrong on our side"
    log = _write_traceback(error)
    return f"{sentence}; details in the log: {log}" if log else f"{sentence}: {type(error).__name__}."


def _write_traceback(error: BaseException) -> Path | None:
    """Append the traceback (never values of variables) to the log; None when the log cannot be written either."""
    try:
        path: Path = read()["THREADLINE_DATA_DIR"] / "log" / "errors.log"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"--- {datetime.now(UTC).isoformat(timespec='seconds')}\n")
            log.writelines(traceback.format_exception(error))
    except (OSError, BadSetting):
        return None
    return path
