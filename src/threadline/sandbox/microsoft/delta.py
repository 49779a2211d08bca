"""The delta feed of a folder's messages.

A first round walks the folder, newest first, and then reads the log of changes from where it stood when the walk
began: so items occur several times, and `@removed` occurs in a first round too. Later rounds only read the log.
The links carry everything in their tokens, so they survive a restart; they die when the mailbox's generation is raised.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, field, replace

from threadline.sandbox.microsoft import representation
from threadline.sandbox.microsoft.jose import b64, unb64
from threadline.sandbox.microsoft.mailbox import Mailbox
from threadline.sandbox.microsoft.odata import GraphError, bad_query, moment
from threadline.sandbox.microsoft.representation import Json, Wanted

_DEFAULT_PAGE = 10
_MOST_FILTERED = 5000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader of the feed stands: the content of a token."""

    folder: int
    generation: int
    select: tuple[str, ...] = ()
    since: int = 0  # receivedDateTime of a filter
    kinds: str = ""  # changeType
    page: int = 0
    walking: bool = True
    top: int = 0  # the newest message the walk includes
    last: tuple[int, int] | None = None  # received and row of the last message walked over
    walked: int = 0
    at: int = 0  # the last change read
    paused: bool = False  # an empty page has been given here


@dataclass(slots=True)
class Quirks:
    """What the feed does that a reader has to stand, beyond what it always does."""

    empty_pages: bool = False  # an empty page before each page
    replay: int = 0  # a new round repeats so many of the last changes
    removed_reason: str = "deleted"  # of what was moved away; what is gone for good is always "deleted"
    forget_returns: bool = False  # what was moved away and back is never added again
    endless: bool = False  # every page has a next one
    rebuild_mime: bool = False  # the MIME of a message differs from call to call
    expired: list[dict[str, object]] = field(default_factory=list)


def token(place: Place) -> str:
    """The place as a token."""
    return b64(json.dumps(asdict(place), separators=(",", ":")).encode())


def read_token(text: str) -> Place:
    """GraphError for what is no token."""
    try:
        found = json.loads(unb64(text))
        found["select"] = tuple(found["select"])
        found["last"] = tuple(found["last"]) if found["last"] else None
        return Place(**found)
    except (ValueError, TypeError, KeyError):
        raise GraphError(400, "SyncStateInvalid", "The sync state is not valid.") from None


def first_place(mailbox: Mailbox, folder: sqlite3.Row, query: dict[str, str], generation: int) -> Place:
    """Where a new round begins."""
    if "$search" in query:
        raise bad_query("The query parameter '$search' is not supported with delta.")
    if query.get("$orderby", "receivedDateTime desc") != "receivedDateTime desc":
        raise bad_query("The $orderby expression is not supported with delta: only receivedDateTime desc.")
    select = tuple(filter(None, (one.strip() for one in query.get("$select", "").split(","))))
    return Place(
        folder=folder["id"],
        generation=generation,
        select=select,
        since=_since(query.get("$filter", "")),
        kinds=query.get("changeType", ""),
        top=_scalar(mailbox, "select max(id) from message where folder = ?", folder["id"]),
        at=_scalar(mailbox, "select max(seq) from change where folder = ?", folder["id"]),
        walking="created" in query.get("changeType", "created"),
    )


def _since(text: str) -> int:
    if not text:
        return 0
    words = text.split()
    if len(words) != 3 or words[0] != "receivedDateTime" or words[1] not in ("ge", "gt"):
        raise bad_query("The $filter expression is not supported with delta: only receivedDateTime ge or gt.")
    return int(moment(words[2]).timestamp()) + (words[1] == "gt")


def _scalar(mailbox: Mailbox, sql: str, *values: object) -> int:
    found = mailbox.db.one(sql, *values)
    return int(found[0] or 0) if found else 0


def check_alive(place: Place, quirks: Quirks, *, is_next: bool, start: str) -> None:
    """GraphError where tokens of this kind, place and age were made to expire."""
    for one in quirks.expired:
        generation = one["generation"]
        assert isinstance(generation, int)  # noqa: S101  (the control API wrote it)
        hit = place.generation < generation and one["only"] in ("all", "next" if is_next else "delta")
        if hit and one["folder"] in (None, place.folder):
            raise _EXPIRED[str(one["kind"])](place.generation, start)


def _gone(generation: int, start: str) -> GraphError:
    said = f"The sync state generation is not found; generation={generation};[highest={generation + 8}]."
    return GraphError(410, "SyncStateNotFound", said, headers={"Location": start})


def _not_found(generation: int, start: str) -> GraphError:
    del generation, start
    return GraphError(400, "syncStateNotFound", "The sync state is not found.")


