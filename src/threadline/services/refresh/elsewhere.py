"""What arrived in the folders that are not synced, and which of them a copy that left its own folder is now in.

Of every such folder a mark is held: how far it had got. Marks are taken once, before anything is loaded, and from then
on only when something left a synced folder: then what arrived after a mark is read by three header fields, kept as a
digest, and the mark moves. What lay there before is never read, so the cost does not grow with it. A mark may be old;
it is never newer than what was read.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from threadline.domain.causes import Cause
from threadline.domain.errors import CursorLost, NeedsAdmin, ProviderError
from threadline.domain.facts import Where
from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content, FolderMark, RemoteFolder, RemoteItem, Session, TellsArrivals
from threadline.providers.mime.pool import ParseFailure
from threadline.services.refresh.work import Work
from threadline.storage import bulk
from threadline.storage.arrivals import key_of
from threadline.storage.models import Copy, Folder, Mark, Sighting

CHUNK = 500
# Views over all folders, as Gmail has them: nothing arrives there when an email is filed, so marks tell nothing.
VIEWS = frozenset({"\\all", "\\allmail", "\\flagged", "\\starred", "\\important"})
Item = TypeVar("Item")


@dataclass(slots=True)
class Look:
    """One look at the other folders."""

    after: int = 0  # sightings with a higher id were read in this look: they need no second look
    passing: dict[str, str] = field(default_factory=dict)  # digest -> synced folder it arrived in after its listing


def take_marks(work: Work, *, now: datetime) -> None:
    """At the first refresh of a mailbox: what leaves a synced folder from now on arrives above a mark."""
    if work.mailbox.marked_at is not None or not isinstance(work.session, TellsArrivals):
        return
    folders = {remote.remote_name: folder for folder, remote in unsynced(work)}
    found = work.session.marks([work.remote[folder.pk] for folder in folders.values()]) if folders else {}
    with work.storing("folders"):
        for name, mark in found.items():
            _keep(folders[name], mark, now)
        work.mailbox.marked_at = now
        work.mailbox.save(update_fields=["marked_at"])


def unsynced(work: Work) -> list[tuple[Folder, RemoteFolder]]:
    """Every folder that is not synced and in which an email can be."""
    synced = {folder.pk for folder in work.synced_folders()}
    folders = Folder.objects.filter(pk__in=list(work.remote)).exclude(pk__in=synced).order_by("pk")
    return [
        (folder, work.remote[folder.pk])
        for folder in folders
        if work.remote[folder.pk].selectable and folder.special_use.lower() not in VIEWS
    ]


def look(work: Work, session: TellsArrivals, wanted: Collection[str], *, now: datetime) -> Look:
    """Read what arrived since the marks. What came to synced folders meanwhile is only compared with `wanted`."""
    found = Look(after=Sighting.objects.order_by("-pk").values_list("pk", flat=True).first() or 0)
    synced, others = work.synced_folders(), unsynced(work)
    _forget_synced(work, synced)
    remotes = [work.remote[folder.pk] for folder in synced] + [remote for _, remote in others]
    marks = session.marks(remotes)
    held = {mark.folder_id: mark for mark in Mark.objects.filter(folder__mailbox=work.mailbox)}
    for folder, remote in others:
        mark = marks.get(remote.remote_name)
        if mark is not None:
            last = _last(work, folder, mark, held, marks.values(), now)
            if last != mark:
                _read(work, session, folder, remote, mark, last, now)
    for folder in synced:
        mark, remote = marks.get(work.remote[folder.pk].remote_name), work.remote[folder.pk]
        if wanted and mark is not None and folder.listed_up_to and mark.next_id != folder.listed_up_to:
            for digest, _ in _arrived(work, session, remote, mark.generation, folder.listed_up_to):
                if digest in wanted:
                    found.passing[digest] = folder.name
    return found


def _forget_synced(work: Work, synced: Sequence[Folder]) -> None:
    """A folder that is synced now has copies, and needs no sightings."""
    marked = Mark.objects.filter(folder__in=[folder.pk for folder in synced])
    if marked.exists():
        with work.storing("folders"):
            Sighting.objects.filter(folder__in=[folder.pk for folder in synced]).delete()
            marked.delete()


def _last(
    work: Work,
    folder: Folder,
    mark: FolderMark,
    held: dict[int, Mark],
    marks: Collection[FolderMark],
    now: datetime,
) -> FolderMark | None:
    """The mark up to which this folder is known; None for one that was made since, where everything is an arrival."""
    own = held.get(folder.pk)
    if own is not None:
        return FolderMark(own.generation, own.next_id)
    if folder.listed_up_to and folder.generation == mark.generation:  # synced until the owner chose otherwise
        return FolderMark(folder.generation, folder.listed_up_to)
    # Renamed: a folder keeps its UIDVALIDITY then (seen on Dovecot); one that several share says nothing.
    alike = [old for old in held.values() if old.generation == mark.generation]
    if len(alike) != 1 or sum(other.generation == mark.generation for other in marks) != 1:
        return None
    before = alike[0].folder
    if before.missing_since is None:
        return None
    with work.storing(folder.name):
        Sighting.objects.filter(folder=before).update(folder=folder)
        Mark.objects.filter(folder=before).delete()
        last = _keep(folder, FolderMark(alike[0].generation, alike[0].next_id), now)
        filed = Copy.objects.filter(mailbox=work.mailbox, where=Where.ELSEWHERE.value, where_folder=before.name)
        filed.update(where_folder=folder.name)
    return last


def _keep(folder: Folder, mark: FolderMark, now: datetime) -> FolderMark:
    values = {"generation": mark.generation, "next_id": mark.next_id, "taken_at": now}
    Mark.objects.update_or_create(folder=folder, defaults=values)
    return mark


def _read(
    work: Work,
    session: TellsArrivals,
    folder: Folder,
    remote: RemoteFolder,
    mark: FolderMark,
    last: FolderMark | None,
    now: datetime,
) -> None:
    """Keep what arrived since `last`; the mark moves when it was read to its end."""
    since = last.next_id if last is not None and last.generation == mark.generation else ""
    try:
        for batch in _batches(_arrived(work, session, remote, mark.generation, since), CHUNK):
            rows = [
                {"folder_id": folder.pk, "generation": mark.generation, "remote_id": item.remote_id, "digest": digest}
                for digest, item in batch
            ]
            with work.storing(folder.name):
                bulk.insert(Sighting, rows, ignore_conflicts=True)
    except ProviderError as error:
        # Renumbered or removed in this moment, or not for our eyes: the mark stays, and the next look reads it.
        if not isinstance(error, CursorLost | NeedsAdmin) and error.cause is not Cause.FOLDER_GONE:
            raise
        return
    with work.storing(folder.name):
        _keep(folder, mark, now)
        Sighting.objects.filter(folder=folder).exclude(generation=mark.generation).delete()


def _arrived(
    work: Work, session: TellsArrivals, remote: RemoteFolder, generation: str, since: str
) -> Iterator[tuple[str, RemoteItem]]:
    """(digest, item) of what arrived; what cannot be recognised again is left out."""
    for batch in _batches(session.arrivals(remote, generation, since), CHUNK):
        contents = [Content(item=item, raw=block, whole=False) for item, block in batch]
        for content, parsed in zip(contents, work.parser.parse_many(contents), strict=True):
            if not isinstance(parsed, ParseFailure) and (digest := digest_of_parsed(parsed, content.item.size)):
                yield digest, content.item
        work.keep_alive(remote.name)


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


# --- what a copy is recognised by -------------------------------------------------------------------------------------


def digest_of_parsed(parsed: ParsedMessage, size: int) -> str:
    """The message's key, which is made of Message-ID, From and Date; without a Message-ID size, From and Date."""
    if parsed.message_id:
        return key_of(parsed)
    return _likeness(size, parsed.sender[0].address if parsed.sender else "", parsed.date)


