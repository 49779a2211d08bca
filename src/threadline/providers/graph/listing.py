"""What is in a folder, and what has changed there: Graph's delta, one folder at a time.

A delta comes in no order, may show a message several times, may be empty in between and lags behind; its links die
without notice, also in the middle of a round. So from the beginning the newest come first, by a plain listing, and the
walk of the delta after it brings the rest; both show the same messages, and what was shown is not shown again. There is
never a filter on a delta: Graph then ends after 5,000 messages.

A link that has died is no trouble: everything is listed again, and what is held is not fetched again (I10).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from threadline.domain.causes import Cause
from threadline.domain.errors import CursorLost, MessageGone, Transient
from threadline.domain.folders import Role
from threadline.providers.contract import ChangePage, FolderIds, Held, RemoteFolder, RemoteItem
from threadline.providers.graph import parse
from threadline.providers.graph.client import Client
from threadline.providers.graph.wire import Ask, Json

GENERATION = ""  # ids are for ever
NEWEST_PAGES, NEWEST_PAGE = 3, 50  # listed newest first before the walk
PAGE = 200  # of a delta
IDS_PAGE = 1000
_WALKS = 4  # begun anew in one listing, when links die on the way
_EMPTY = 500  # pages without anything, after which a round is said never to end
_NEWEST = "receivedDateTime desc"


@dataclass(slots=True)
class _Shown:
    """What a listing has shown so far."""

    held: Collection[str]
    sent: bool
    seen: dict[str, frozenset[str]] = field(default_factory=dict)  # id -> its flags, as shown
    gone: set[str] = field(default_factory=set)

    def page(self, entries: Sequence[Json], *, total: int | None) -> ChangePage:
        new: dict[str, RemoteItem] = {}
        flags: dict[str, frozenset[str]] = {}
        for entry in entries:
            key = str(entry["id"])
            if parse.is_removed(entry):
                self.gone.add(key)
                new.pop(key, None)
                continue
            self.gone.discard(key)
            now_has = parse.flags(entry)
            if key in self.seen or key in self.held:
                if self.seen.get(key) != now_has:
                    flags[key] = now_has
            else:
                new[key] = parse.item(entry, sent=self.sent)
            self.seen[key] = now_has
        newest_first = sorted(new.values(), key=_age)
        return ChangePage(GENERATION, tuple(newest_first), tuple(flags.items()), total=total)


def _age(item: RemoteItem) -> float:
    return -item.received_at.timestamp() if item.received_at else 0.0


def changes(client: Client, folder: RemoteFolder, held: Held) -> Iterator[ChangePage]:
    """The pages of `Session.changes`."""
    total, began = _look(client, folder)
    link = _read(held.cursor)
    if not client.is_ours(link):
        link = ""  # of a mailbox that was reached at another address
    shown = _Shown(_Lazily(held), folder.role is Role.SENT)
    if link:
        try:
            yield from _since(client, link, shown, total, began)
        except CursorLost:
            pass
        else:
            return
    yield from _from_the_beginning(client, folder, shown, total, began)


def _since(client: Client, link: str, shown: _Shown, total: int | None, began: str) -> Iterator[ChangePage]:
    for entries, cursor in _walk(client, client.link(link)):
        page = shown.page(_completed(client, entries), total=total)
        gone = tuple(key for key in shown.gone if key in shown.held) if cursor else ()
        yield _ended(page, gone, cursor, began) if cursor else page


def _from_the_beginning(
    client: Client, folder: RemoteFolder, shown: _Shown, total: int | None, began: str
) -> Iterator[ChangePage]:
    for entries in _newest(client, folder):
        yield shown.page(entries, total=total)
    for attempt in range(_WALKS):
        start = client.url(f"mailFolders/{folder.remote_name}/messages/delta", select=parse.LISTED, orderby=_NEWEST)
        try:
            for entries, cursor in _walk(client, start):
                page = shown.page(_completed(client, entries), total=total)
                if cursor:
                    left = {key for key in shown.gone if key in shown.held or key in shown.seen}
                    left |= {key for key in shown.held if key not in shown.seen}
                    yield _ended(page, tuple(left), cursor, began)
                    return
                yield page
        except CursorLost:
            if attempt == _WALKS - 1:
                raise Transient(
                    "Microsoft 365 breaks off the list of this folder again and again. We try again by ourselves."
                ) from None


def _ended(page: ChangePage, gone: tuple[str, ...], link: str, began: str) -> ChangePage:
    return ChangePage(
        page.generation,
        page.new,
        page.flags,
        gone=gone,
        total=page.total,
        listed_up_to=began,
        cursor=json.dumps({"delta": link}),
        last=True,
    )


def _newest(client: Client, folder: RemoteFolder) -> Iterator[list[Json]]:
    url = client.url(
        f"mailFolders/{folder.remote_name}/messages", select=parse.LISTED, orderby=_NEWEST, top=str(NEWEST_PAGE)
    )
    for number, page in enumerate(client.pages(url, page=NEWEST_PAGE), start=1):
        entries = parse.values(page)
        if entries:
            yield [dict(entry) for entry in entries]
        if number == NEWEST_PAGES:
            return


def _walk(client: Client, link: str) -> Iterator[tuple[list[Json], str]]:
    """(entries, "") of each page of a round, and with the last one the link to begin the next round with."""
    empty = 0
    while link:
        found, _ = client.read(Ask(client.link(link), page=PAGE))
        entries = [dict(entry) for entry in parse.values(found)]
        link, ended = str(found.get("@odata.nextLink") or ""), str(found.get("@odata.deltaLink") or "")
        empty = 0 if entries else empty + 1
        if not link and not ended:
            raise Transient("Microsoft 365 sent a list that does not end as it should. We try again by ourselves.")
        if empty > _EMPTY:
            raise Transient("Microsoft 365 sends a list that does not end. We try again by ourselves.")
        yield entries, "" if link else ended


def _completed(client: Client, entries: Sequence[Json]) -> list[Json]:
    """Of a change a delta may say only what changed; then the rest is asked for."""
    short = [str(one["id"]) for one in entries if not parse.is_removed(one) and not parse.is_complete(one)]
    if not short:
        return list(entries)
    answers = client.batch([f"messages/{key}?$select={parse.LISTED}" for key in short])
    whole = {key: answer for key, answer in zip(short, answers, strict=True) if isinstance(answer, dict)}
    # What is gone again by now, a later round says.
    return [whole.get(str(one["id"]), one) for one in entries if str(one["id"]) not in short or str(one["id"]) in whole]


def _look(client: Client, folder: RemoteFolder) -> tuple[int | None, str]:
    """How many are in the folder, and the server's time, both before anything is listed."""
    ask = Ask(client.url(f"mailFolders/{folder.remote_name}", select="id,totalItemCount"))
    try:
        found, answer = client.read(ask)
    except MessageGone as error:
        raise gone(error) from error
    total = found.get("totalItemCount")
    return total if isinstance(total, int) else None, mark(answer.date())