def _resync(generation: int, start: str) -> GraphError:
    del generation
    said = "Resync required. Replace local items with the server's."
    return GraphError(410, "resyncRequired", said, headers={"Location": start})


def _invalid(generation: int, start: str) -> GraphError:
    """The code that counts is the inner one."""
    del generation, start
    return GraphError(400, "ErrorSyncStateInvalid", "The sync state is not valid.", inner="SyncStateInvalid")


_EXPIRED = {
    "gone": _gone,
    "not_found": _not_found,
    "resync_required": _resync,
    "invalid": _invalid,
}


def page(mailbox: Mailbox, place: Place, size: int, quirks: Quirks, wanted: Wanted) -> tuple[list[Json], Place, bool]:
    """One page: its items, the place after it, and whether the round goes on."""
    folder = mailbox.by_key(place.folder)
    size = size or place.page or _DEFAULT_PAGE
    place = replace(place, page=size)
    if quirks.empty_pages and not place.paused:
        return [], replace(place, paused=True), True
    place = replace(place, paused=False)
    if place.walking:
        items, place = _walk(mailbox, folder, place, size, wanted)
        newer = _scalar(mailbox, "select max(seq) from change where folder = ?", folder["id"]) > place.at
        more = place.walking or newer
    else:
        items, place, more = _log(mailbox, folder, place, size, quirks, wanted)
    more = more or quirks.endless
    return items, place if more else replace(place, at=max(0, place.at - quirks.replay)), more


def _walk(mailbox: Mailbox, folder: sqlite3.Row, place: Place, size: int, wanted: Wanted) -> tuple[list[Json], Place]:
    """Part of the folder, newest first. A filtered walk ends after 5,000 messages."""
    received, last = place.last or (2**62, 2**62)
    rows = mailbox.db.all(
        "select * from message where folder = ? and id <= ? and received >= ? and (received, id) < (?, ?)"
        " order by received desc, id desc limit ?",
        place.folder, place.top, place.since, received, last, size,
    )  # fmt: skip
    walked = place.walked + len(rows)
    if place.since and walked >= _MOST_FILTERED:
        rows = rows[: len(rows) - (walked - _MOST_FILTERED)]
    items = [_item(mailbox, row, folder, wanted) for row in rows]
    if len(rows) < size or (place.since and walked >= _MOST_FILTERED):
        return items, replace(place, walking=False, walked=walked)
    return items, replace(place, last=(rows[-1]["received"], rows[-1]["id"]), walked=walked)


def _item(mailbox: Mailbox, row: sqlite3.Row, folder: sqlite3.Row, wanted: Wanted) -> Json:
    written = representation.message(mailbox, row, folder["public"], wanted)
    return {"@odata.type": "#microsoft.graph.message"} | written


def _log(
    mailbox: Mailbox, folder: sqlite3.Row, place: Place, size: int, quirks: Quirks, wanted: Wanted
) -> tuple[list[Json], Place, bool]:
    rows = mailbox.db.all(
        "select * from change where folder = ? and seq > ? order by seq limit ?", place.folder, place.at, size + 1
    )
    more = len(rows) > size
    items = []
    for row in rows[:size]:
        item = _changed(mailbox, folder, row, place, quirks, wanted)
        if item is not None:
            items.append(item)
    at = rows[:size][-1]["seq"] if rows else place.at
    return items, replace(place, at=at), more


def _changed(
    mailbox: Mailbox, folder: sqlite3.Row, row: sqlite3.Row, place: Place, quirks: Quirks, wanted: Wanted
) -> Json | None:
    """What the feed says of one change; nothing for a message that a later change speaks of."""
    kind = "deleted" if row["kind"] == "moved" else row["kind"]
    if place.kinds and kind not in place.kinds:
        return None
    if kind == "deleted":
        reason = quirks.removed_reason if row["kind"] == "moved" else "deleted"
        return {
            "@odata.type": "#microsoft.graph.message",
            "id": row["immutable"] if wanted.immutable else row["rest"],
            "@removed": {"reason": reason},
        }
    found = mailbox.db.one("select * from message where id = ?", row["message"])
    if found is None or found["folder"] != folder["id"] or found["received"] < place.since:
        return None
    if quirks.forget_returns and _came_back(mailbox, row):
        return None
    return _item(mailbox, found, folder, wanted)


def _came_back(mailbox: Mailbox, row: sqlite3.Row) -> bool:
    left = "select max(seq) from change where folder = ? and message = ? and kind = 'moved' and seq < ?"
    return bool(_scalar(mailbox, left, row["folder"], row["message"], row["seq"]))