def digest_of_copy(copy: Copy) -> str:
    message = copy.message
    return message.key if message.message_id else _likeness(copy.size, message.sender_address, message.date)


def _likeness(size: int, sender: str, date: datetime | None) -> str:
    if date is None or not size:
        return ""
    said = f"{size}\n{sender.strip().lower()}\n{date.astimezone(UTC).replace(microsecond=0).isoformat()}"
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# --- where a copy is now ----------------------------------------------------------------------------------------------


def places(work: Work, session: Session, copies: Sequence[Copy], looked: Look) -> dict[int, str]:
    """For each of these copies that is in another folder now: its name, as a person reads it."""
    found: dict[int, str] = {}
    leaving = {copy.pk for copy in copies}
    for start in range(0, len(copies), CHUNK):
        chunk = copies[start : start + CHUNK]
        found |= _held(work, chunk, leaving) | _passing(chunk, looked) | _sighted(work, session, chunk, looked)
    return found


def _passing(copies: Sequence[Copy], looked: Look) -> dict[int, str]:
    names = {copy.pk: looked.passing.get(digest_of_copy(copy), "") for copy in copies}
    return {pk: name for pk, name in names.items() if name}


def _held(work: Work, copies: Sequence[Copy], leaving: Collection[int]) -> dict[int, str]:
    """Another copy of the message, in another folder of the same mailbox."""
    messages = [copy.message_id for copy in copies]
    others = Copy.objects.filter(mailbox=work.mailbox, message_id__in=messages, where=Where.HERE.value)
    names: dict[int, list[tuple[int, str]]] = defaultdict(list)
    rows = others.filter(folder__missing_since=None).values_list("pk", "message_id", "folder_id", "folder__name")
    for pk, message_id, folder_id, name in rows.order_by("pk"):
        if pk not in leaving:
            names[message_id].append((folder_id, name))
    return {
        copy.pk: name for copy in copies for folder_id, name in names[copy.message_id] if folder_id != copy.folder_id
    }


def _sighted(work: Work, session: Session, copies: Sequence[Copy], looked: Look) -> dict[int, str]:
    """The newest sighting; an older one than this look's only if the email is still there."""
    digests = {digest for copy in copies if (digest := digest_of_copy(copy))}
    rows = list(
        Sighting.objects.filter(folder__mailbox=work.mailbox, folder__missing_since=None, digest__in=digests)
        .select_related("folder")
        .order_by("pk")
    )
    gone = _not_there_any_more(work, session, [row for row in rows if row.pk <= looked.after])
    if gone:
        with work.storing("elsewhere"):
            Sighting.objects.filter(pk__in=gone).delete()
    names = {row.digest: row.folder.name for row in rows if row.pk not in gone}
    return {copy.pk: names[digest] for copy in copies if (digest := digest_of_copy(copy)) in names}


def _not_there_any_more(work: Work, session: Session, sightings: Sequence[Sighting]) -> list[int]:
    by_folder: dict[tuple[int, str], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        by_folder[sighting.folder_id, sighting.generation].append(sighting)
    gone: list[int] = []
    for (folder_id, generation), rows in by_folder.items():
        remote = work.remote.get(folder_id)
        there: set[str] = set()
        if remote is not None and remote.selectable:
            try:
                asked = session.headers(remote, generation, [row.remote_id for row in rows])
                there = {item.remote_id for item, _ in asked}
            except ProviderError as error:
                if not isinstance(error, CursorLost | NeedsAdmin) and error.cause is not Cause.FOLDER_GONE:
                    raise
        gone += [row.pk for row in rows if row.remote_id not in there]
    return gone
