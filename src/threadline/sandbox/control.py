"""The verbs of the control API: look at the sandbox's mailboxes, and make trouble.

Each verb is a plain function from a JSON object to a JSON object; docs/guides/demo.md lists them for those who call.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from threadline.sandbox import clock
from threadline.sandbox.demo.compose import Letter, write
from threadline.sandbox.demo.people import characters
from threadline.sandbox.demo.scripts import paragraphs
from threadline.sandbox.demo.whole import MAILBOX, world
from threadline.sandbox.http import Json, ProblemError, Request
from threadline.sandbox.imap import Account, Folder, ImapServer, NewMessage, Row, Store, Throttle
from threadline.sandbox.imap.account import NoSuchFolderError
from threadline.sandbox.imap.headers import Header
from threadline.sandbox.imap.search import decode_words
from threadline.sandbox.microsoft import MicrosoftControl

_LONGEST_DELAY_MS = 120_000
_MOST_MESSAGES = 500


class Control:
    """Answers the requests of the control API."""

    def __init__(self, server: ImapServer, microsoft: MicrosoftControl) -> None:
        self._server = server
        self._microsoft = microsoft
        self._store = server.store
        self._verbs: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", "/v1/state"): self.state,
            ("GET", "/v1/accounts"): self.accounts,
            ("GET", "/v1/folders"): self.folders,
            ("GET", "/v1/messages"): self.messages,
            ("GET", "/v1/people"): self.people,
            ("GET", "/v1/templates"): self.templates,
            ("POST", "/v1/deliver"): self.deliver,
            ("POST", "/v1/file"): self.file,
            ("POST", "/v1/delete"): self.delete,
            ("POST", "/v1/password"): self.password,
            ("POST", "/v1/stop"): self.stop,
            ("POST", "/v1/uidvalidity"): self.uidvalidity,
            ("POST", "/v1/throttle"): self.throttle,
            ("POST", "/v1/delay"): self.delay,
            ("POST", "/v1/cut"): self.cut,
        }

    async def __call__(self, request: Request) -> Json:
        """The answer of the verb named, or ProblemError."""
        if request.path.startswith("/v1/microsoft/"):
            return await self._microsoft(request)
        if (request.method, request.path) == ("POST", "/v1/start"):
            return await self._start(request.body)
        verb = self._verbs.get((request.method, request.path))
        if verb is None:
            raise ProblemError(f"There is no {request.method} {request.path}", HTTPStatus.NOT_FOUND)
        return verb(request.body)

    # Looking

    def state(self, _: Json) -> Json:
        faults = self._server.faults
        return {
            "imap": {"host": "127.0.0.1", "port": self._server.port, "running": self._server.running},
            "throttle": faults.throttle.value,
            "delay_ms": faults.delay_ms,
            "cut_next_fetch": faults.cut_next_fetch,
            "now": clock.now().isoformat(),
        }

    def accounts(self, _: Json) -> Json:
        return {"accounts": accounts_json(self._store)}

    def folders(self, body: Json) -> Json:
        account = self._account(body)
        return {"folders": [_folder_json(account.folders[name]) for name in sorted(account.folders)]}

    def messages(self, body: Json) -> Json:
        account = self._account(body)
        folder = _folder(account, _text(body, "folder", "INBOX"))
        limit = _number(body, "limit", 50, _MOST_MESSAGES)
        newest = folder.uids[::-1][:limit]
        return {"messages": [_message_json(account, folder.rows[uid]) for uid in newest]}

    def people(self, _: Json) -> Json:
        found = [{"kind": p.kind, "name": p.name, "address": p.address} for p in characters()]
        return {"people": found}

    def templates(self, _: Json) -> Json:
        listed = [
            {"name": name, "subject": subject, "text": text} for name, (subject, text) in sorted(_templates().items())
        ]
        return {"templates": listed}

    # Mail

    def deliver(self, body: Json) -> Json:
        """A new email, from a person into a folder, or by the account's owner into Sent.

        An account of the sandbox's Microsoft 365 gets it there, into its Inbox.
        """
        name = _text(body, "account", MAILBOX)
        user = self._microsoft.service.directory.user(name) if self._store.account(name) is None else None
        if user is not None:
            raw = _written(body, _party(body), (user["name"], name))
            there = {"account": name, "mime_base64": base64.b64encode(raw).decode(), "at": body.get("at")}
            return self._microsoft.mail.deliver(there)
        account = self._account(body)
        person, owner = _party(body), (self._owner_name(account), account.name)
        folder = _folder(account, _text(body, "folder", "INBOX"), create=True)
        outgoing = folder.special_use == "\\Sent"
        raw = _written(body, owner, person) if outgoing else _written(body, person, owner)
        flags = frozenset({"\\Seen"}) if outgoing else frozenset()
        uid = account.append(folder, [NewMessage(raw, _moment(body), flags)])[0]
        return {"folder": folder.name, **_message_json(account, folder.rows[uid])}

    def file(self, body: Json) -> Json:
        """Move an email into another folder, which is created when missing."""
        account = self._account(body)
        source = _folder(account, _text(body, "folder", "INBOX"))
        row = _chosen(source, body)
        target = _folder(account, _text(body, "to", "Clients/Acme"), create=True)
        if target is source:
            raise ProblemError(f"The email is in {target.name} already")
        uid = account.move(source, [row.uid], target)[0]
        return {"folder": target.name, **_message_json(account, target.rows[uid])}

    def delete(self, body: Json) -> Json:
        account = self._account(body)
        folder = _folder(account, _text(body, "folder", "INBOX"))
        row = _chosen(folder, body)
        gone = _message_json(account, row)
        account.expunge(folder, [row.uid])
        return {"folder": folder.name, **gone}

    # Trouble

    def password(self, body: Json) -> Json:
        """A new password. Open connections are dropped, as after a security change."""
        account = self._account(body)
        chosen = _text(body, "password", f"{account.name.partition('@')[0]}-{secrets.token_hex(3)}")
        if not chosen or len(chosen) > 200:
            raise ProblemError("A password has between 1 and 200 characters")
        account.set("password", chosen)
        self._server.drop_connections()
        return account_json(account)

    def stop(self, body: Json) -> Json:
        self._server.stop()
        return self.state(body)

    async def _start(self, body: Json) -> Json:
        """Listen again, on the same port."""
        try:
            await self._server.start()
        except OSError:
            raise ProblemError(
                f"Port {self._server.port} has been taken by another program meanwhile", HTTPStatus.CONFLICT
            ) from None
        return self.state(body)

    def uidvalidity(self, body: Json) -> Json:
        account = self._account(body)
        folder = _folder(account, _text(body, "folder", "INBOX"))
        account.renumber(folder)
        return _folder_json(folder)

    def throttle(self, body: Json) -> Json:
        mode = _text(body, "mode", Throttle.LIMIT.value)
        if mode not in {one.value for one in Throttle}:
            raise ProblemError(f"{mode!r} is no way to throttle; expected off, limit or connections")
        self._server.faults.throttle = Throttle(mode)
        return self.state(body)

    def delay(self, body: Json) -> Json:
        self._server.faults.delay_ms = _number(body, "ms", 0, _LONGEST_DELAY_MS)
        return self.state(body)

    def cut(self, body: Json) -> Json:
        self._server.faults.cut_next_fetch = True
        return self.state(body)

    # Inside

    def _account(self, body: Json) -> Account:
        name = _text(body, "account", MAILBOX)
        account = self._store.account(name)
        if account is None:
            raise ProblemError(f"There is no account {name}", HTTPStatus.NOT_FOUND)
        return account

    def _owner_name(self, account: Account) -> str:
        users = world(clock.now()).users
        return next((user.name for user in users if user.email == account.name), "")


def _written(body: Json, sender: tuple[str, str], to: tuple[str, str]) -> bytes:
    """The email that is asked for: a template's, as far as no other words are given."""
    template = _text(body, "template", "thanks")
    if template not in _templates():
        raise ProblemError(f"There is no template {template!r}; expected one of {', '.join(sorted(_templates()))}")
    subject, text = _templates()[template]
    letter = Letter(
        sender=sender,
        to=(to,),
        subject=_text(body, "subject", subject),
        date=_moment(body).replace(microsecond=0),
        text=_text(body, "text", text).rstrip() + "\n",
        message_id=f"{secrets.token_hex(10)}@{sender[1].rpartition('@')[2]}",
    )
    try:
        return write(letter)
    except (ValueError, IndexError):
        raise ProblemError("Name, address or subject cannot be written into an email") from None


