"""Whether a message is what was looked for: servers only narrow a search, its headers decide.

Servers match substrings, take days in their own time zone, and read encodings each in its own way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime

from threadline.providers.contract import Query, RemoteItem

_PEOPLE = ("From", "To", "Cc", "Bcc")


def matches(query: Query, item: RemoteItem, header: bytes) -> bool:
    """Whether every field given fits these headers."""
    message = BytesHeaderParser().parsebytes(header)
    if query.message_id and _identifier(message.get("Message-ID", "")) != _identifier(query.message_id):
        return False
    if query.correspondent and not _corresponds(query.correspondent, message):
        return False
    if query.subject and _folded(query.subject) not in _folded(_decoded(message.get("Subject", ""))):
        return False
    times = [item.received_at, _date(message)]
    return any(_within(query, moment) for moment in times) if query.since or query.until else True


def _identifier(text: str) -> str:
    """A Message-ID without brackets, quoting normalised (RFC 5256 section 3); its case counts."""
    bare = re.sub(r"\s", "", str(text)).strip("<>")
    local, at, domain = bare.rpartition("@")
    if at and len(local) > 1 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return f"{local}{at}{domain}"


def _corresponds(wanted: str, message: Message[str, str]) -> bool:
    fields = [_decoded(value) for name in _PEOPLE for value in message.get_all(name, [])]
    wanted = wanted.strip().casefold()
    if "@" in wanted:
        return any(address.casefold() == wanted for _, address in getaddresses(fields)) or any(
            re.search(rf"(?<![\w.+-]){re.escape(wanted)}(?![\w.-])", field.casefold()) for field in fields
        )
    return any(wanted in field.casefold() for field in fields)


def _decoded(value: object) -> str:
    text = re.sub(r"\r?\n[ \t]*", " ", str(value))
    try:
        return str(make_header(decode_header(value if "=?" not in text else text)))  # type: ignore[arg-type]  # typeshed lacks Header
    except (MessageError, LookupError, ValueError):
        return text


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _date(message: Message[str, str]) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(message.get("Date", "")))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _within(query: Query, moment: datetime | None) -> bool:
    if moment is None:
        return False
    return (query.since is None or moment >= query.since) and (query.until is None or moment <= query.until)
