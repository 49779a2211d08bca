"""What left a folder's listing: confirmed on a fresh connection, then looked for elsewhere; never deleted here (I3).

A folder's cursor moves past its departures when all of them are decided: after a refresh that was killed before, the next
one finds them again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from threadline.domain.facts import Where
from threadline.providers.contract import Query, RemoteFolder, Session
from threadline.services.refresh.work import Work
from threadline.storage.models import Copy, Folder

MOST_LOOKED_FOR = 200  # in one refresh; the others stay candidates for the next


def settle(work: Work, *, now: datetime) -> None:
    """Decide where every copy is that a listing did not show any more, or whose folder is not listed any more."""
    vanished = list(_vanished_folders(work))
    if not work.departed and not vanished:
        return
    folders = {folder.pk: folder for folder in Folder.objects.filter(pk__in=work.departed)}
    budget = MOST_LOOKED_FOR
    with work.reopen() as session:
        for folder_id, ids in work.departed.items():
            left = _confirmed(session, folders[folder_id], work.remote[folder_id], ids)
            if left is None:
                continue
            _decide(work, session, folders[folder_id], left[:budget], now)
            if len(left) <= budget and folder_id in work.cursors:
                with work.storing(folders[folder_id].name):
                    Folder.objects.filter(pk=folder_id).update(cursor=work.cursors[folder_id])
            budget = max(0, budget - len(left))
        if vanished and budget:
            listed = {remote.remote_name for remote in session.folders()}
            for folder in vanished:
                if folder.remote_name not in listed:
                    copies = Copy.objects.filter(folder=folder, where=Where.HERE.value).select_related("message")
                    left = list(copies.order_by("pk")[:budget])
                    _decide(work, session, folder, left, now)
                    budget -= len(left)


def _vanished_folders(work: Work) -> list[Folder]:
    """Folders that the server does not list any more, with copies that were there."""
    missing = Folder.objects.filter(mailbox=work.mailbox, missing_since__isnull=False)
    return list(missing.filter(copies__where=Where.HERE.value).distinct())


def _decide(work: Work, session: Session, folder: Folder, left: Collection[Copy], now: datetime) -> None:
    report = next((r for r in work.report.folders if r.name == folder.name), None)
    for copy in left:
        where, name = _place(work, session, copy)
        with work.storing(folder.name):
            copy.where, copy.where_folder, copy.where_since = where.value, name, now
            copy.save(update_fields=["where", "where_folder", "where_since"])
            if report is not None:
                report.gone += 1


def _confirmed(session: Session, folder: Folder, remote: RemoteFolder, ids: Collection[str]) -> list[Copy] | None:
    """The copies that a second listing, on a fresh connection, does not show either; None if the numbering changed."""
    listing = session.list_ids(remote)
    if listing.generation != folder.generation:
        return None
    copies = Copy.objects.filter(folder=folder, where=Where.HERE.value).select_related("message")
    old = [int(i.removeprefix("old:")) for i in ids if i.startswith("old:")]
    current = [i for i in ids if not i.startswith("old:") and i not in listing.ids]
    left: list[Copy] = []
    for start in range(0, len(old), 500):
        left += copies.filter(pk__in=old[start : start + 500])
    for start in range(0, len(current), 500):
        left += copies.filter(generation=folder.generation, remote_id__in=current[start : start + 500])
    return left


def _place(work: Work, session: Session, copy: Copy) -> tuple[Where, str]:
    """Where a copy that left its folder is now, in a folder a person can read."""
    moved = (
        Copy.objects.filter(mailbox=work.mailbox, message_id=copy.message_id, where=Where.HERE.value)
        .exclude(folder_id=copy.folder_id)
        .select_related("folder")
        .first()
    )
    if moved is not None:
        return Where.ELSEWHERE, moved.folder.name
    if copy.message.message_id is None:
        return Where.NOT_FOUND, ""
    own = Folder.objects.get(pk=copy.folder_id).remote_name
    others = [remote for remote in work.remote.values() if remote.selectable and remote.remote_name != own]
    for found in session.find(Query(message_id=copy.message.message_id), folders=others):
        return Where.ELSEWHERE, found.folder.name
    return Where.NOT_FOUND, ""