def _templates() -> dict[str, tuple[str, str]]:
    found = {}
    for heading, text in paragraphs("templates"):
        name, _, subject = heading.partition(" | ")
        found[name] = (subject, text)
    return found


def accounts_json(store: Store) -> list[dict[str, object]]:
    """The demo's own account first, at its first start and at every later one."""
    accounts = sorted(store.accounts.values(), key=lambda account: account.name != MAILBOX)
    return [account_json(account) for account in accounts]


def account_json(account: Account) -> dict[str, object]:
    """An account as the API and the ready file show it."""
    return {"address": account.name, "password": account.password, "folders": len(account.folders)}


def _folder_json(folder: Folder) -> dict[str, object]:
    return {
        "name": folder.name,
        "special_use": folder.special_use,
        "messages": len(folder.uids),
        "unseen": sum("\\Seen" not in row.flags for row in folder.rows.values()),
        "uid_validity": folder.uid_validity,
        "uid_next": folder.uid_next,
    }


def _message_json(account: Account, row: Row) -> dict[str, object]:
    header = Header(account.header(row))
    try:
        date = parsedate_to_datetime((header.get(b"date") or b"").decode("latin-1")).isoformat()
    except ValueError:
        date = None
    message_id = header.get(b"message-id")
    return {
        "uid": row.uid,
        "message_id": message_id.decode("latin-1").strip("<> ") if message_id else None,
        "subject": decode_words(header.get(b"subject") or b""),
        "from": decode_words(header.get(b"from") or b""),
        "date": date,
        "received_at": row.internal_date.isoformat(),
        "flags": sorted(row.flags),
        "size": row.size,
    }


