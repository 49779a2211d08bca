"""Loads one folder: what is new is fetched, read, stored and linked, newest first, batch by batch.

The cursor moves in the transaction that stored the last items before it (I1), and not at all past a message that was
listed and then said to be gone, or past departures that are not decided yet. Until then a listing that is begun again
skips what is held, so a refresh can be killed anywhere and run again (I2). Nothing is fetched or parsed inside a
transaction (I8), and memory holds one batch (I9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import DataError, IntegrityError
from django.db.models import Q

from threadline.clock import now
from threadline.domain.errors import MessageGone, ProviderError, Transient
from threadline.domain.facts import Where
from threadline.domain.folders import Role
from threadline.domain.messages import ParsedMessage
from threadline.domain.visibility import decided_time
from threadline.providers.contract import ChangePage, Content, FetchFailure, Held, RemoteFolder, RemoteItem
from threadline.providers.mime.pool import ParseFailure
from threadline.services import link
from threadline.services.ledger import NAMELESS, Heading, heading_of
from threadline.services.refresh import narrow, renumbering
from threadline.services.refresh.ahead import one_ahead
from threadline.services.refresh.rebind import rebind
from threadline.services.refresh.report import FolderReport
from threadline.services.refresh.work import Work
from threadline.storage import search
from threadline.storage.arrivals import Arrival, flag_fields, store
from threadline.storage.models import Copy, Folder, LedgerEntry

BATCH_BYTES = 8 * 1024 * 1024
BATCH_COUNT = 500
EXPECTED_OF_ONE = 128 * 1024  # of a larger message the attachments stay where they are
INDEXED_AT_ONCE = 1_000
LEDGER_RETRY = timedelta(hours=6)
LEDGER_AT_ONCE = 50  # tried again in one refresh, each by itself
# What one email can do to the store by what is in it. Trouble of the store itself (locked, full) is none of these.
UNSTORABLE = (DataError, IntegrityError, LookupError, TypeError, ValueError)
INLINE_RAW = 32 * 1024 * 1024  # raw forms kept in the store are no larger; of larger ones the provider's stays the only

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Batch:
    """What came of one batch of items, ready to be stored in one transaction."""

    arrivals: list[Arrival] = field(default_factory=list)
    failures: list[tuple[RemoteItem, str, str, bytes | None, Heading]] = field(default_factory=list)
    gone: int = 0  # listed, and gone when asked for
    error: ProviderError | None = None  # what ended the fetch early; what came before it is stored all the same


@dataclass(slots=True)
class _Listing:
    """One pass over a folder's changes."""

    report: FolderReport
    began: datetime
    gone: int = 0  # messages that were listed and not there when asked for: the next refresh looks at them again


def load_folder(work: Work, folder: Folder) -> None:
    """Bring one folder up to date. Raises the provider's errors; what was stored before stays stored."""
    report = FolderReport(role=folder.role, name=folder.name)
    work.report.folders.append(report)
    while not _load_listing(work, folder, report):
        # The listing went with its connection. Another begins; it skips what is held.
        report.listed = 0
    _leave_behind_old_generations(work, folder)
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
    copies = Copy.objects.filter(folder=folder, generation=folder.generation, where=Where.HERE.value)
    ledger = LedgerEntry.objects.filter(folder=folder, generation=folder.generation)
    waiting = ledger.exclude(next_try_at__lte=now())
    return frozenset(copies.values_list("remote_id", flat=True)) | frozenset(
        waiting.values_list("remote_id", flat=True)
    )


def _skip_held(work: Work, folder: Folder, page: ChangePage) -> list[RemoteItem]:
    """What of a page is not held. A held copy that was thought to have left is here again, and not fetched again."""
    ids = [item.remote_id for item in page.new]
    held: dict[str, str] = {}
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        copies = Copy.objects.filter(folder=folder, generation=page.generation, remote_id__in=chunk)
        held.update(copies.values_list("remote_id", "where"))
    back = [remote_id for remote_id, where in held.items() if where != Where.HERE.value]
    if back:
        with work.storing(folder.name):
            for start in range(0, len(back), 500):
                Copy.objects.filter(
                    folder=folder, generation=page.generation, remote_id__in=back[start : start + 500]
                ).update(where=Where.HERE.value, where_folder="", where_since=None)
    return [item for item in page.new if item.remote_id not in held]


