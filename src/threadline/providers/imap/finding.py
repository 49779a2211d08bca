"""Looking for a message anywhere in the account, on the live server.

SEARCH narrows, the headers decide: servers match substrings, take days in their own time zone, and read bodies and
encodings each in its own way. So dates are asked for a day wider, and what comes back is compared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta

from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsAdmin, ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import HEADINGS, Besides, Found, Query, RemoteFolder, RemoteItem
from threadline.providers.imap import uids
from threadline.providers.imap.channel import Literal, Part, Refused
from threadline.providers.imap.commands import astring, search_date
from threadline.providers.imap.desk import Asked, Desk, Snapshot, remote_item
from threadline.providers.imap.signin import refusal
from threadline.providers.querying import matches

_DAY = timedelta(days=1)
HEADER_ITEMS = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])"
_AT_ONCE = 100
_HEADING_ITEMS = b"(UID BODY.PEEK[HEADER.FIELDS (%s)])" % " ".join(sorted(HEADINGS)).upper().encode()
_HEADINGS_AT_ONCE = 500


def find(desk: Desk, query: Query, folders: Sequence[RemoteFolder], besides: Besides | None = None) -> Iterator[Found]:
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
        known = besides(folder, snapshot.generation) if besides else ()
        ids = [uid for uid in uids.each(found, newest_first=True) if str(uid) not in known]
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


def headings(desk: Desk, name: str, generation: str, items: Sequence[RemoteItem]) -> Iterator[tuple[RemoteItem, bytes]]:
    """The header fields of `HEADINGS` by item, each once."""
    waiting = {int(item.remote_id): item for item in items if item.remote_id.isdecimal()}
    asking = (
        Asked(uid_set, _HEADING_ITEMS, some)
        for uid_set, some in uids.chunks(list(waiting), desk.set_limit, at_most=_HEADINGS_AT_ONCE)
    )
    for found in desk.fetched(name, generation, asking):
        block = next((text for section, text in found.sections.items() if section.startswith("HEADER.FIELDS")), None)
        item = waiting.pop(found.uid or 0, None) if isinstance(block, bytes) else None
        if item is not None and isinstance(block, bytes):
            yield item, block


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
