"""What left a folder's listing: confirmed on a fresh connection, then looked for elsewhere; never deleted here (I3).

Where a copy is now is said only when it was found there; otherwise it is not found since then, and a later refresh that
finds it says so. A listing without a large share of its folder is not believed before the next refresh sees the same.

Where an email keeps its id when it is filed, it is asked for by that (`by_id`), else looked for among what arrived in
other folders (`elsewhere`).

A folder's cursor moves past its departures when all of them are decided: after a refresh that was killed before, the
next one finds them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import QuerySet

from threadline.domain.facts import Where
from threadline.providers.contract import MarkedSession, Query, RemoteFolder, Session, TellsPlaces
from threadline.services.refresh import by_id
from threadline.services.refresh.elsewhere import CHUNK, Look, digest_of_copy, look, places
from threadline.services.refresh.work import Work
from threadline.storage.arrivals import key_of
from threadline.storage.models import Copy, Folder, Sighting

log = structlog.get_logger(__name__)

LARGE_SHARE, LARGE_COUNT = 0.3, 20  # more than both at once is not believed at first
DOUBTED_FOR = timedelta(hours=1)  # by a verification, which may follow a refresh within seconds
LOOK_AGAIN = timedelta(days=3)  # for what was not found: replicas of a server lag by minutes, seldom by more
SHOWS_ALL = frozenset({"\\all", "\\allmail"})
MOST_ASKED_FOR = 200  # searched for there in one refresh; the others stay candidates for the next


def settle(work: Work, *, now: datetime) -> None:
    """Decide where every copy is that a listing did not show any more, or whose folder is not listed any more."""
    vanished = _vanished_folders(work)
    _listed_again(work, {*work.departed, *(folder.pk for folder in vanished)})
    if work.departed or vanished:
        with work.reopen() as session:
            _settle_by(work, session, vanished, now)
    elif isinstance(work.session, TellsPlaces) or _not_found_lately(work, now).exists():
        _settle_by(work, work.session, [], now)


def _settle_by(work: Work, session: Session, vanished: Sequence[Folder], now: datetime) -> None:
    """By what the provider can tell."""
    if isinstance(session, TellsPlaces):
        for folder, copies, now_in in by_id.left(work, session, vanished):
            _decide(work, folder, copies, now_in, (), now)
        by_id.follow(work, session, now=now)
    elif isinstance(session, MarkedSession):
        _settle(work, session, list(_confirmed(work, session, vanished)), now)


def _vanished_folders(work: Work) -> list[Folder]:
    """Folders that the server does not list any more, with copies that were there."""
    missing = Folder.objects.filter(mailbox=work.mailbox, missing_since__isnull=False)
    return list(missing.filter(copies__where=Where.HERE.value).distinct())


def _listed_again(work: Work, departing: Collection[int]) -> None:
    """What seemed to shrink and is whole again was not believed in vain."""
    whole = Folder.objects.filter(mailbox=work.mailbox, shrank_at__isnull=False).exclude(pk__in=departing)
    if whole.exists():
        with work.storing("folders"):
            whole.update(shrank_at=None)


def _not_found_lately(work: Work, now: datetime) -> QuerySet[Copy]:
    lately = Copy.objects.filter(mailbox=work.mailbox, where=Where.NOT_FOUND.value, where_since__gt=now - LOOK_AGAIN)
    return lately.select_related("message")


# --- confirming -------------------------------------------------------------------------------------------------------


def _confirmed(work: Work, session: Session, vanished: Sequence[Folder]) -> Iterator[tuple[Folder, list[Copy]]]:
    """Each folder with the copies that a fresh connection does not show either."""
    folders = {folder.pk: folder for folder in Folder.objects.filter(pk__in=work.departed)}
    for folder_id, ids in work.departed.items():
        left = _left(session, folders[folder_id], work.remote[folder_id], ids)
        if left is not None:
            yield folders[folder_id], left
    if vanished:
        listed = {remote.remote_name for remote in session.folders()}
        for folder in vanished:
            if folder.remote_name not in listed:
                copies = Copy.objects.filter(folder=folder, where=Where.HERE.value)
                yield folder, list(copies.select_related("message").order_by("pk"))


def _left(session: Session, folder: Folder, remote: RemoteFolder, ids: Collection[str]) -> list[Copy] | None:
    """The copies that a second listing does not show either; None if the numbering changed meanwhile."""
    listing = session.list_ids(remote)
    if listing.generation != folder.generation:
        return None
    copies = Copy.objects.filter(folder=folder, where=Where.HERE.value).select_related("message")
    old = [int(i.removeprefix("old:")) for i in ids if i.startswith("old:")]
    current = [i for i in ids if not i.startswith("old:") and i not in listing.ids]
    left: list[Copy] = []
    for start in range(0, len(old), CHUNK):
        left += copies.filter(pk__in=old[start : start + CHUNK])
    for start in range(0, len(current), CHUNK):
        left += copies.filter(generation=folder.generation, remote_id__in=current[start : start + CHUNK])
    return left


# --- deciding ---------------------------------------------------------------------------------------------------------


def _settle(work: Work, session: MarkedSession, left: Sequence[tuple[Folder, list[Copy]]], now: datetime) -> None:
    leaving = [copy for _, copies in left for copy in copies]
    looking_for = [*leaving, *_not_found_lately(work, now)]
    looked = look(work, session, {digest_of_copy(copy) for copy in looking_for}, now=now)
    now_in = places(work, session, looking_for, looked)
    views = [remote for remote in work.remote.values() if remote.special_use.lower() in SHOWS_ALL]
    budget = MOST_ASKED_FOR
    for folder, copies in left:
        sought = [copy for copy in copies if copy.pk not in now_in] if views else []
        asking, unasked = sought[:budget], sought[budget:]
        budget -= len(asking)
        _decide(work, folder, copies, now_in | _in_view(work, session, views, asking), unasked, now)
    _follow(work, session, looking_for[len(leaving) :], now_in, looked, now)


def _in_view(work: Work, session: Session, views: Sequence[RemoteFolder], copies: Sequence[Copy]) -> dict[int, str]:
    """Where an account has a folder that shows all mail (Gmail), an archived email stays there under its old id, and no
    mark tells: it is searched for by its Message-ID.
    """
    from threadline.providers.mime.parse import headers_only  # noqa: PLC0415  seldom needed, slow to load

    found: dict[int, str] = {}
    for copy in copies:
        if copy.message.message_id:
            for hit in session.find(Query(message_id=copy.message.message_id), folders=views):
                if key_of(headers_only(hit.header)) == copy.message.key:
                    found[copy.pk] = hit.folder.name
        work.keep_alive("elsewhere")
    return found


def _decide(
    work: Work,
    folder: Folder,
    copies: Sequence[Copy],
    now_in: Mapping[int, str],
    unasked: Collection[Copy],
    now: datetime,
) -> None:
    waiting = {copy.pk for copy in unasked}
    lost = [copy for copy in copies if copy.pk not in now_in and copy.pk not in waiting]
    believed = _is_believed(work, folder, lost, now)
    decided = [copy for copy in copies if copy.pk in now_in] + (lost if believed else [])
    report = next((entry for entry in work.report.folders if entry.name == folder.name), None)
    for start in range(0, len(decided), CHUNK):
        chunk = decided[start : start + CHUNK]
        for copy in chunk:
            copy.where = (Where.ELSEWHERE if copy.pk in now_in else Where.NOT_FOUND).value
            copy.where_folder, copy.where_since = now_in.get(copy.pk, "")[:1000], now
        with work.storing(folder.name):
            Copy.objects.bulk_update(chunk, ["where", "where_folder", "where_since"])
            if report is not None:
                report.gone += len(chunk)
    if believed and not waiting and folder.pk in work.cursors:
        with work.storing(folder.name):
            Folder.objects.filter(pk=folder.pk).update(cursor=work.cursors[folder.pk])


def _is_believed(work: Work, folder: Folder, lost: Sequence[Copy], now: datetime) -> bool:
    """Whether so many may be gone: a large share only when an earlier run saw the same."""
    held = Copy.objects.filter(folder=folder, where=Where.HERE.value).count()
    if len(lost) <= LARGE_COUNT or len(lost) <= LARGE_SHARE * held:
        believed = True
    elif folder.shrank_at is None:
        log.warning("a large share of a folder is not listed any more", folder=folder.pk, lost=len(lost), held=held)
        with work.storing(folder.name):
            Folder.objects.filter(pk=folder.pk).update(shrank_at=now)
        return False
    else:
        believed = work.run.trigger != "verify" or now - folder.shrank_at >= DOUBTED_FOR
    if believed and folder.shrank_at is not None:
        with work.storing(folder.name):
            Folder.objects.filter(pk=folder.pk).update(shrank_at=None)
    return believed


# --- what is followed afterwards --------------------------------------------------------------------------------------


def _follow(
    work: Work, session: Session, not_found: Sequence[Copy], now_in: Mapping[int, str], looked: Look, now: datetime
) -> None:
    """What was not found and is found now, and what was filed once more, gets its new place."""
    _place(work, [(copy, now_in[copy.pk]) for copy in not_found if copy.pk in now_in], now)
    fresh = Sighting.objects.filter(folder__mailbox=work.mailbox, pk__gt=looked.after).order_by("pk")
    after = looked.after
    while chunk := list(fresh.filter(pk__gt=after).values_list("pk", "digest")[:CHUNK]):
        after = chunk[-1][0]
        copies = Copy.objects.filter(mailbox=work.mailbox, message__key__in={digest for _, digest in chunk})
        strayed = list(copies.exclude(where=Where.HERE.value).select_related("message"))
        found = places(work, session, strayed, looked)
        _place(work, [(copy, found[copy.pk]) for copy in strayed if copy.pk in found], now)


def _place(work: Work, found: Sequence[tuple[Copy, str]], now: datetime) -> None:
    moved = [(copy, name) for copy, name in found if (copy.where, copy.where_folder) != (Where.ELSEWHERE.value, name)]
    for start in range(0, len(moved), CHUNK):
        chunk = moved[start : start + CHUNK]
        for copy, name in chunk:
            copy.where, copy.where_folder, copy.where_since = Where.ELSEWHERE.value, name[:1000], now
        with work.storing("elsewhere"):
            Copy.objects.bulk_update([copy for copy, _ in chunk], ["where", "where_folder", "where_since"])