def gone(error: MessageGone) -> Transient:
    return Transient("This folder is no longer in the mailbox.", cause=Cause.FOLDER_GONE, answer=error.answer)


def mark(moment: datetime) -> str:
    """How far a listing that began at this moment reaches: what was received before it."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def list_ids(client: Client, folder: RemoteFolder) -> FolderIds:
    """Every id, the oldest first, so that what arrives meanwhile moves none of the others to another page."""
    _, began = _look(client, folder)
    url = client.url(
        f"mailFolders/{folder.remote_name}/messages",
        select="id",
        orderby="receivedDateTime asc",
        top=str(IDS_PAGE),
    )
    ids = {str(entry["id"]) for page in client.pages(url, page=IDS_PAGE) for entry in parse.values(page)}
    return FolderIds(GENERATION, frozenset(ids), began)


def _read(cursor: str | None) -> str:
    """The link in a cursor; "" where it is none of ours."""
    try:
        link = json.loads(cursor or "{}").get("delta", "")
    except (ValueError, AttributeError):
        return ""
    return link if isinstance(link, str) else ""


class _Lazily(Collection[str]):
    """The ids that are held, asked for when one is first compared."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._ids: frozenset[str] | None = None

    def _known(self) -> frozenset[str]:
        if self._ids is None:
            self._ids = frozenset(self._held.ids())
        return self._ids

    def __contains__(self, key: object) -> bool:
        return key in self._known()

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())
