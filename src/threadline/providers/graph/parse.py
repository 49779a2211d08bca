"""From Graph's JSON to the contract's values: pure, and content with whatever comes.

Facts: Microsoft Graph v1.0, resources message, mailFolder, fileAttachment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from typing import Any

from threadline.domain.folders import Role
from threadline.providers.contract import PartInfo, RemoteItem, TextPart

# What a listing asks for of each message: enough to plan its fetch, and no more.
LISTED = "id,receivedDateTime,sentDateTime,isRead,flag"
PLACED = "id,parentFolderId"
HEADED = (
    f"{LISTED},parentFolderId,subject,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,internetMessageId,"
    "internetMessageHeaders"
)
BODIED = "id,body"
ATTACHED = "id,name,contentType,size,isInline,microsoft.graph.fileAttachment/contentId"
# Only with these does a person find a folder by its name in any language (Graph: mailFolder, well-known names).
WELL_KNOWN: Mapping[str, str] = {
    "inbox": "",
    "sentitems": "\\Sent",
    "drafts": "\\Drafts",
    "deleteditems": "\\Trash",
    "junkemail": "\\Junk",
    "archive": "\\Archive",
}
Json = Mapping[str, Any]


def values(page: Json) -> list[Json]:
    """The entries of a page that have an id."""
    listed = page.get("value")
    entries = listed if isinstance(listed, list) else []
    return [one for one in entries if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"]]


def is_removed(entry: Json) -> bool:
    """Whether an entry of a delta says that the message has left the folder."""
    return "@removed" in entry


def item(entry: Json, *, sent: bool, size: int = 0) -> RemoteItem:
    """A message of a listing. Of one in Sent items the time it was sent counts, as the provider says it."""
    times = [moment(entry.get("receivedDateTime")), moment(entry.get("sentDateTime"))]
    first, second = reversed(times) if sent else times
    return RemoteItem(str(entry["id"]), size, first or second, flags(entry))


def flags(entry: Json) -> frozenset[str]:
    flag = entry.get("flag")
    flagged = isinstance(flag, dict) and flag.get("flagStatus") == "flagged"
    return _FLAGS[entry.get("isRead") is True, flagged]


# One object for each, however many messages have them.
_FLAGS = {
    (seen, flagged): frozenset(["\\seen"] * seen + ["\\flagged"] * flagged)
    for seen in (False, True)
    for flagged in (False, True)
}


def is_complete(entry: Json) -> bool:
    """Whether an entry of a delta has all that was asked for: of a change it may have only what changed."""
    return "isRead" in entry and "receivedDateTime" in entry


def moment(text: object) -> datetime | None:
    """An Edm.DateTimeOffset (up to seven digits of a second), in UTC."""
    if not isinstance(text, str):
        return None
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)", text.strip())
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}.{found[2] or '0':0<6}{found[3]}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# --- header blocks ----------------------------------------------------------------------------------------------------


def header_block(entry: Json) -> bytes:
    """The header fields of a message, as it would have them in MIME.

    What Graph keeps of the message's own fields comes first. A message in Sent items may have none of them, and Bcc is
    never among them: these are made of the properties.
    """
    own = list(_own_fields(entry.get("internetMessageHeaders")))
    names = {name.lower() for name, _ in own}
    made = [(name, value) for name, value in _made_fields(entry) if value and name.lower() not in names]
    return b"".join(_line(name, value) for name, value in [*own, *made]) + b"\r\n"


def with_bcc(raw: bytes, recipients: object) -> bytes:
    """A message with the Bcc that only its sender's copy knows, where its fields do not have it."""
    value = _addresses(recipients)
    head, gap, rest = raw.partition(b"\r\n\r\n")
    if not value or not gap or re.search(rb"(?im)^bcc[ \t]*:", head):
        return raw
    return head + b"\r\n" + _line("Bcc", value).removesuffix(b"\r\n") + gap + rest


def head_of(raw: bytes) -> bytes:
    """The header block at the beginning of a message."""
    head, gap, _ = raw.partition(b"\r\n\r\n")
    return head + gap if gap else b""


def _own_fields(listed: object) -> Iterator[tuple[str, str]]:
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str):
            yield one["name"], one["value"]


