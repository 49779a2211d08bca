"""How Graph writes folders, messages and attachments as JSON."""

from __future__ import annotations

import base64
import json
import sqlite3
from dataclasses import dataclass
from urllib.parse import quote

from threadline.sandbox.microsoft import parsing
from threadline.sandbox.microsoft.database import stamp
from threadline.sandbox.microsoft.mailbox import Mailbox

Json = dict[str, object]
_WEB = "https://outlook.office365.com/owa/?ItemID="
_ON_REQUEST = ("internetMessageHeaders", "uniqueBody")
_WITH_BODY = ("body", "bodyPreview", "uniqueBody")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of its messages."""

    select: frozenset[str] = frozenset()  # nothing: everything but what has to be asked for
    immutable: bool = False
    text: bool = False  # the body as text
    basic: bool = False  # the token allows no more than Mail.ReadBasic
    attachments: bool = False  # $expand=attachments

    def has(self, name: str) -> bool:
        """Whether this property is to be written."""
        if self.basic and name in _WITH_BODY:
            return False
        if not self.select:
            return name not in _ON_REQUEST
        return name in self.select


def message(mailbox: Mailbox, row: sqlite3.Row, folder: str, wanted: Wanted) -> Json:
    """A message; `folder` is the id of the one it lies in."""
    facts = json.loads(row["facts"])
    shown = row["immutable"] if wanted.immutable else row["rest"]
    key = _change_key(row)
    found: Json = {}
    if "@odata.type" in facts:
        found["@odata.type"] = facts["@odata.type"]
    found["@odata.etag"] = f'W/"{key}"'
    found["id"] = shown
    for name, value in {
        "createdDateTime": stamp(row["created"]),
        "lastModifiedDateTime": stamp(row["modified"]),
        "changeKey": key,
        "categories": [],
        "receivedDateTime": stamp(row["received"]),
        "sentDateTime": facts["sentDateTime"],
        "hasAttachments": bool(row["has_attachments"]),
        "internetMessageId": facts["internetMessageId"],
        "subject": facts["subject"],
        "bodyPreview": facts["bodyPreview"],
        "importance": facts["importance"],
        "parentFolderId": folder,
        "conversationId": row["conversation"],
        "conversationIndex": base64.b64encode(row["conversation"].encode()[-22:]).decode(),
        "isDeliveryReceiptRequested": False,
        "isReadReceiptRequested": False,
        "isRead": bool(row["is_read"]),
        "isDraft": bool(row["is_draft"]),
        "webLink": f"{_WEB}{quote(shown, safe='')}&exvsurl=1&viewmodel=ReadMessageItem",
        "inferenceClassification": "focused",
        "sender": facts["sender"],
        "from": facts["from"],
        "toRecipients": facts["toRecipients"],
        "ccRecipients": facts["ccRecipients"],
        "bccRecipients": facts["bccRecipients"],
        "replyTo": facts["replyTo"],
        "flag": {"flagStatus": "notFlagged"},
    }.items():  # fmt: skip
        # A property without a value is left out of the sender's and the author's place, as of drafts.
        if wanted.has(name) and not (value is None and name in ("sender", "from")):
            found[name] = value
    if "meetingMessageType" in facts and wanted.has("meetingMessageType"):
        found["meetingMessageType"] = facts["meetingMessageType"]
    if wanted.has("internetMessageHeaders") and facts["headers"] is not None:
        found["internetMessageHeaders"] = facts["headers"]
    if wanted.has("body") or wanted.has("uniqueBody"):
        body = parsing.readable(parsing.parse(mailbox.raw(row))).as_type("text" if wanted.text else "html")
        found |= {name: body for name in ("body", "uniqueBody") if wanted.has(name)}
    if wanted.attachments:
        found["attachments"] = attachments(mailbox, row, frozenset(), with_item=False)
    return found


def _change_key(row: sqlite3.Row) -> str:
    return base64.b64encode(f"CQAAABYAAAC{row['id']:08d}{row['version']:06d}".encode()).decode()


def folder(row: sqlite3.Row, root: str, children: int, counts: tuple[int, int, int]) -> Json:
    """A mail folder; `root` is the id of its parent."""
    return {
        "id": row["public"],
        "displayName": row["name"],
        "parentFolderId": root,
        "childFolderCount": children,
        "unreadItemCount": counts[1],
        "totalItemCount": counts[0],
        "sizeInBytes": counts[2],
        "isHidden": bool(row["hidden"]),
    }


def attachments(mailbox: Mailbox, row: sqlite3.Row, select: frozenset[str], *, with_item: bool) -> list[Json]:
    """The attachments of a message, files with their content."""
    found = [
        _attachment(row, number, one, select, with_item=with_item)
        for number, one in enumerate(parsing.attachments(parsing.parse(mailbox.raw(row))))
    ]
    for number, link in enumerate(json.loads(row["facts"]).get("references", [])):
        written = {
            "@odata.type": "#microsoft.graph.referenceAttachment",
            "id": attachment_id(row, 1000 + number),
            "lastModifiedDateTime": stamp(row["modified"]),
            "name": link["name"],
            "contentType": None,
            "size": 382,
            "isInline": False,
        }
        found.append(_selected(written, select))
    return found


def attachment_id(row: sqlite3.Row, number: int) -> str:
    """It begins with the id of the message it belongs to."""
    return str(row["immutable"])[:-4] + base64.urlsafe_b64encode(f"ABEgAQ{number:06d}".encode()).decode()


def _attachment(
    row: sqlite3.Row, number: int, one: parsing.Attachment, select: frozenset[str], *, with_item: bool
) -> Json:
    written: Json = {
        "@odata.type": f"#microsoft.graph.{one.kind}Attachment",
        "@odata.mediaContentType": one.content_type,
        "id": attachment_id(row, number),
        "lastModifiedDateTime": stamp(row["modified"]),
        "name": one.name,
        "contentType": one.content_type if one.kind == "file" else None,
        "size": len(one.data) + 180,  # Exchange counts its own properties too
        "isInline": one.inline,
    }
    if one.kind == "file":
        written |= {
            "contentId": one.content_id or None,
            "contentLocation": None,
            "contentBytes": base64.b64encode(one.data).decode(),
        }
    elif with_item:
        written["item"] = _item(one)
    return _selected(written, select)


def _selected(written: Json, select: frozenset[str]) -> Json:
    if not select:
        return written
    plain = {name.rpartition("/")[2] for name in select}
    return {name: value for name, value in written.items() if name.startswith("@odata") or name in plain | {"id"}}


def _item(one: parsing.Attachment) -> Json:
    inner = parsing.parse(one.data)
    sender = parsing.addresses(inner, "From")[:1]
    written: Json = {
        "@odata.type": "#microsoft.graph.message",
        "id": "",
        "subject": parsing.header(inner, "Subject"),
        "internetMessageId": parsing.header(inner, "Message-ID") or None,
        "toRecipients": parsing.addresses(inner, "To"),
        "ccRecipients": parsing.addresses(inner, "Cc"),
        "body": parsing.readable(inner).as_type("html"),
    }
    return written | ({"from": sender[0], "sender": sender[0]} if sender else {})
