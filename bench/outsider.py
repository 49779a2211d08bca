"""Is every email of a mailbox in Threadline's store, once? Asked without Threadline: plain IMAP against plain SQL.

    python bench/outsider.py --host H --port N --user U --password-file F --store threadline.sqlite3
                             [--mailbox ADDRESS] [--folder INBOX --folder Sent] [--security tls|starttls|none]

Every UID and Message-ID that the server lists in the folders is compared with what the store holds of them. It imports
Python's standard library and nothing else, so it shares no mistake with what it checks. Prints JSON; exit status 1
when an email is absent or doubled.

absent    on the server, and neither its UID nor, whatever its number, its Message-ID is held for this mailbox; or
          its UID is held under another Message-ID
aside     absent, and the ledger says why: listed apart and never counted as held
doubled   more rows than emails: a UID held twice, or a Message-ID held more often than the server ever showed it
gone      held as being there, and not on the server any more
"""

from __future__ import annotations

import argparse
import imaplib
import json
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

FOLDERS = ("INBOX", "Sent")
_UID = re.compile(rb"\bUID (\d+)")
_BRACKETS = re.compile(r"<([^<>]+)>")
_VALIDITY = re.compile(r"\d+")

COPIES = """
SELECT c.remote_id, c.generation, m.id, coalesce(m.message_id, '') FROM storage_copy c
JOIN storage_folder f ON f.id = c.folder_id JOIN storage_message m ON m.id = c.message_id
JOIN storage_mailbox b ON b.id = c.mailbox_id
WHERE b.address = :mailbox AND f.remote_name = :folder AND c."where" = 'here' AND NOT c.awaits_text
"""
LEDGER = """
SELECT l.remote_id, l.generation, l.reason FROM storage_ledgerentry l
JOIN storage_folder f ON f.id = l.folder_id JOIN storage_mailbox b ON b.id = l.mailbox_id
WHERE b.address = :mailbox AND f.remote_name = :folder
"""
MESSAGES = """
SELECT coalesce(m.message_id, ''), count(DISTINCT m.id) FROM storage_copy c
JOIN storage_message m ON m.id = c.message_id JOIN storage_mailbox b ON b.id = c.mailbox_id
WHERE b.address = :mailbox GROUP BY 1
"""


def on_server(connection: imaplib.IMAP4, folder: str) -> tuple[str, dict[int, str]]:
    """The folder's UIDVALIDITY, and the Message-ID ("" for none) of each UID. Opened read-only."""
    status, answer = connection.select(f'"{folder}"', readonly=True)
    if status != "OK":
        raise SystemExit(f"{folder} cannot be opened: {answer!r}")
    validity = _VALIDITY.search(repr(connection.untagged_responses["UIDVALIDITY"]))
    status, parts = connection.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    if status != "OK" or validity is None:
        raise SystemExit(f"{folder} cannot be listed: {parts!r}")
    return validity[0], dict(_listed(parts))


def _listed(parts: list[Any]) -> Iterator[tuple[int, str]]:
    """imaplib gives (what stands before the literal, the literal), and what stands after it by itself."""
    for part, after in zip(parts, [*parts[1:], b""], strict=True):
        if isinstance(part, tuple):
            tail = after if isinstance(after, bytes) else b""
            uid = _UID.search(part[0]) or _UID.search(tail)
            if uid is None:
                raise SystemExit(f"an answer without a UID: {part[0]!r}")
            yield int(uid[1]), _message_id(part[1])


def _message_id(header: bytes) -> str:
    value = "".join(header.decode("utf-8", "replace").partition(":")[2].split())
    found = _BRACKETS.search(value)
    return found[1] if found else value


