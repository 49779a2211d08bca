"""Looking for a message anywhere in the account, on the live server.

SEARCH narrows, the headers decide: servers match substrings, take days in their own time zone, and read bodies and
encodings each in its own way. So dates are asked for a day wider, and what comes back is compared here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime

from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsAdmin, ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import Found, Query, RemoteFolder, RemoteItem
from threadline.providers.imap import uids
from threadline.providers.imap.channel import Literal, Part, Refused
from threadline.providers.imap.commands import astring, search_date
from threadline.providers.imap.desk import Asked, Desk, Snapshot, remote_item
from threadline.providers.imap.signin import refusal

_DAY = timedelta(days=1)
_PEOPLE = ("From", "To", "Cc", "Bcc")
HEADER_ITEMS = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])"
_AT_ONCE = 100


def find(desk: Desk, query: Query, folders: Sequence[RemoteFolder]) -> Iterator[Found]:
    """Every message that matches, in the folders given, the likeliest first."""
    criteria = _criteria(query)
    for folder in sorted(folders, key=_likeliness):
        if not folder.selectable:
            continue
        try:
            snapshot = desk.examine(folder.remote_name)
        except ProviderError as error:
            # A folder of somebody else that may be seen and not read, or one that was just removed.
            if isinstance(error, NeedsAdmin) or error.cause is Cause.FOLDER_GONE:
                continue
            raise
        if not snapshot.exists:
            continue
        found = _search(desk, criteria, ascii_only=_criteria(query, ascii_only=True))
        ids = list(uids.each(found, newest_first=True))
        for item, header in headers(desk, folder.remote_name, snapshot.generation, ids):
            if matches(query, item, header):
                yield Found(folder, snapshot.generation, item, header, listed_up_to(snapshot))


def headers(desk: Desk, name: str, generation: str, ids: Sequence[int]) -> Iterator[tuple[RemoteItem, bytes]]:
    """Header blocks by id, each once; ids that do not exist are left out."""
    wanted = set(ids)
    asking = (
        Asked(uid_set, HEADER_ITEMS, some) for uid_set, some in uids.chunks(ids, desk.set_limit, at_most=_AT_ONCE)
    )
    for found in desk.fetched(name, generation, asking):
        header = found.sections.get("HEADER")
        if found.uid in wanted and isinstance(header, bytes):
            wanted.remove(found.uid)
            yield remote_item(found), header


def listed_up_to(snapshot: Snapshot) -> str:
    return str(snapshot.uidnext) if snapshot.uidnext else ""


def _likeliness(folder: RemoteFolder) -> int:
    if folder.role is not Role.OTHER:
        return 0
    return 1 if "archive" in folder.name.lower() or folder.special_use.lower() in ("\\all", "\\archive") else 2


def _criteria(query: Query, *, ascii_only: bool = False) -> list[Part]:
    """The SEARCH keys of a query; with `ascii_only` without those that need a character set."""

    def usable(text: str) -> bool:
        return bool(text) and (text.isascii() or not ascii_only)

    keys: list[Part] = []
    if usable(query.message_id):
        keys += [b" HEADER Message-ID ", astring(query.message_id.strip().strip("<>"))]
    if usable(query.correspondent):
        for word in (b" OR OR OR FROM ", b" TO ", b" CC ", b" BCC "):
            keys += [word, astring(query.correspondent)]
    if usable(query.subject):
        keys += [b" SUBJECT ", astring(query.subject)]
    keys += _dates(query)
    return keys or [b" ALL"]


def _dates(query: Query) -> list[Part]:
    received: list[bytes] = []
    sent: list[bytes] = []
    if query.since:
        day = search_date((query.since.astimezone(UTC) - _DAY).date())
        received.append(b"SINCE " + day)
        sent.append(b"SENTSINCE " + day)
    if query.until:
        day = search_date((query.until.astimezone(UTC) + 2 * _DAY).date())
        received.append(b"BEFORE " + day)
        sent.append(b"SENTBEFORE " + day)
    # Migrated mail carries the day of the migration as INTERNALDATE, and its true day in the Date header.
    return [b" OR (" + b" ".join(received) + b") (" + b" ".join(sent) + b")"] if received else []


def _search(desk: Desk, criteria: list[Part], *, ascii_only: list[Part]) -> uids.Ranges:
    foreign = any(isinstance(part, Literal) and not part.content.isascii() for part in criteria)
    try:
        return desk.search(*_led(criteria, b"CHARSET UTF-8" if foreign else b""))
    except Refused as refused:
        if not foreign:
            raise refusal(desk.channel, refused) from refused
    try:  # BADCHARSET, or whatever the server says instead: the headers decide alone
        return desk.search(*_led(ascii_only, b""))
    except Refused as refused:
        raise refusal(desk.channel, refused) from refused


def _led(criteria: list[Part], charset: bytes) -> list[Part]:
    first = criteria[0]
    return [charset + first if charset else first.lstrip(), *criteria[1:]] if isinstance(first, bytes) else criteria


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
