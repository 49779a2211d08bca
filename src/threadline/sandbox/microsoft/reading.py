"""The endpoints of the user and of messages: lists, the delta feed, one message, MIME and attachments."""

from __future__ import annotations

import secrets
import sqlite3

from threadline.sandbox.microsoft import delta, parsing, representation
from threadline.sandbox.microsoft.folders import folder_row
from threadline.sandbox.microsoft.graph import Call, not_found, quoted
from threadline.sandbox.microsoft.mailbox import NotThereError
from threadline.sandbox.microsoft.odata import Filter, GraphError, bad_query, read_filter, read_order, read_search
from threadline.sandbox.microsoft.paging import applied, next_link, select, window
from threadline.sandbox.microsoft.representation import Json, Wanted
from threadline.sandbox.microsoft.web import Answer, as_json

_ME = ("businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
       "preferredLanguage", "surname", "userPrincipalName", "id")  # fmt: skip
_NO_LIST_EXPAND = frozenset({"attachments"})


def me(call: Call) -> Answer:
    """The user."""
    user = call.user
    first, _, last = user["name"].partition(" ")
    unlicensed = user["kind"] == "unlicensed"
    known: Json = {
        "@odata.context": call.context("users/$entity"),
        "businessPhones": [],
        "displayName": user["name"],
        "givenName": first,
        "surname": last or None,
        "jobTitle": None,
        "mail": None if unlicensed else user["mail"],
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "userPrincipalName": user["upn"],
        "id": user["oid"],
        "proxyAddresses": [f"SMTP:{user['mail']}"],
        "userType": "Guest" if user["kind"] == "guest" else "Member",
    }
    chosen = select(call) or frozenset(_ME)
    return as_json({name: value for name, value in known.items() if name in chosen or name.startswith("@")})


def messages(call: Call, folder_key: str = "") -> Answer:
    """Messages of a folder, or of the whole mailbox, page by page."""
    query = call.request.query
    owner = folder_row(call, folder_key) if folder_key else None
    condition = read_filter(query.get("$filter", ""))
    order = read_order(query.get("$orderby", ""), condition)
    if "$search" in query:
        if "$filter" in query or "$orderby" in query:
            name = "SearchWithFilter" if "$filter" in query else "SearchWithOrderBy"
            raise GraphError(400, name, f"The query parameter '{name[10:]}' is not supported with '$search'.")
        condition = read_search(query["$search"])
    top, skip = window(call)
    where, values = _where(call, owner, condition)
    rows = call.mailbox.db.all(
        f"select * from message where {where} order by {order} limit ? offset ?",  # noqa: S608  (made of known columns)
        *values, top + 1, skip,
    )  # fmt: skip
    public = {row["id"]: row["public"] for row in call.mailbox.folders()}
    wanted = wanted_of(call)
    items = [representation.message(call.mailbox, row, public[row["folder"]], wanted) for row in rows[:top]]
    body: Json = {"@odata.context": call.context(_messages_name(call, owner)), "value": items}
    if query.get("$count") == "true":
        count = call.mailbox.db.one(f"select count(*) from message where {where}", *values)  # noqa: S608  (as above)
        body["@odata.count"] = count[0] if count else 0
    if len(rows) > top:
        body["@odata.nextLink"] = next_link(call, top, skip)
    return as_json(body, headers=applied(call))


def _where(call: Call, owner: sqlite3.Row | None, condition: Filter) -> tuple[str, tuple[object, ...]]:
    if owner is not None:
        return f"folder = ? and {condition.sql}", (owner["id"], *condition.values)
    return f"user = ? and {condition.sql}", (call.user["oid"], *condition.values)


def _messages_name(call: Call, owner: sqlite3.Row | None) -> str:
    within = f"/mailFolders{quoted(owner['public'])}" if owner else ""
    chosen = call.request.query.get("$select", "")
    return f"users{quoted(call.user['oid'])}{within}/messages{f'({chosen})' if chosen else ''}"


def wanted_of(call: Call) -> Wanted:
    """What the request asks of its messages. GraphError for what cannot be expanded."""
    expanded = {
        one.strip().partition("(")[0] for one in call.request.query.get("$expand", "").split(",") if one.strip()
    }
    if expanded - _NO_LIST_EXPAND:
        raise bad_query(f"Could not find a property named '{min(expanded - _NO_LIST_EXPAND)}'.")
    return Wanted(
        select=select(call),
        immutable=call.immutable,
        text=call.request.prefers("outlook.body-content-type") == "text",
        basic=not call.access.scopes & {"Mail.Read", "Mail.ReadWrite"},
        attachments="attachments" in expanded,
    )


