"""One batch of messages on its way: planned by size, fetched, and read in the parser's process.

Memory holds one batch and one more that is being read (I9). Nothing here touches the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from threadline.clock import now
from threadline.domain.errors import MessageGone, ProviderError
from threadline.domain.folders import Role
from threadline.domain.messages import ParsedMessage
from threadline.domain.visibility import decided_time
from threadline.providers.contract import Content, FetchFailure, RemoteFolder, RemoteItem
from threadline.providers.mime.pool import ParseFailure
from threadline.services.ledger import NAMELESS, Heading, heading_of
from threadline.services.refresh import narrow
from threadline.services.refresh.work import Work
from threadline.storage.arrivals import Arrival
from threadline.storage.models import Folder

BATCH_BYTES = 8 * 1024 * 1024
BATCH_COUNT = 500
EXPECTED_OF_ONE = 128 * 1024  # of a larger message the attachments stay where they are
INLINE_RAW = 32 * 1024 * 1024  # raw forms kept in the store are no larger; of larger ones the provider's stays the only


@dataclass(slots=True)
class Batch:
    """What came of one batch of items, ready to be stored in one transaction."""

    arrivals: list[Arrival] = field(default_factory=list)
    failures: list[tuple[RemoteItem, str, str, bytes | None, Heading]] = field(default_factory=list)
    gone: int = 0  # listed, and gone when asked for
    error: ProviderError | None = None  # what ended the fetch early; what came before it is stored all the same


def plan(items: Sequence[RemoteItem]) -> Iterator[list[RemoteItem]]:
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


def read_each(
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
