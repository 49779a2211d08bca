"""Loads messages: fetched, read, stored and linked batch by batch, while the next batch is read already.

What one email can do to the store, by what is in it, ends with that email in the ledger; the others are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing

import structlog
from django.db import DataError, IntegrityError

from threadline.clock import now
from threadline.providers.contract import RemoteFolder, RemoteItem
from threadline.services import link
from threadline.services.ledger import Failure, record_failure
from threadline.services.refresh.ahead import as_they_come, read_ahead
from threadline.services.refresh.batches import BATCHES_AHEAD, PIECES_AHEAD, Batch, Fetched, fetch_each, plan, read_each
from threadline.services.refresh.report import FolderReport
from threadline.services.refresh.work import Work
from threadline.storage.arrivals import store
from threadline.storage.models import Folder

# What one email can do to the store by what is in it. Trouble of the store itself (locked, full) is none of these.
UNSTORABLE = (DataError, IntegrityError, LookupError, TypeError, ValueError)

log = structlog.get_logger(__name__)


def _nothing(*_: int) -> None:
    """Nobody wants to know, or there is more to come."""


def load_items(
    work: Work,
    folder: Folder,
    remote: RemoteFolder,
    generation: str,
    items: Sequence[RemoteItem],
    report: FolderReport,
    *,
    count_gone: Callable[[int], None] = _nothing,
    finally_store: Callable[[], None] = _nothing,
    give_way: Callable[[], bool] = lambda: False,
) -> list[RemoteItem]:
    """Fetch, read, store and link these items; returns what is left of them.

    That is nothing, unless `give_way` says, once the first of several batches is fetched, that something else comes
    first. `count_gone` is told how many were gone when asked for, and `finally_store` is part of the transaction that
    stores the last ones.
    """

    def keep_alive() -> None:
        work.keep_alive(folder.name)

    batches = list(plan(items))
    stored = 0
    work.parser.start()
    fetched = fetch_each(work, folder, remote, generation, batches, give_way)
    source: Generator[Fetched | None, None, None] = fetched
    read = read_each(work, folder, generation, source)
    if len(batches) > 1:  # the server is not idle while a batch is read, nor the parser while one is stored
        source = as_they_come(fetched, ahead=PIECES_AHEAD)
        read = read_ahead(read_each(work, folder, generation, source), ahead=BATCHES_AHEAD, meanwhile=keep_alive)
    with closing(source), closing(read), work.fetching():  # when we end early, what they hold is given back now
        for batch in read:
            stored += 1
            count_gone(batch.gone)
            last = stored == len(batches) and batch.error is None
            _store_batch(work, folder, generation, batch, report, finally_store if last else _nothing)
            work.index()
            if batch.error is not None:
                raise batch.error
    return [item for batch in batches[stored:] for item in batch]


def _store_batch(
    work: Work, folder: Folder, generation: str, batch: Batch, report: FolderReport, finish: Callable[[], None]
) -> None:
    try:
        with report.as_stored(), work.storing(folder.name):
            _store(work, folder, generation, batch, report)
            finish()
    except UNSTORABLE:
        left = _store_one_by_one(work, folder, generation, batch, report)
        with report.as_stored(), work.storing(folder.name):
            _store(work, folder, generation, left, report)
            finish()


def _store_one_by_one(work: Work, folder: Folder, generation: str, batch: Batch, report: FolderReport) -> Batch:
    """A batch that the store refused: each email by itself, so that the one at fault is set aside and stops no other.

    Returns what is left to store: the failures, old and new.
    """
    left = Batch(failures=batch.failures, gone=batch.gone, error=batch.error)
    for arrival in batch.arrivals:
        try:
            with report.as_stored(), work.storing(folder.name):
                _store(work, folder, generation, Batch([arrival]), report)
        except UNSTORABLE as refused:
            log.exception("email not storable", folder=folder.pk, remote_id=arrival.remote_id)
            item = RemoteItem(arrival.remote_id, arrival.size, arrival.provider_at, arrival.flags)
            left.failures.append(Failure(item, "not_storable", type(refused).__name__, arrival.raw))
    return left


def _store(work: Work, folder: Folder, generation: str, batch: Batch, report: FolderReport) -> None:
    moment = now()
    stored = store(work.company.pk, folder, batch.arrivals, now=moment, gap=work.gap)
    for failure in batch.failures:
        record_failure(folder, generation, failure, now=moment, gap=work.gap)
    report.new += stored.copies
    report.fetched += len(batch.arrivals) + len(batch.failures) + batch.gone
    report.ledger += len(batch.failures)
    report.linked += link.link_messages(work.company, stored.touched_messages, now=moment)
