"""The endpoints of mail folders."""

from __future__ import annotations

import sqlite3

from threadline.sandbox.microsoft import representation
from threadline.sandbox.microsoft.graph import Call, not_found, quoted
from threadline.sandbox.microsoft.mailbox import NotThereError
from threadline.sandbox.microsoft.odata import bad_query
from threadline.sandbox.microsoft.paging import applied, next_link, select, window
from threadline.sandbox.microsoft.representation import Json
from threadline.sandbox.microsoft.web import Answer, as_json


def folders(call: Call, parent_key: str = "msgfolderroot") -> Answer:
    """The folders below one, by name; hidden ones only when asked for."""
    parent = folder_row(call, parent_key)
    hidden = call.request.query.get("includeHiddenFolders", "").lower() == "true"
    listed = call.mailbox.folders()
    counts = call.mailbox.counts()
    shown = [row for row in listed if row["parent"] == parent["id"] and (hidden or not row["hidden"])]
    condition = call.request.query.get("$filter", "")
    if condition:
        name, operator, wanted = [*condition.split(" ", 2), "", ""][:3]
        if (name, operator) != ("displayName", "eq"):
            raise bad_query("Invalid filter clause.")
        shown = [row for row in shown if row["name"] == wanted.strip("'").replace("''", "'")]
    top, skip = window(call)
    rows = [folder_json(call, row, listed, counts, hidden=hidden) for row in shown[skip : skip + top]]
    body: Json = {"@odata.context": call.context(f"users{quoted(call.user['oid'])}/mailFolders"), "value": rows}
    if call.request.query.get("$count") == "true":
        body["@odata.count"] = len(shown)
    if len(shown) > skip + top:
        body["@odata.nextLink"] = next_link(call, top, skip)
    return as_json(body, headers=applied(call))


def folder(call: Call, key: str) -> Answer:
    """One folder."""
    row = folder_row(call, key)
    listed, counts = call.mailbox.folders(), call.mailbox.counts()
    body = {"@odata.context": call.context(f"users{quoted(call.user['oid'])}/mailFolders/$entity")}
    return as_json(body | folder_json(call, row, listed, counts, hidden=True))


def folder_row(call: Call, key: str) -> sqlite3.Row:
    """The folder named in the address. GraphError 404."""
    try:
        return call.mailbox.folder(key)
    except NotThereError:
        raise not_found("folder") from None


def folder_json(
    call: Call, row: sqlite3.Row, listed: list[sqlite3.Row], counts: dict[int, tuple[int, int, int]], *, hidden: bool
) -> Json:
    """A folder, with what was selected of it."""
    by_key = {one["id"]: one["public"] for one in listed}
    children = sum(one["parent"] == row["id"] and (hidden or not one["hidden"]) for one in listed)
    parent = by_key.get(row["parent"], row["public"])
    written = representation.folder(row, parent, children, counts.get(row["id"], (0, 0, 0)))
    chosen = select(call)
    return {name: value for name, value in written.items() if not chosen or name in chosen or name == "id"}