def _load_page(
    work: Work, folder: Folder, remote: RemoteFolder, page: ChangePage, new: Sequence[RemoteItem], listing: _Listing
) -> None:
    def finish(gone: int) -> None:
        listing.gone += gone
        _finish_page(work, folder, page, listing)

    if new:
        load_items(work, folder, remote, page.generation, new, listing.report, finally_store=finish)
    else:
        with work.storing(folder.name):
            finish(0)


def load_items(
    work: Work,
    folder: Folder,
    remote: RemoteFolder,
    generation: str,
    items: Sequence[RemoteItem],
    report: FolderReport,
    *,
    finally_store: Callable[[int], None] | None = None,
) -> None:
    """Fetch, read, store and link these items.

    `finally_store` is part of the transaction that stores the last ones; it is told how many were gone when asked for.
    """
    batches = list(_plan(items))
    gone = 0
    work.parser.start()
    read = _read_each(work, folder, remote, generation, batches)
    if len(batches) > 1:
        read = one_ahead(read, meanwhile=lambda: work.keep_alive(folder.name))
    for number, batch in enumerate(read, start=1):
        gone += batch.gone
        last = number == len(batches) and batch.error is None
        try:
            with work.storing(folder.name):
                _store(work, folder, generation, batch, report)
                if last and finally_store is not None:
                    finally_store(gone)
        except UNSTORABLE:
            left = _store_one_by_one(work, folder, generation, batch, report)
            with work.storing(folder.name):
                _store(work, folder, generation, left, report)
                if last and finally_store is not None:
                    finally_store(gone)
        search.catch_up(at_least=INDEXED_AT_ONCE)
        if batch.error is not None:
            raise batch.error


def _store_one_by_one(work: Work, folder: Folder, generation: str, batch: Batch, report: FolderReport) -> Batch:
    """A batch that the store refused: each email by itself, so that the one at fault is set aside and stops no other.

    Returns what is left to store: the failures, old and new.
    """
    left = Batch(failures=batch.failures, error=batch.error)
    for arrival in batch.arrivals:
        try:
            with work.storing(folder.name):
                _store(work, folder, generation, Batch([arrival]), report)
        except UNSTORABLE as refused:
            log.exception("email not storable", folder=folder.pk, remote_id=arrival.remote_id)
            item = RemoteItem(arrival.remote_id, arrival.size, arrival.provider_at, arrival.flags)
            left.failures.append((item, "not_storable", type(refused).__name__, arrival.raw, NAMELESS))
    return left


def _plan(items: Sequence[RemoteItem]) -> Iterator[list[RemoteItem]]:
    """Batches by expected bytes, so that one is about as much work as the next."""
    batch: list[RemoteItem] = []
    expected = 0
    for item in items:
        size = min(item.size, EXPECTED_OF_ONE)
        if batch and (expected + size > BATCH_BYTES or len(batch) >= BATCH_COUNT):
            yield batch
            batch, expected = [], 0
        batch.append(item)
        expected += size
    if batch:
        yield batch


def _read_each(
    work: Work, folder: Folder, remote: RemoteFolder, generation: str, batches: Sequence[Sequence[RemoteItem]]
) -> Iterator[Batch]:
    for planned in batches:
        batch = _read(work, folder, remote, generation, planned)
        yield batch
        if batch.error is not None:
            return


