"""Loads one folder: what is new is fetched, read, stored and linked, newest first, batch by batch.

The cursor moves in the transaction that stored the last items before it (I1), and not at all past a message that was
listed and then said to be gone, or past departures that are not decided yet. Until then a listing that is begun again
skips what is held, so a refresh can be killed anywhere and run again (I2). Nothing is fetched or parsed inside a
transaction (I8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db.models import QuerySet

from threadline.clock import now
from threadline.domain.facts import Where
from threadline.providers.contract import ChangePage, Held, RemoteFolder, RemoteItem, TellsHeadings
from threadline.services.refresh import headings, renumbering
from threadline.services.refresh.batches import FIRST_COUNT
from threadline.services.refresh.items import load_items
from threadline.services.refresh.ledger_again import try_ledger_again
from threadline.services.refresh.rebind import here_by_other_numbers, rebind
from threadline.services.refresh.report import FolderReport
from threadline.services.refresh.work import Work
from threadline.storage.among import among_texts
from threadline.storage.arrivals import flag_fields
from threadline.storage.models import Copy, Folder, LedgerEntry


@dataclass(slots=True)
class _Listing:
    """One pass over a folder's changes."""

    report: FolderReport
    began: datetime
    gone: int = 0  # messages that were listed and not there when asked for: the next refresh looks at them again

    def count_gone(self, gone: int) -> None:
        self.gone += gone


def load_folder(work: Work, folder: Folder) -> None:
    """Bring one folder up to date. Raises the provider's errors; what was stored before stays stored."""
    report = FolderReport(role=folder.role, name=folder.name)
    work.report.folders.append(report)
    while not _load_listing(work, folder, report):
        # The listing went with its connection. Another begins; it skips what is held.
        report.listed = 0
    _leave_behind_old_generations(work, folder)
    _leave_behind_announced(work, folder)
    try_ledger_again(work, folder, report)
    report.listed = max(report.listed, report.total or 0)


def _load_listing(work: Work, folder: Folder, report: FolderReport) -> bool:
    """Whether the listing was followed to its end."""
    remote, session = work.remote[folder.pk], work.session
    listing = _Listing(report, began=now())
    held = Held(folder.generation, folder.cursor, ids=lambda: held_ids(folder))
    for page in session.changes(remote, held):
        report.total = page.total if page.total is not None else report.total
        report.listed += len(page.new) + len(page.flags)
        if page.generation != folder.generation:
            renumbering.begin(work, folder, page.generation, report)
        new = _skip_held(work, folder, page)
        new = rebind(work, folder, remote, page.generation, new)
        report.to_fetch += len(new)
        if page.gone:
            work.departed.setdefault(folder.pk, set()).update(page.gone)
        _load_page(work, folder, remote, page, new, listing)
        if work.session is not session and not page.last:
            return False
    return True


def held_ids(folder: Folder) -> frozenset[str]:
    """Every id of this folder's generation that is held, or in the ledger and not due for another try."""
    copies = Copy.objects.filter(folder=folder, generation=folder.generation, where=Where.HERE.value, awaits_text=False)
    waiting = waiting_in_ledger(folder, folder.generation)
    return frozenset(copies.values_list("remote_id", flat=True)) | frozenset(
        waiting.values_list("remote_id", flat=True)
    )


def waiting_in_ledger(folder: Folder, generation: str) -> QuerySet[LedgerEntry]:
    """What is kept out on purpose, or not due for another try."""
    return LedgerEntry.objects.filter(folder=folder, generation=generation).exclude(next_try_at__lte=now())


