"""Finding what a control verb names, and writing accounts, folders and messages as the control API shows them."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus

from threadline.sandbox.http import Json, ProblemError
from threadline.sandbox.microsoft import representation
from threadline.sandbox.microsoft.arguments import text
from threadline.sandbox.microsoft.database import stamp
from threadline.sandbox.microsoft.mailbox import Mailbox, NotThereError
from threadline.sandbox.microsoft.service import Microsoft


class Lookup:
    """What the groups of verbs have in common."""

    def __init__(self, service: Microsoft) -> None:
        self.service = service

    def user_of(self, body: Json) -> sqlite3.Row:
        """The user of `account`, the first one where it is left out."""
        name = text(body, "account", "")
        users = self.service.directory.users()
        user = self.service.directory.user(name) if name else (users[0] if users else None)
        if user is None:
            raise ProblemError(f"There is no account {name}", HTTPStatus.NOT_FOUND)
        return user

    def tenant_of(self, body: Json) -> str:
        """The id of `tenant` (a domain), else of the account's."""
        if body.get("tenant"):
            return str(self.service.directory.tenant_for(text(body, "tenant", ""))["tid"])
        return str(self.user_of(body)["tid"])

    def mailbox_of(self, body: Json) -> Mailbox:
        """The mailbox of `account`."""
        return self.service.graph.mailbox(self.user_of(body))


def message_of(mailbox: Mailbox, body: Json) -> sqlite3.Row:
    """The message of `id` or `message_id`, else the newest of `folder`."""
    key, message_id = text(body, "id", ""), text(body, "message_id", "")
    row: sqlite3.Row | None
    if key:
        try:
            row = mailbox.message(key)
        except NotThereError:
            row = None
    elif message_id:
        wanted = f"<{message_id.strip('<>')}>"
        row = mailbox.db.one(
            "select * from message where user = ? and internet_id = ? order by id desc", mailbox.user, wanted
        )
    else:
        folder = folder_of(mailbox, text(body, "folder", "inbox"))
        row = mailbox.db.one("select * from message where folder = ? order by received desc, id desc", folder["id"])
    if row is None:
        raise ProblemError("There is no such message", HTTPStatus.NOT_FOUND)
    return row


def account_json(service: Microsoft, user: sqlite3.Row) -> dict[str, object]:
    """An account as the API and the ready file show it."""
    tenant = service.directory.tenant(user["tid"])
    return {
        "address": user["mail"],
        "password": user["password"],
        "name": user["name"],
        "user_principal_name": user["upn"],
        "oid": user["oid"],
        "tid": user["tid"],
        "admin": bool(user["admin"]),
        "kind": user["kind"],
        "state": user["state"],
        "mfa": user["mfa"],
        "admin_consent": tenant["admin_consent"] if tenant else "off",
        "consented": sorted(service.directory.consented(user)),
    }


def folder_json(mailbox: Mailbox, row: sqlite3.Row, counts: dict[int, tuple[int, int, int]]) -> Json:
    """A folder, with its path of names."""
    written = representation.folder(row, "", 0, counts.get(row["id"], (0, 0, 0)))
    return {**written, "wellKnownName": row["well_known"] or None, "path": _path(mailbox, row)}


def message_json(mailbox: Mailbox, row: sqlite3.Row) -> dict[str, object]:
    """A message, with both of its ids."""
    folder = mailbox.by_key(row["folder"])
    return {
        "immutable_id": row["immutable"],
        "id": row["rest"],
        "folder_id": folder["public"],
        "folder": _path(mailbox, folder),
        "message_id": (row["internet_id"] or "").strip("<>") or None,
        "subject": row["subject"],
        "from": row["from_address"],
        "received_at": stamp(row["received"]),
        "read": bool(row["is_read"]),
    }


def _path(mailbox: Mailbox, row: sqlite3.Row) -> str:
    names = [row["name"]]
    while row["parent"] is not None:
        row = mailbox.by_key(row["parent"])
        if row["parent"] is not None:
            names.insert(0, row["name"])
    return "/".join(names)


def folder_of(mailbox: Mailbox, name: str, *, create: bool = False) -> sqlite3.Row:
    """The folder of this name, path or id."""
    try:
        return mailbox.named(name, create=create)
    except NotThereError:
        raise ProblemError(f"There is no folder {name!r}", HTTPStatus.NOT_FOUND) from None
