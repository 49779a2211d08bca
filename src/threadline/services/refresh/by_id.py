"""Where an email is that left its folder, at a provider that keeps its id when it is filed: it is asked for by that id.

Nothing has to be searched for then, and nothing that another program did meanwhile can mislead: an email that was
moved away and back is still there, however it was listed; one that was filed is where the provider says; one that the
provider does not have any more is not found. What left lately is asked for again at each refresh, since a listing need
not show an email that comes back to its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from threadline.domain.facts import Where
from threadline.providers.contract import TellsPlaces
from threadline.services.refresh.work import Work
from threadline.storage.models import Copy, Folder

CHUNK = 500
FOLLOWED_FOR = timedelta(days=3)
MOST_FOLLOWED = 200  # in one refresh, the latest first


def left(
    work: Work, session: TellsPlaces, vanished: Sequence[Folder]
) -> Iterator[tuple[Folder, list[Copy], dict[int, str]]]:
    """Each folder with the copies that are not in it any more, and the name of the folder where each is now."""
    folders = {folder.pk: folder for folder in Folder.objects.filter(pk__in=work.departed)}
    for folder_id, ids in work.departed.items():
        yield _away(work, session, folders[folder_id], list(_copies(folders[folder_id], sorted(ids))))
    for folder in vanished:
        copies = Copy.objects.filter(folder=folder, where=Where.HERE.value).select_related("message")
        yield _away(work, session, folder, list(copies.order_by("pk")))


def _copies(folder: Folder, ids: Sequence[str]) -> Iterator[Copy]:
    here = Copy.objects.filter(folder=folder, generation=folder.generation, where=Where.HERE.value)
    for start in range(0, len(ids), CHUNK):
        yield from here.filter(remote_id__in=ids[start : start + CHUNK]).select_related("message")


def _away(
    work: Work, session: TellsPlaces, folder: Folder, copies: Sequence[Copy]
) -> tuple[Folder, list[Copy], dict[int, str]]:
    places = _places(work, session, copies)
    away = [copy for copy in copies if places.get(copy.remote_id) != folder.remote_name]
    return folder, away, _named(work, away, places)


def _places(work: Work, session: TellsPlaces, copies: Sequence[Copy]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(copies), CHUNK):
        found |= session.places([copy.remote_id for copy in copies[start : start + CHUNK]])
        work.keep_alive("elsewhere")
    return found


def _named(work: Work, copies: Sequence[Copy], places: Mapping[str, str]) -> dict[int, str]:
    """The names of places that a person can go to: a folder that the account does not list is none."""
    names = {remote.remote_name: remote.name for remote in work.remote.values()}
    found = {copy.pk: names.get(places.get(copy.remote_id, ""), "") for copy in copies}
    return {pk: name for pk, name in found.items() if name}


def follow(work: Work, session: TellsPlaces, *, now: datetime) -> None:
    """What left its folder lately: back in it, filed once more, or not to be found any more."""
    lately = Copy.objects.filter(mailbox=work.mailbox, where_since__gt=now - FOLLOWED_FOR, where_since__lt=now)
    copies = list(
        lately.exclude(where=Where.HERE.value).select_related("folder").order_by("-where_since")[:MOST_FOLLOWED]
    )
    places = _places(work, session, copies)
    names = _named(work, copies, places)
    changed = [copy for copy in copies if _moved(copy, places, names, now)]
    for start in range(0, len(changed), CHUNK):
        with work.storing("elsewhere"):
            Copy.objects.bulk_update(changed[start : start + CHUNK], ["where", "where_folder", "where_since"])


def _moved(copy: Copy, places: Mapping[str, str], names: Mapping[int, str], now: datetime) -> bool:
    before = copy.where, copy.where_folder
    if places.get(copy.remote_id) == copy.folder.remote_name and copy.folder.missing_since is None:
        copy.where, copy.where_folder = Where.HERE.value, ""
    elif copy.pk in names:
        copy.where, copy.where_folder = Where.ELSEWHERE.value, names[copy.pk][:1000]
    else:
        copy.where, copy.where_folder = Where.NOT_FOUND.value, ""
    if (copy.where, copy.where_folder) == before:
        return False
    copy.where_since = None if copy.where == Where.HERE.value else now
    return True