def _skip_held(work: Work, folder: Folder, page: ChangePage) -> list[RemoteItem]:
    """What of a page is neither held nor in the ledger. A held copy that was thought to have left is here again."""
    ids = [item.remote_id for item in page.new]
    copies = Copy.objects.filter(
        folder=folder, generation=page.generation, remote_id__in=among_texts(ids), awaits_text=False
    )
    held = dict(copies.values_list("remote_id", "where"))
    back = [remote_id for remote_id, where in held.items() if where != Where.HERE.value]
    if back:
        with work.storing(folder.name):
            for start in range(0, len(back), 500):
                Copy.objects.filter(
                    folder=folder, generation=page.generation, remote_id__in=back[start : start + 500]
                ).update(where=Where.HERE.value, where_folder="", where_since=None)
    # What waits in the ledger for its next try is covered by that: asked for at every listing, one email at which the
    # server hangs up would end every refresh.
    aside = waiting_in_ledger(folder, page.generation).filter(remote_id__in=among_texts(ids))
    known = held.keys() | set(aside.values_list("remote_id", flat=True))
    return [item for item in page.new if item.remote_id not in known]


def _load_page(
    work: Work, folder: Folder, remote: RemoteFolder, page: ChangePage, new: Sequence[RemoteItem], listing: _Listing
) -> None:
    def finish() -> None:
        _finish_page(work, folder, page, listing)

    def headings_come_first() -> bool:
        may = isinstance(work.session, TellsHeadings) and not listing.report.announced and headings.may_pay(new)
        return may and headings.pays(work, new[FIRST_COUNT:])

    if not new:
        with work.storing(folder.name):
            finish()
        return
    load = partial(
        load_items, work, folder, remote, page.generation, report=listing.report, count_gone=listing.count_gone
    )
    if left := load(new, finally_store=finish, give_way=headings_come_first):
        headings.announce(work, folder, remote, page.generation, listing.report)
        load(left, finally_store=finish)


def _finish_page(work: Work, folder: Folder, page: ChangePage, listing: _Listing) -> None:
    listing.report.changed += _apply_flags(folder, page)
    if page.cursor is not None and not listing.gone:
        if folder.pk in work.departed:
            work.cursors[folder.pk] = page.cursor  # moves when it is decided where the departed ones are
        else:
            folder.cursor = page.cursor
            folder.save(update_fields=["cursor"])
    if page.last:
        folder.listed_at, folder.listed_up_to = listing.began, page.listed_up_to
        folder.on_server = page.total if page.total is not None else folder.on_server
        folder.save(update_fields=["listed_at", "listed_up_to", "on_server"])


def _apply_flags(folder: Folder, page: ChangePage) -> int:
    """Update the copies whose flags differ; returns how many did."""
    changed = 0
    flags = dict(page.flags)
    ids = list(flags)
    for start in range(0, len(ids), 500):
        copies = list(
            Copy.objects.filter(folder=folder, generation=page.generation, remote_id__in=ids[start : start + 500]).only(
                "pk", "remote_id", "seen", "flagged", "answered"
            )
        )
        differing = []
        for copy in copies:
            wanted = flag_fields(flags[copy.remote_id])
            if wanted != {name: getattr(copy, name) for name in wanted}:
                for name, value in wanted.items():
                    setattr(copy, name, value)
                differing.append(copy)
        Copy.objects.bulk_update(differing, ["seen", "flagged", "answered"])
        changed += len(differing)
    return changed


def _leave_behind_old_generations(work: Work, folder: Folder) -> None:
    """After a complete listing, copies still under an older generation are candidates for having left."""
    if old := here_by_other_numbers(folder, folder.generation):
        work.departed.setdefault(folder.pk, set()).update(f"old:{pk}" for pk in old)


def _leave_behind_announced(work: Work, folder: Folder) -> None:
    """What was announced, and neither came nor was set aside by a listing that ended, has left meanwhile."""
    announced = Copy.objects.filter(folder=folder, awaits_text=True)  # by an index that is nearly always empty
    here = (folder.generation, Where.HERE.value)
    found = announced.values_list("remote_id", "generation", "where")
    ids = {remote_id for remote_id, generation, where in found if (generation, where) == here}
    if ids:
        ids.difference_update(
            LedgerEntry.objects.filter(folder=folder, generation=folder.generation).values_list("remote_id", flat=True)
        )
    if ids:
        work.departed.setdefault(folder.pk, set()).update(ids)