def message_row(call: Call, key: str, folder_key: str = "") -> sqlite3.Row:
    """The message named in the address. GraphError 404."""
    try:
        row = call.mailbox.message(key)
    except NotThereError:
        raise not_found("message") from None
    if folder_key and folder_row(call, folder_key)["id"] != row["folder"]:
        raise not_found("message")
    return row


def message(call: Call, key: str, folder_key: str = "") -> Answer:
    """One message."""
    row = message_row(call, key, folder_key)
    public = call.mailbox.by_key(row["folder"])["public"]
    written = representation.message(call.mailbox, row, public, wanted_of(call))
    context = {"@odata.context": call.context(f"users{quoted(call.user['oid'])}/messages/$entity")}
    return as_json(context | written, headers=applied(call))


def mime(call: Call, key: str, folder_key: str = "") -> Answer:
    """The message as MIME. Exchange keeps none and builds it anew, so two answers need not be the same bytes."""
    if not call.access.scopes & {"Mail.Read", "Mail.ReadWrite"}:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    raw = call.mailbox.raw(message_row(call, key, folder_key))
    if call.quirks.rebuild_mime:
        raw = b"X-MS-Exchange-Rebuilt: " + secrets.token_hex(8).encode() + b"\r\n" + raw
    return Answer(200, raw, {"Content-Type": "text/plain"})


# -- attachments -------------------------------------------------------------------------------------------


def attachments(call: Call, key: str, folder_key: str = "") -> Answer:
    """Every attachment of a message."""
    row = message_row(call, key, folder_key)
    context = call.context(f"users{quoted(call.user['oid'])}/messages{quoted(key)}/attachments")
    listed = representation.attachments(call.mailbox, row, select(call), with_item=_expands_item(call))
    return as_json({"@odata.context": context, "value": listed})


def attachment(call: Call, key: str, attachment_key: str, folder_key: str = "", *, content: bool = False) -> Answer:
    """One attachment, or its bytes."""
    row = message_row(call, key, folder_key)
    every = representation.attachments(call.mailbox, row, frozenset(), with_item=True)
    ids = [one["id"] for one in every]
    if attachment_key not in ids:
        raise not_found("attachment")
    number = ids.index(attachment_key)
    found = list(parsing.attachments(parsing.parse(call.mailbox.raw(row))))
    if content:
        if number >= len(found):
            raise GraphError(405, "ErrorInvalidRequest", "The attachment is a reference: it has no content here.")
        kind = found[number].content_type if found[number].kind == "file" else "text/plain"
        return Answer(200, found[number].data, {"Content-Type": kind})
    listed = representation.attachments(call.mailbox, row, select(call), with_item=_expands_item(call))
    context = call.context(f"users{quoted(call.user['oid'])}/messages{quoted(key)}/attachments/$entity")
    return as_json({"@odata.context": context} | listed[number])


def _expands_item(call: Call) -> bool:
    return "itemattachment/item" in call.request.query.get("$expand", "").lower()


# -- the delta feed ----------------------------------------------------------------------------------------


def messages_delta(call: Call, folder_key: str) -> Answer:
    """A page of the feed."""
    try:
        row = call.mailbox.folder(folder_key)
    except NotThereError:
        raise GraphError(404, "ErrorSyncFolderNotFound", "The specified folder was not found.") from None
    start = f"{call.root}/mailFolders{quoted(row['public'])}/messages/delta"
    query = call.request.query
    token = query.get("$skiptoken") or query.get("$deltatoken")
    if token:
        place = delta.read_token(token)
        if place.folder != row["id"]:
            raise GraphError(400, "SyncStateInvalid", "The sync state belongs to another folder.")
        delta.check_alive(place, call.quirks, is_next="$skiptoken" in query, start=f"{start}?$deltatoken=")
    else:
        place = delta.first_place(call.mailbox, row, query, call.user["delta_generation"])
    chosen = frozenset(place.select)
    text = call.request.prefers("outlook.body-content-type") == "text"
    basic = not call.access.scopes & {"Mail.Read", "Mail.ReadWrite"}
    wanted = Wanted(select=chosen, immutable=call.immutable, text=text, basic=basic)
    items, place, more = delta.page(call.mailbox, place, call.page_size, call.quirks, wanted)
    name = "Collection(message)" + (f"({','.join(place.select)})" if place.select else "")
    link = f"{start}?{'$skiptoken' if more else '$deltatoken'}={delta.token(place)}"
    body: Json = {
        "@odata.context": call.context(name),
        "value": items,
        "@odata.nextLink" if more else "@odata.deltaLink": link,
    }
    return as_json(body, headers=applied(call))
