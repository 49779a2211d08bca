"""Tries again what is in the ledger and due: each message by itself, so that one which fails again stops no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from django.db.models import Q

from threadline.clock import now
from threadline.domain.errors import Transient
from threadline.providers.contract import RemoteFolder, RemoteItem
from threadline.services import gaps
from threadline.services.ledger import LEDGER_RETRY, heading_of
from threadline.services.refresh import narrow
from threadline.services.refresh.items import load_items
from threadline.services.refresh.report import FolderReport
from threadline.services.refresh.work import Work
from threadline.storage.models import Folder, Gap, LedgerEntry

LEDGER_AT_ONCE = 50  # tried again in one refresh, each by itself


def try_ledger_again(work: Work, folder: Folder, report: FolderReport) -> None:
    """Ask once more for what could not be stored before and is due; what is gone from the server leaves the ledger."""
    entries = LedgerEntry.objects.filter(folder=folder, next_try_at__isnull=False)
    if not entries.filter(Q(next_try_at__lte=now()) | ~Q(generation=folder.generation)).exists():
        return
    remote = work.remote[folder.pk]
    listed = work.session.list_ids(remote)
    if listed.generation != folder.generation:
        return
    due = entries.filter(next_try_at__lte=now(), generation=folder.generation).order_by("next_try_at")
    ids = list(due.values_list("remote_id", flat=True)[:LEDGER_AT_ONCE])
    gone = [remote_id for remote_id in ids if remote_id not in listed.ids]
    with work.storing(folder.name):
        # Renumbered since: under its new id each of them is held, or in the ledger again.
        entries.exclude(generation=folder.generation).delete()
        entries.filter(generation=folder.generation, remote_id__in=gone).delete()
        # Pushed ahead before it is tried: what stops this refresh must not be the first thing the next one does.
        entries.filter(generation=folder.generation, remote_id__in=ids).update(next_try_at=now() + LEDGER_RETRY)
    tried = entries.filter(generation=folder.generation, remote_id__in=ids)
    of_gaps = {entry.remote_id: entry.gap for entry in tried.exclude(gap=None).select_related("gap")}
    for remote_id in ids:
        if remote_id in listed.ids:
            items = _described(work, folder, remote, listed.generation, remote_id)
            with _filling(work, of_gaps.get(remote_id), folder):
                load_items(work, folder, remote, listed.generation, items, report)


@contextmanager
def _filling(work: Work, gap: Gap | None, folder: Folder) -> Iterator[None]:
    """What comes meanwhile is counted as recovered in the gap in which it was set aside."""
    usual = work.gap
    work.gap = gap or usual
    try:
        yield
    finally:
        work.gap = usual
    if gap is not None:
        with work.storing(folder.name):
            gaps.count(gap)


def _described(work: Work, folder: Folder, remote: RemoteFolder, generation: str, remote_id: str) -> list[RemoteItem]:
    """The item as the server describes it now; nothing of it is known where even that breaks the connection."""
    try:
        headers = list(work.session.headers(remote, generation, [remote_id]))
    except Transient as error:
        if not narrow.is_break(error):
            raise
        work.reconnect(error)
        return [RemoteItem(remote_id, 0, None)]
    for item, block in headers:
        heading = heading_of(work.parser, item, block)
        with work.storing(folder.name):
            entries = LedgerEntry.objects.filter(folder=folder, generation=generation, remote_id=remote_id)
            entries.update(**asdict(heading))
    return [item for item, _ in headers] or [RemoteItem(remote_id, 0, None)]