def compare(connection: imaplib.IMAP4, store: sqlite3.Connection, mailbox: str, folders: tuple[str, ...]) -> Any:
    """The figures for each folder and together."""
    held_at_all = dict(store.execute(MESSAGES, {"mailbox": mailbox}))
    shown: Counter[str] = Counter()
    found: dict[str, Any] = {}
    for folder in folders:
        validity, listed = on_server(connection, folder)
        shown.update(listed.values())
        named = {"mailbox": mailbox, "folder": folder}
        rows = store.execute(COPIES, named).fetchall()
        set_aside = {
            int(uid): reason for uid, generation, reason in store.execute(LEDGER, named) if generation == validity
        }
        found[folder] = _folder(validity, listed, rows, held_at_all, set_aside)
    # A Message-ID may rightly be on the server several times. One that left the server stays held: once.
    several = {name: count - max(shown[name], 1) for name, count in held_at_all.items() if name}
    doubled_messages = sorted(name for name, count in several.items() if count > 0)
    total = {key: sum(len(each[key]) for each in found.values()) for key in ("absent", "aside", "doubled", "gone")}
    total["doubled"] += len(doubled_messages)
    counted = {key: sum(each[key] for each in found.values()) for key in ("on_server", "held")}
    return {"folders": found, "doubled_messages": doubled_messages, "total": counted | total}


def _folder(
    validity: str,
    listed: dict[int, str],
    rows: list[tuple[str, str, int, str]],
    held_at_all: dict[str, int],
    set_aside: dict[int, str],
) -> dict[str, Any]:
    by_uid: dict[int, list[str]] = {}
    for remote_id, generation, _, message_id in rows:
        if generation == validity and remote_id.isdecimal():
            by_uid.setdefault(int(remote_id), []).append(message_id)
    absent, aside = [], []
    for uid, message_id in listed.items():
        if uid in by_uid and message_id in by_uid[uid]:
            continue
        if uid in set_aside:
            aside.append({"uid": uid, "message_id": message_id, "reason": set_aside[uid]})
        elif uid in by_uid or not message_id or message_id not in held_at_all:
            absent.append({"uid": uid, "message_id": message_id})
        else:  # held under another number: not lost, but its place is not known
            absent.append({"uid": uid, "message_id": message_id, "held_elsewhere": True})
    doubled = [uid for uid, names in by_uid.items() if len(names) > 1]
    doubled += [int(uid) for uid, generation, _, _ in rows if generation != validity]  # a number that is void
    return {
        "on_server": len(listed),
        "held": sum(uid in by_uid and name in by_uid[uid] for uid, name in listed.items()),
        "absent": absent,
        "aside": aside,
        "doubled": sorted(doubled),
        "gone": sorted(by_uid.keys() - listed.keys()),
    }


def connect(host: str, port: int, security: str) -> imaplib.IMAP4:
    if security == "tls":
        return imaplib.IMAP4_SSL(host, port)
    connection = imaplib.IMAP4(host, port)
    if security == "starttls":
        connection.starttls()
    return connection


def main() -> int:
    options = argparse.ArgumentParser(description="Compare a mailbox with Threadline's store, without Threadline.")
    options.add_argument("--host", required=True)
    options.add_argument("--port", type=int, default=993)
    options.add_argument("--security", choices=("tls", "starttls", "none"), default="tls")
    options.add_argument("--user", required=True)
    options.add_argument("--password-file", type=Path, required=True)
    options.add_argument("--store", type=Path, required=True, help="threadline.sqlite3 of the data folder")
    options.add_argument("--mailbox", help="its address in Threadline; the user by default")
    options.add_argument("--folder", action="append", help=f"may be given several times; default {FOLDERS}")
    chosen = options.parse_args()
    with (
        connect(chosen.host, chosen.port, chosen.security) as connection,
        closing(sqlite3.connect(f"{chosen.store.resolve().as_uri()}?mode=ro", uri=True)) as store,
    ):
        connection.login(chosen.user, chosen.password_file.read_text().strip("\n"))
        folders = tuple(chosen.folder or FOLDERS)
        found = compare(connection, store, chosen.mailbox or chosen.user, folders)
    print(json.dumps(found, indent=1))
    return int(bool(found["total"]["absent"] or found["total"]["doubled"]))


if __name__ == "__main__":
    sys.exit(main())