def _text(body: Json, name: str, otherwise: str) -> str:
    value = body.get(name, otherwise)
    if value is None or value == "":
        return otherwise
    if not isinstance(value, str):
        raise ProblemError(f"{name} must be text")
    return value


def _number(body: Json, name: str, otherwise: int, most: int) -> int:
    value = body.get(name, otherwise)
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ProblemError(f"{name} must be a number from 0 to {most}")
    return value


def _party(body: Json) -> tuple[str, str]:
    person = body.get("person")
    if not isinstance(person, dict):
        raise ProblemError('person must be an object like {"name": "Anna Berg", "address": "anna.berg@posten.example"}')
    name, address = person.get("name", ""), person.get("address", "")
    if not isinstance(name, str) or not isinstance(address, str) or "@" not in address:
        raise ProblemError("person.address must be an email address")
    return name, address


def _moment(body: Json) -> datetime:
    given = _text(body, "at", "now")
    if given == "now":
        return clock.now()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ProblemError(f'at is {given!r}; expected "now" or an RFC 3339 time with an offset')
    return moment


def _folder(account: Account, name: str, *, create: bool = False) -> Folder:
    try:
        return account.folder(name)
    except NoSuchFolderError:
        if not create:
            raise ProblemError(f"There is no folder {name} in {account.name}", HTTPStatus.NOT_FOUND) from None
    if len(name) > 200 or any(not piece.strip() for piece in name.split("/")) or not name.isprintable():
        raise ProblemError(f"{name!r} cannot be a folder's name")
    return account.create_folder(name)


def _chosen(folder: Folder, body: Json) -> Row:
    """The email of this uid, or the newest one."""
    if not folder.uids:
        raise ProblemError(f"{folder.name} is empty", HTTPStatus.NOT_FOUND)
    uid = folder.uids[-1] if body.get("uid") in (None, "", "latest") else _number(body, "uid", 0, 2**32 - 1)
    if uid not in folder.rows:
        raise ProblemError(f"There is no email {uid} in {folder.name}", HTTPStatus.NOT_FOUND)
    return folder.rows[uid]
