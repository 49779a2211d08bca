"""One mailbox: its folders and messages, and the log of changes the delta feed is read from.

A message keeps its immutable id for life; its other id changes with every move. Every change of a folder's content
is a row of `change`, written in the same transaction.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from threadline.sandbox.microsoft import parsing
from threadline.sandbox.microsoft.database import Database, made_up_id, seconds

# Well-known name, what the mailbox's owner sees, and whether it is hidden (English; a language may be chosen).
FOLDERS = (
    ("archive", "Archive", False), ("clutter", "Clutter", True), ("conversationhistory", "Conversation History", False),
    ("deleteditems", "Deleted Items", False), ("drafts", "Drafts", False), ("inbox", "Inbox", False),
    ("junkemail", "Junk Email", False), ("outbox", "Outbox", False), ("sentitems", "Sent Items", False),
    ("conflicts", "Conflicts", True), ("localfailures", "Local Failures", True), ("scheduled", "Scheduled", True),
    ("searchfolders", "Search Folders", True), ("serverfailures", "Server Failures", True),
    ("syncissues", "Sync Issues", True),
)  # fmt: skip
LANGUAGES = {
    "de": {"inbox": "Posteingang", "sentitems": "Gesendete Elemente", "drafts": "Entwürfe", "archive": "Archiv",
           "deleteditems": "Gelöschte Elemente", "junkemail": "Junk-E-Mail", "outbox": "Postausgang"},
    "sv": {"inbox": "Inkorg", "sentitems": "Skickat", "drafts": "Utkast", "archive": "Arkiv",
           "deleteditems": "Borttaget", "junkemail": "Skräppost", "outbox": "Utkorg"},
}  # fmt: skip
_OUTGOING = ("sentitems", "drafts", "outbox")


class NotThereError(Exception):
    """No folder or message of this id, or of this name."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What watchers are told: a folder's message was created, updated or deleted."""

    user: str
    folder: int
    message: int
    kind: str
    immutable: str
    rest: str


