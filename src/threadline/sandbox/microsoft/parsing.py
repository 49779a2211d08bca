"""What Exchange makes of a MIME message: the properties of a Graph message, its body and its attachments."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses, parsedate_to_datetime

Address = dict[str, dict[str, str]]

_MEETINGS = {
    "REQUEST": ("#microsoft.graph.eventMessageRequest", "meetingRequest"),
    "CANCEL": ("#microsoft.graph.eventMessage", "meetingCancelled"),
    "REPLY": ("#microsoft.graph.eventMessageResponse", "meetingAccepted"),
}
_ANSWERS = {"ACCEPTED": "meetingAccepted", "DECLINED": "meetingDeclined", "TENTATIVE": "meetingTenativelyAccepted"}


def parse(raw: bytes) -> Message:
    """The MIME tree; nothing in it is decoded yet."""
    return message_from_bytes(raw, policy=policy.compat32)


def header(message: Message, name: str) -> str:
    """The first field of this name, decoded and on one line; "" where there is none."""
    value = message.get(name)
    return text_of(str(value)) if value is not None else ""


def text_of(value: str) -> str:
    """A header's value with its encoded words decoded, as far as they can be."""
    unfolded = re.sub(r"\r?\n[ \t]?", " ", value) if "\n" in value else value
    if "=?" not in unfolded and unfolded.isascii():
        return unfolded.strip()
    try:
        decoded = str(make_header(decode_header(unfolded)))
    except (LookupError, ValueError):
        decoded = unfolded
    return decoded.encode("utf-8", "replace").decode("utf-8").strip()


def addresses(message: Message, *names: str) -> list[Address]:
    """Who stands in these fields, as Graph's recipients."""
    values = [re.sub(r"\r?\n[ \t]?", " ", str(value)) for name in names for value in message.get_all(name) or []]
    found = []
    for name, address in getaddresses(values):
        if "@" in address:
            shown = text_of(name) or address
            found.append({"emailAddress": {"name": shown, "address": text_of(address)}})
    return found


def facts(raw: bytes, *, outgoing: bool, received: datetime) -> dict[str, object]:
    """The properties of a message that never change, by Graph's names.

    `outgoing`: the copy of its sender, which carries no headers of transport.
    """
    message = parse(raw)
    sender = addresses(message, "Sender") or addresses(message, "From")
    author = addresses(message, "From")[:1] or sender
    body = readable(message)
    listed = list(attachments(message))
    found: dict[str, object] = {
        "internetMessageId": header(message, "Message-ID") or None,
        "subject": header(message, "Subject"),
        "bodyPreview": re.sub(r"\s+", " ", body.plain).strip()[:255],
        "importance": _importance(message),
        "sentDateTime": _date(message, received).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hasAttachments": any(not one.inline for one in listed),
        "from": author[0] if author else None,
        "sender": sender[0] if sender else None,
        "toRecipients": addresses(message, "To"),
        "ccRecipients": addresses(message, "Cc"),
        "bccRecipients": addresses(message, "Bcc"),
        "replyTo": addresses(message, "Reply-To"),
        "conversation": _conversation(message),
        "words": body.plain.lower(),  # what is searched
        "headers": None if outgoing else [{"name": n, "value": text_of(str(v))} for n, v in message.items()],
    }
    return found | _meeting(message)


def _importance(message: Message) -> str:
    said = header(message, "Importance").lower()
    return said if said in {"low", "high"} else "normal"


def _date(message: Message, received: datetime) -> datetime:
    try:
        found = parsedate_to_datetime(str(message.get("Date", "")))
    except (TypeError, ValueError):
        found = received
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _conversation(message: Message) -> str:
    """What ties a conversation together: the first message it goes back to, else this one's own id."""
    references = re.findall(r"<[^<>]+>", header(message, "References") or header(message, "In-Reply-To"))
    root = references[0] if references else header(message, "Message-ID") or header(message, "Subject")
    digest = hashlib.sha256(root.encode()).digest()
    return "AAQkAGI2" + base64.urlsafe_b64encode(digest + digest[:15]).decode()


def _meeting(message: Message) -> dict[str, object]:
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            method = str(part.get_param("method") or "").upper()
            if method not in _MEETINGS:
                return {}
            kind, meaning = _MEETINGS[method]
            if method == "REPLY":
                said = re.search(rb"PARTSTAT=(\w+)", _bytes(part))
                meaning = _ANSWERS.get(said[1].decode() if said else "", meaning)
            return {"@odata.type": kind, "meetingMessageType": meaning}
    return {}


@dataclass(frozen=True, slots=True)
class Body:
    """The body as a reader sees it. `html` is "" where the message has plain text only."""

    plain: str
    html: str

    def as_type(self, wanted: str) -> dict[str, str]:
        """Graph's itemBody; HTML unless text was asked for."""
        if wanted == "text":
            return {"contentType": "text", "content": self.plain}
        if self.html:
            return {"contentType": "html", "content": self.html}
        return {"contentType": "html", "content": f"<html><body><div>{html.escape(self.plain)}</div></body></html>"}


def readable(message: Message) -> Body:
    """The first text and the first HTML that are no attachment."""
    plain = rich = ""
    for part in _walk(message):
        if _attached(part) or part.is_multipart():
            continue
        if part.get_content_type() == "text/plain" and not plain:
            plain = _text(part)
        elif part.get_content_type() == "text/html" and not rich:
            rich = _text(part)
    if rich and not plain:
        plain = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"(?is)<(style|script).*?</\1>", " ", rich)))
    return Body(plain, rich)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file or an email inside an email."""

    kind: str  # file or item
    name: str
    content_type: str
    inline: bool
    content_id: str
    data: bytes


def attachments(message: Message) -> Iterator[Attachment]:
    """The attachments in their order."""
    for part in _walk(message):
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            held = inner[0] if isinstance(inner, list) and inner else EmailMessage()
            assert isinstance(held, Message)  # noqa: S101  (what the parser makes of message/rfc822)
            name = header(held, "Subject") or _name(part) or "Message"
            yield Attachment("item", name, "message/rfc822", inline=False, content_id="", data=held.as_bytes())
        elif not part.is_multipart() and _attached(part):
            content_id = header(part, "Content-ID").strip("<>")
            inline = part.get_content_disposition() != "attachment" and bool(content_id)
            name = _name(part) or "attachment"
            yield Attachment("file", name, part.get_content_type(), inline, content_id, _bytes(part))


def _walk(message: Message) -> Iterator[Message]:
    """The parts of this message, without what is inside an attached message."""
    yield message
    if message.is_multipart() and message.get_content_type() != "message/rfc822":
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _walk(part)


def _attached(part: Message) -> bool:
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or _name(part):
        return True
    return part.get_content_maintype() not in ("text", "multipart") or (
        kind not in ("text/plain", "text/html", "text/calendar") and not part.is_multipart()
    )


def _name(part: Message) -> str:
    try:
        return text_of(part.get_filename() or "")
    except (LookupError, ValueError, TypeError):
        return ""


def _bytes(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _text(part: Message) -> str:
    data = _bytes(part)
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return data.decode(charset)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")