def _read(work: Work, folder: Folder, remote: RemoteFolder, generation: str, items: Sequence[RemoteItem]) -> Batch:
    """Fetch and parse; memory is bounded by handing the parser a few megabytes at a time."""
    batch, waiting, size = Batch(), [], 0
    try:
        for answer in narrow.fetch(work, remote, generation, items):
            if isinstance(answer, FetchFailure):
                _note_failure(batch, answer)
                continue
            waiting.append(answer)
            size += len(answer.raw) + sum(len(part.body) for part in answer.parts)
            if size >= BATCH_BYTES:
                _parse(work, folder, generation, waiting, batch)
                waiting, size = [], 0
            work.keep_alive(folder.name)
    except ProviderError as error:
        batch.error = error
    _parse(work, folder, generation, waiting, batch)
    return batch


def _note_failure(batch: Batch, failure: FetchFailure) -> None:
    if isinstance(failure.error, MessageGone):
        batch.gone += 1
    else:
        batch.failures.append((failure.item, "unreadable_at_server", str(failure.error), None, NAMELESS))


def _parse(work: Work, folder: Folder, generation: str, contents: list[Content], batch: Batch) -> None:
    if not contents:
        return
    for content, parsed in zip(contents, work.parser.parse_many(contents), strict=True):
        if isinstance(parsed, ParseFailure):
            raw = content.raw if len(content.raw) <= INLINE_RAW else None
            heading = heading_of(work.parser, content.item, content.raw)
            batch.failures.append((content.item, parsed.reason.value, f"tried {parsed.attempts} times", raw, heading))
        else:
            batch.arrivals.append(arrival_of(folder, generation, content, parsed))


def arrival_of(folder: Folder, generation: str, content: Content, parsed: ParsedMessage) -> Arrival:
    item = content.item
    decided = decided_time(item.received_at, parsed.date, sent=folder.role == Role.SENT.value, imap=True)
    return Arrival(
        generation=generation,
        remote_id=item.remote_id,
        size=item.size,
        flags=item.flags,
        provider_at=item.received_at,
        decided_at=decided or now(),
        parsed=parsed,
        raw=content.raw if not parsed.complete and len(content.raw) <= INLINE_RAW else None,
    )


def _store(work: Work, folder: Folder, generation: str, batch: Batch, report: FolderReport) -> None:
    moment = now()
    stored = store(work.company.pk, folder, batch.arrivals, now=moment, gap=work.gap)
    for item, reason, detail, raw, heading in batch.failures:
        record_failure(folder, generation, item, reason, detail, raw, now=moment, heading=heading)
    report.new += stored.copies
    report.fetched += len(batch.arrivals) + len(batch.failures) + batch.gone
    report.ledger += len(batch.failures)
    report.linked += link.link_messages(work.company, stored.touched_messages, now=moment)


def record_failure(
    folder: Folder,
    generation: str,
    item: RemoteItem,
    reason: str,
    detail: str,
    raw: bytes | None,
    *,
    now: datetime,
    heading: Heading = NAMELESS,
) -> None:
    """Write the ledger entry of a message that could not be stored, or count one more attempt on it."""
    entry, created = LedgerEntry.objects.get_or_create(
        folder=folder,
        generation=generation,
        remote_id=item.remote_id,
        defaults={
            "mailbox_id": folder.mailbox_id,
            "reason": reason,
            "detail": detail,
            "first_at": now,
            "next_try_at": now + LEDGER_RETRY,
            "raw": raw,
            **asdict(heading),
        },
    )
    if not created:
        entry.reason, entry.detail, entry.attempts = reason, detail, entry.attempts + 1
        entry.next_try_at = now + LEDGER_RETRY * min(entry.attempts, 28)
        entry.raw = raw or entry.raw
        if heading != NAMELESS:
            entry.message_id, entry.subject, entry.sender = heading.message_id, heading.subject, heading.sender
        entry.save()


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
    old = Copy.objects.filter(folder=folder, where=Where.HERE.value).exclude(generation=folder.generation)
    if old.exists():
        work.departed.setdefault(folder.pk, set()).update(f"old:{pk}" for pk in old.values_list("pk", flat=True))


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
    for remote_id in ids:
        if remote_id in listed.ids:
            items = _described(work, folder, remote, listed.generation, remote_id)
            load_items(work, folder, remote, listed.generation, items, report)


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