class Mailbox:
    """The mailbox of one user."""

    def __init__(self, db: Database, user: str, watch: Callable[[Changed], None], now: Callable[[], datetime]) -> None:
        self.db = db
        self.user = user
        self._watch = watch
        self._now = now

    # -- folders -------------------------------------------------------------------------------------------

    def create(self, language: str = "en") -> None:
        """The folders every mailbox has."""
        names = LANGUAGES.get(language, {})
        with self.db.transaction():
            root = self._add("Top of Information Store", None, "msgfolderroot")
            for well_known, name, hidden in FOLDERS:
                self._add(names.get(well_known, name), root, well_known, hidden=hidden)
            recoverable = self._add("Recoverable Items", None, "recoverableitemsroot", hidden=True)
            self._add("Deletions", recoverable, "recoverableitemsdeletions", hidden=True)

    def _add(self, name: str, parent: int | None, well_known: str = "", *, hidden: bool = False) -> int:
        made = self.db.run(
            "insert into folder (user, public, parent, name, well_known, hidden) values (?, ?, ?, ?, ?, ?)",
            self.user, made_up_id("AAMkAGI2", 81) + "AAA=", parent, name, well_known, hidden,
        )  # fmt: skip
        return int(made.lastrowid or 0)

    def folders(self) -> list[sqlite3.Row]:
        """Every folder, by name."""
        return self.db.all("select * from folder where user = ? order by name collate nocase, id", self.user)

    def folder(self, key: str) -> sqlite3.Row:
        """The folder of this id or well-known name. NotThereError."""
        found = self.db.one(
            "select * from folder where user = ? and (public = ? or (well_known = lower(?) and well_known != ''))",
            self.user, key, key,
        )  # fmt: skip
        if found is None:
            raise NotThereError(key)
        return found

    def named(self, path: str, *, create: bool = False) -> sqlite3.Row:
        """The folder a person means: an id, a well-known name, or `Clients/Acme`, which can be made. NotThereError."""
        try:
            return self.folder(path)
        except NotThereError:
            parent = self.folder("msgfolderroot")
        for name in path.split("/"):
            if not name.strip():
                raise NotThereError(path)
            found = self.db.one("select * from folder where parent = ? and name = ? collate nocase", parent["id"], name)
            if found is None and not create:
                raise NotThereError(path)
            parent = found or self.by_key(self._add(name, parent["id"]))
        return parent

    def by_key(self, key: int) -> sqlite3.Row:
        """The folder of this row. NotThereError."""
        found = self.db.one("select * from folder where id = ?", key)
        if found is None:
            raise NotThereError(str(key))
        return found

    def rename(self, folder: sqlite3.Row, name: str) -> None:
        """Its id stays."""
        self.db.run("update folder set name = ? where id = ?", name, folder["id"])

    def delete_folder(self, folder: sqlite3.Row) -> None:
        """The folder, those below it, and what is in them. Its delta feed is gone with it."""
        with self.db.transaction():
            for below in self.db.all("select * from folder where parent = ?", folder["id"]):
                self.delete_folder(below)
            for row in self.db.all("select * from message where folder = ?", folder["id"]):
                self.delete(row)
            self.db.run("delete from folder where id = ?", folder["id"])

    # -- messages ------------------------------------------------------------------------------------------

    def message(self, key: str) -> sqlite3.Row:
        """The message of this id, of either kind; ids are case-sensitive. NotThereError."""
        found = self.db.one("select * from message where user = ?1 and (immutable = ?2 or rest = ?2)", self.user, key)
        if found is None:
            raise NotThereError(key)
        return found

    def deliver(
        self, folder: sqlite3.Row, raw: bytes, received: datetime, *, is_read: bool = False,
        references: tuple[dict[str, str], ...] = (),
    ) -> sqlite3.Row:  # fmt: skip
        """A new message. Bare line feeds become CRLF. `references` are attachments that are links (name, url)."""
        raw = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
        outgoing = folder["well_known"] in _OUTGOING
        found = parsing.facts(raw, outgoing=outgoing, received=received)
        if references:
            found |= {"references": list(references), "hasAttachments": True}
        when, at = seconds(received), seconds(self._now())
        sent = seconds(datetime.fromisoformat(str(found["sentDateTime"])).astimezone(UTC))
        with self.db.transaction():
            content = self.db.run("insert into content (raw) values (?)", raw).lastrowid
            made = self.db.run(
                "insert into message (user, folder, immutable, rest, received, sent, created, modified, version,"
                " is_read, is_draft, has_attachments, internet_id, subject, from_address, sender_address,"
                " conversation, people, words, size, facts, content)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                self.user, folder["id"], made_up_id("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A", 27) + "AAA=",
                made_up_id("AAMkAGI2", 105) + "AAA=", when, sent, at, at, is_read, folder["well_known"] == "drafts",
                found["hasAttachments"], found["internetMessageId"], found["subject"], _address(found["from"]),
                _address(found["sender"]), found["conversation"], _people(found),
                found.pop("words"), len(raw), json.dumps(found, ensure_ascii=False), content,
            )  # fmt: skip
            row = self._row(int(made.lastrowid or 0))
            self._note(row, "created", folder["id"])
        return row

    def move(self, row: sqlite3.Row, folder: sqlite3.Row) -> sqlite3.Row:
        """Into another folder: the immutable id stays, the other one changes."""
        with self.db.transaction():
            self._note(row, "moved", row["folder"])
            self.db.run(
                "update message set folder = ?, rest = ?, modified = ?, version = version + 1 where id = ?",
                folder["id"], made_up_id("AAMkAGI2", 105) + "AAA=", seconds(self._now()), row["id"],
            )  # fmt: skip
            moved = self._row(row["id"])
            self._note(moved, "created", folder["id"])
        return moved

    def delete(self, row: sqlite3.Row) -> None:
        """For good, as when Deleted Items is emptied."""
        with self.db.transaction():
            self._note(row, "deleted", row["folder"])
            self.db.run("delete from message where id = ?", row["id"])
            self.db.run("delete from content where id = ?", row["content"])

    def mark_read(self, row: sqlite3.Row, *, is_read: bool) -> sqlite3.Row:
        """Read or unread."""
        with self.db.transaction():
            self.db.run(
                "update message set is_read = ?, modified = ?, version = version + 1 where id = ?",
                is_read, seconds(self._now()), row["id"],
            )  # fmt: skip
            self._note(row, "updated", row["folder"])
        return self._row(row["id"])

    def raw(self, row: sqlite3.Row) -> bytes:
        """The message's bytes."""
        found = self.db.one("select raw from content where id = ?", row["content"])
        return bytes(found[0]) if found else b""

    def counts(self) -> dict[int, tuple[int, int, int]]:
        """Per folder: messages, unread ones, bytes."""
        rows = self.db.all(
            "select folder, count(*), sum(1 - is_read), sum(size) from message where user = ? group by folder",
            self.user,
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    def _row(self, key: int) -> sqlite3.Row:
        found = self.db.one("select * from message where id = ?", key)
        if found is None:
            raise NotThereError(str(key))
        return found

    def _note(self, row: sqlite3.Row, kind: str, folder: int) -> None:
        self.db.run(
            "insert into change (folder, message, kind, immutable, rest, at) values (?, ?, ?, ?, ?, ?)",
            folder, row["id"], kind, row["immutable"], row["rest"], seconds(self._now()),
        )  # fmt: skip
        self._watch(Changed(self.user, folder, row["id"], kind, row["immutable"], row["rest"]))


def _address(party: object) -> str:
    return str(party["emailAddress"]["address"]).lower() if isinstance(party, dict) else ""


def _people(found: dict[str, object]) -> str:
    """Everybody in the message, for searching: a line per person, its field in front."""
    lines = []
    for field in ("from", "toRecipients", "ccRecipients", "bccRecipients"):
        value = found[field]
        parties = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
        for named in (party["emailAddress"] for party in parties):
            lines += [f"{field} {named['name']} {named['address']}".lower()]
    return "\n".join(lines)
