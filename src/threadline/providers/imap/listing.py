"""What changed in a folder since a cursor (RFC 7162, RFC 4731), or all of it, newest first.

Rules: the snapshot that the next cursor holds is the one taken when the listing began, so that what arrives meanwhile
is found next time. Only the last page carries a cursor. Where the numbers do not add up, the ids on both sides are
compared: a server's counters may make a listing slower, never incomplete.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from threadline.providers.contract import ChangePage, Held
from threadline.providers.imap import uids
from threadline.providers.imap.channel import Refused
from threadline.providers.imap.desk import Asked, Desk, Snapshot
from threadline.providers.imap.parse import Fetched
from threadline.providers.imap.signin import refusal

PAGE = 20_000
FLAGS_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a folder was listed."""

    uidvalidity: int
    uidnext: int
    modseq: int | None
    exists: int

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None) -> Cursor | None:
        """A cursor as written by `text`; None for none, or for what is not one."""
        try:
            held = json.loads(text or "null")
            modseq = held["modseq"]
            return cls(
                int(held["uidvalidity"]),
                int(held["uidnext"]),
                None if modseq is None else int(modseq),
                int(held["exists"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class _Found:
    """What a listing came to, before it is cut into pages."""

    new: Sequence[int]  # newest first
    gone: Sequence[int]
    cursor: Cursor
    changed: dict[int, frozenset[str]]  # flags known already
    ask_flags: Sequence[int] = ()  # held ids whose flags have to be asked for, newest first


def changes(desk: Desk, name: str, held: Held) -> Iterator[ChangePage]:
    """The pages of `Session.changes`."""
    cursor = Cursor.read(held.cursor)
    if cursor and held.generation != str(cursor.uidvalidity):
        cursor = None
    since = (cursor.uidvalidity, cursor.modseq) if cursor and cursor.uidvalidity and cursor.modseq else None
    snapshot = desk.examine(name, since=since)
    if cursor is None or cursor.uidvalidity != snapshot.uidvalidity:
        found = _everything(desk, name, snapshot, held)
    else:
        found = _since(desk, name, snapshot, held, cursor)
    yield from _pages(desk, name, snapshot, found)


def _everything(
    desk: Desk,
    name: str,
    snapshot: Snapshot,
    held: Held,
    changed: dict[int, frozenset[str]] | None = None,
) -> _Found:
    """Compares all ids with those held. Without `changed`, the flags of what is held are asked for."""
    listed = desk.all_ids(name, snapshot)
    known = {int(uid) for uid in held.ids()} if held.generation == snapshot.generation else set[int]()
    highest = listed[-1][1] if listed else 0
    return _Found(
        new=[uid for uid in uids.each(listed, newest_first=True) if uid not in known],
        gone=[uid for uid in sorted(known) if not uids.contains(listed, uid)],
        # What arrived while we listed was listed too. UIDNEXT may be missing, or lag behind.
        cursor=Cursor(
            snapshot.uidvalidity,
            max(snapshot.uidnext or 0, highest + 1),
            snapshot.modseq,
            uids.count(listed),
        ),
        changed=changed or {},
        ask_flags=() if changed is not None else [uid for uid in uids.each(listed, newest_first=True) if uid in known],
    )


def _since(desk: Desk, name: str, snapshot: Snapshot, held: Held, cursor: Cursor) -> _Found:
    if cursor.modseq is None or snapshot.modseq is None or snapshot.modseq < cursor.modseq:
        # No CONDSTORE, or a HIGHESTMODSEQ that went down (seen after a restore): every flag is looked at.
        return _everything(desk, name, snapshot, held)
    changed = _changed_flags(desk, name, snapshot, cursor)
    if changed is None:
        return _everything(desk, name, snapshot, held)
    new = _new_ids(desk, name, snapshot, cursor)
    gone = _vanished(snapshot, held, cursor)
    if snapshot.uidnext is None or cursor.exists - len(gone) + len(new) != snapshot.exists:
        return _everything(desk, name, snapshot, held, changed)
    end = Cursor(snapshot.uidvalidity, snapshot.uidnext, snapshot.modseq, snapshot.exists)
    return _Found(new, gone, end, changed)


def _changed_flags(desk: Desk, name: str, snapshot: Snapshot, cursor: Cursor) -> dict[int, frozenset[str]] | None:
    """Flags that changed since; None where the server does not know CHANGEDSINCE after all."""
    if snapshot.resumed:
        return {uid: flags for uid, flags in snapshot.changed.items() if uid < cursor.uidnext}
    if snapshot.modseq == cursor.modseq or cursor.uidnext <= 1:
        return {}
    desk.ensure(name, snapshot.generation)
    last = cursor.uidnext - 1
    asked = Asked(f"1:{last}", b"(UID FLAGS) (CHANGEDSINCE %d)" % (cursor.modseq or 0), ())
    changed: dict[int, frozenset[str]] = {}
    for event in desk.pipeline(name, snapshot.generation, [asked]):
        if isinstance(event, Fetched):
            if event.uid and event.flags is not None and event.uid <= last:
                changed[event.uid] = event.flags
        elif event.status.kind == "BAD" and not event.status.code:
            return None
        elif event.status.kind != "OK":
            raise refusal(desk.channel, Refused(event.status, ()))
    return changed


def _new_ids(desk: Desk, name: str, snapshot: Snapshot, cursor: Cursor) -> list[int]:
    if snapshot.uidnext is not None and snapshot.uidnext <= cursor.uidnext:
        return []
    desk.ensure(name, snapshot.generation)
    try:
        # Not "n:*": that always finds the newest message, even below n (RFC 9051 section 6.4.9).
        found = desk.search(b"UID %d:%d" % (cursor.uidnext, uids.HIGHEST))
    except Refused as refused:
        raise refusal(desk.channel, refused) from refused
    end = snapshot.uidnext or uids.HIGHEST + 1
    if uids.count(found) > snapshot.exists + PAGE:
        return []  # a list that cannot be true; the count then does not add up either, and all ids are compared
    return [uid for uid in uids.each(found, newest_first=True) if cursor.uidnext <= uid < end]


def _vanished(snapshot: Snapshot, held: Held, cursor: Cursor) -> list[int]:
    """Held ids that QRESYNC says are gone. It may name more than ever existed, so only held ones count."""
    if not snapshot.vanished:
        return []
    return sorted(uid for uid in map(int, held.ids()) if uid < cursor.uidnext and uids.contains(snapshot.vanished, uid))


def _pages(desk: Desk, name: str, snapshot: Snapshot, found: _Found) -> Iterator[ChangePage]:
    generation, total = snapshot.generation, snapshot.exists
    up_to = str(found.cursor.uidnext)
    for start in range(0, len(found.new), PAGE):
        items = desk.items(name, generation, found.new[start : start + PAGE])
        yield ChangePage(generation, new=tuple(items), total=total, listed_up_to=up_to)
    for flags in _flag_pages(desk, name, generation, found):
        yield ChangePage(generation, flags=flags, total=total, listed_up_to=up_to)
    yield ChangePage(
        generation,
        gone=tuple(map(str, found.gone)),
        total=total,
        listed_up_to=up_to,
        cursor=found.cursor.text(),
        last=True,
    )


def _flag_pages(
    desk: Desk, name: str, generation: str, found: _Found
) -> Iterator[tuple[tuple[str, frozenset[str]], ...]]:
    known = sorted(found.changed.items(), reverse=True)
    for start in range(0, len(known), FLAGS_PAGE):
        yield tuple((str(uid), flags) for uid, flags in known[start : start + FLAGS_PAGE])
    for start in range(0, len(found.ask_flags), FLAGS_PAGE):
        ids = found.ask_flags[start : start + FLAGS_PAGE]
        wanted = set(ids)
        asked = Asked(f"{ids[-1]}:{ids[0]}", b"(UID FLAGS)", ())
        flags: dict[int, frozenset[str]] = {}
        for item in desk.fetched(name, generation, [asked]):
            if item.uid in wanted and item.uid and item.flags is not None:
                flags[item.uid] = item.flags
        yield tuple((str(uid), flags[uid]) for uid in ids if uid in flags)
