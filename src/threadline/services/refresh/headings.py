"""Headings first: over a slow link a large folder is listed and linked as a whole before its texts come.

What is newest comes whole, and shows how fast the link is. When the rest would take long, the headings of all of it are
fetched and stored, a small part of the bytes; then the folder is loaded as ever, newest first, and each email takes the
place of its announcement. Nothing relies on an announcement: ids are compared as if it were not there, so a refresh
that ends anywhere is followed by one that loads what did not come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import structlog

from threadline.clock import now
from threadline.domain.errors import Throttled, Transient
from threadline.domain.facts import Where
from threadline.providers.contract import Content, Held, RemoteFolder, RemoteItem, TellsHeadings
from threadline.providers.mime.pool import ParseFailure
from threadline.services import link
from threadline.services.refresh import narrow
from threadline.services.refresh.ahead import read_ahead
from threadline.services.refresh.batches import EXPECTED_OF_ONE, arrival_of
from threadline.services.refresh.items import UNSTORABLE
from threadline.services.refresh.report import FolderReport
from threadline.services.refresh.work import Work
from threadline.storage import arrivals
from threadline.storage.arrivals import Arrival
from threadline.storage.models import Copy, Folder, LedgerEntry

PAYS_AFTER = 5.0  # seconds that the rest would take by itself
AT_LEAST = 500  # emails
CHUNK = 500

log = structlog.get_logger(__name__)


def may_pay(items: Sequence[RemoteItem]) -> bool:
    """Whether they are so many that it is worth while to see how fast the link is."""
    return len(items) >= AT_LEAST


def pays(work: Work, items: Sequence[RemoteItem]) -> bool:
    """Whether to announce these first: at the speed seen so far they take long to come."""
    if not work.fetched_bytes:
        return False
    expected = sum(min(item.size, EXPECTED_OF_ONE) for item in items)
    return expected * work.fetching_seconds / work.fetched_bytes > PAYS_AFTER


def announce(work: Work, folder: Folder, remote: RemoteFolder, generation: str, report: FolderReport) -> None:
    """Store the heading of each email of the folder that is not here.

    As far as it goes: when the server refuses them, the connection breaks, or the store refuses one of them, the rest
    comes with its text.
    """
    try:
        _announce(work, folder, remote, generation, report)
    except Throttled:
        raise
    except Transient as error:
        log.warning("headings not told to the end", folder=folder.pk, cause=error.cause.value)
        if narrow.is_break(error):
            work.reconnect(error)
    except UNSTORABLE:
        log.exception("heading not storable", folder=folder.pk)


def _announce(work: Work, folder: Folder, remote: RemoteFolder, generation: str, report: FolderReport) -> None:
    known = _known(folder, generation)
    listing = work.session.changes(remote, Held(generation, None, ids=lambda: known))
    for page in listing:
        if page.generation != generation:
            return  # renumbered meanwhile: the listing that loads the folder finds out too
        report.total = page.total if page.total is not None else report.total
        chunks = (page.new[start : start + CHUNK] for start in range(0, len(page.new), CHUNK))
        read = _read(work, folder, remote, generation, chunks)
        with closing(read_ahead(read, meanwhile=lambda: work.keep_alive(folder.name))) as coming:
            for found in coming:
                with work.storing(folder.name):
                    stored = arrivals.announce(work.company.pk, folder, found, now=now(), gap=work.gap)
                    report.announced += stored.copies
                    report.linked += link.link_messages(work.company, stored.touched_messages, now=now())


def _known(folder: Folder, generation: str) -> frozenset[str]:
    copies = Copy.objects.filter(folder=folder, generation=generation, where=Where.HERE.value)
    entries = LedgerEntry.objects.filter(folder=folder, generation=generation)
    return frozenset(copies.values_list("remote_id", flat=True)) | frozenset(
        entries.values_list("remote_id", flat=True)
    )


def _read(
    work: Work, folder: Folder, remote: RemoteFolder, generation: str, chunks: Iterator[Sequence[RemoteItem]]
) -> Iterator[list[Arrival]]:
    """The headings of each chunk. What has no Message-ID is told from others by its text, and so waits for that."""
    imap = work.mailbox.provider == "imap"
    for chunk in chunks:
        if not isinstance(work.session, TellsHeadings):
            return
        found = work.session.headings(remote, generation, chunk)
        contents = [Content(item=item, raw=block, whole=False) for item, block in found]
        yield [
            arrival_of(folder, generation, content, parsed, imap=imap)
            for content, parsed in zip(contents, work.parser.parse_many(contents), strict=True)
            if not isinstance(parsed, ParseFailure) and parsed.message_id
        ]