def _made_fields(entry: Json) -> Iterator[tuple[str, str]]:
    sender = entry.get("from") or entry.get("sender")
    yield "From", _addresses([sender])
    yield "To", _addresses(entry.get("toRecipients"))
    yield "Cc", _addresses(entry.get("ccRecipients"))
    yield "Bcc", _addresses(entry.get("bccRecipients"))
    yield "Reply-To", _addresses(entry.get("replyTo"))
    subject = entry.get("subject")
    yield "Subject", subject if isinstance(subject, str) else ""
    message_id = entry.get("internetMessageId")
    yield "Message-ID", message_id if isinstance(message_id, str) else ""
    sent = moment(entry.get("sentDateTime"))
    yield "Date", format_datetime(sent) if sent else ""


def _addresses(listed: object) -> str:
    found = []
    for one in listed if isinstance(listed, list) else []:
        known = one.get("emailAddress") if isinstance(one, dict) else None
        if isinstance(known, dict) and isinstance(known.get("address"), str) and known["address"]:
            name = known.get("name")
            found.append(_mailbox(name if isinstance(name, str) else "", known["address"]))
    return ", ".join(found)


def _mailbox(name: str, address: str) -> str:
    bare = re.sub(r"[\x00-\x20<>,;\"]", "", address)
    if not name or name == address:
        return bare
    if not name.isascii():
        return f"{_encoded(name)} <{bare}>"
    quoted = re.sub(r"[\x00-\x1f]", " ", name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{bare}>'


def _line(name: str, value: str) -> bytes:
    """A field in one line: whatever a value holds, it begins no other field."""
    word = re.sub(r"[^\x21-\x39\x3b-\x7e]", "", name)
    said = re.sub(r"[\x00-\x1f\x7f]+", " ", re.sub(r"\r?\n(?=[ \t])", "", value)).strip()
    if not word:
        return b""
    text = said if said.isascii() else _encoded(said)
    return f"{word}: {text}\r\n".encode("ascii")


def _encoded(text: str) -> str:
    """RFC 2047."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return Header(re.sub(r"[\x00-\x1f\x7f]+", " ", clean), "utf-8", maxlinelen=75).encode(linesep="").replace("\n", "")


# --- content ----------------------------------------------------------------------------------------------------------


def text_parts(entry: Json, *, cap: int) -> tuple[TextPart, ...]:
    """The one text that Graph gives of a message, as a part of it."""
    body = entry.get("body")
    text = body.get("content") if isinstance(body, dict) else None
    if not isinstance(text, str) or not isinstance(body, dict):
        return ()
    kind = "html" if str(body.get("contentType", "")).lower() == "html" else "plain"
    content = text.encode("utf-8", "replace")
    header = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode("ascii")
    return (TextPart("1", header, content[:cap], truncated=len(content) > cap),)


_KINDS = {"#microsoft.graph.itemattachment": "message/rfc822", "#microsoft.graph.referenceattachment": "text/uri-list"}


def attachments(listed: Iterable[Json]) -> tuple[PartInfo, ...]:
    """What is attached, without its content. The id of the attachment is the name of the part."""
    return tuple(_attachment(one) for one in listed)


def _attachment(one: Json) -> PartInfo:
    kind = _KINDS.get(str(one.get("@odata.type", "")).lower(), "")
    said = one.get("contentType")
    content_type = kind or (said.lower() if isinstance(said, str) and "/" in said else "application/octet-stream")
    size, name, content_id = one.get("size"), one.get("name"), one.get("contentId")
    return PartInfo(
        part=str(one["id"]),
        content_type=content_type.split(";")[0].strip(),
        name=name if isinstance(name, str) else "",
        size=size if isinstance(size, int) and size >= 0 else 0,
        encoding="binary",  # what is handed out is the content itself
        disposition="inline" if one.get("isInline") is True else "attachment",
        content_id=content_id if isinstance(content_id, str) else "",
    )


def is_attachment(part: str) -> bool:
    """Whether a part is named by an attachment's id, not by its number."""
    return re.fullmatch(r"\d+(\.\d+)*", part) is None and re.fullmatch(r"[A-Za-z0-9_=+/-]{8,1000}", part) is not None


# --- folders ----------------------------------------------------------------------------------------------------------


def role_of(well_known: str) -> Role:
    return {"inbox": Role.INBOX, "sentitems": Role.SENT}.get(well_known, Role.OTHER)


def folder_name(entry: Json) -> str:
    """The name a person reads; a slash within it would look like another folder."""
    name = entry.get("displayName")
    return re.sub(r"[\x00-\x1f]", " ", name).strip() if isinstance(name, str) and name.strip() else "(no name)"
