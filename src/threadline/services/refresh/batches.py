"""One batch of messages on its way: planned by size, fetched, and read in the parser's process.

Memory holds a batch, one that is being read, and a few megabytes that are being fetched (I9). Nothing here touches the
store.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from threadline.clock import now
from threadline.domain.errors import MessageGone, ProviderError
from threadline.domain.folders import Role
from threadline.domain.messages import ParsedMessage
from threadline.domain.visibility import decided_time
from threadline.providers.contract import Content, FetchFailure, RemoteFolder, RemoteItem
from threadline.providers.mime.pool import ParseFailure
from threadline.services.ledger import Failure, heading_of
from threadline.services.refresh import narrow
from threadline.services.refresh.work import Work
from threadline.storage.arrivals import Arrival
from threadline.storage.models import Folder

BATCH_BYTES = 14 * 1024 * 1024  # expected, at the server
PIECE_BYTES = 1024 * 1024  # fetched, and handed to the parser
PIECES_AHEAD = 8  # fetched, while the parser is at those before them
BATCHES_AHEAD = 2  # read, while the one before them is stored
BATCH_COUNT = 1_000
MANY = 500
FIRST_COUNT = 100  # of many
LAST_COUNT = 250
EXPECTED_OF_ONE = 128 * 1024  # of a larger message the attachments stay where they are
INLINE_RAW = 32 * 1024 * 1024  # raw forms kept in the store are no larger; of larger ones the provider's stays the only


@dataclass(slots=True)
class Batch:
    """What came of one batch of items, ready to be stored in one transaction."""

    arrivals: list[Arrival] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    gone: int = 0  # listed, and gone when asked for
    error: ProviderError | None = None  # what ended the fetch early; what came before it is stored all the same


def plan(items: Sequence[RemoteItem]) -> Iterator[list[RemoteItem]]:
    """Batches by expected bytes, so that one is about as much work as the next.

    Of many the first is small: what is newest is there soon, and nobody waits long for something to store. Each may be
    twice the one before it, since every commit writes the pages of the indexes anew; towards the end they are smaller
    again, so that little is left to store when all is read.
    """
    batch: list[RemoteItem] = []
    expected = 0
    most = FIRST_COUNT if len(items) >= MANY else BATCH_COUNT
    for number, item in enumerate(items):
        size = min(item.size, EXPECTED_OF_ONE)
        if batch and (expected + size > BATCH_BYTES or len(batch) >= most):
            yield batch
            batch, expected = [], 0
            most = min(BATCH_COUNT, 2 * most, max(LAST_COUNT, (len(items) - number) // 2))
        batch.append(item)
        expected += size
    if batch:
        yield batch


@dataclass(slots=True)
class Fetched:
    """A piece of a batch as the server answered, of a few megabytes; `last` of its batch."""

    contents: list[Content] = field(default_factory=list)
    failures: list[FetchFailure] = field(default_factory=list)
    error: ProviderError | None = None
    last: bool = False


def fetch_each(
    work: Work,
    folder: Folder,
    remote: RemoteFolder,
    generation: str,
    batches: Sequence[Sequence[RemoteItem]],
    give_way: Callable[[], bool] = lambda: False,
) -> Generator[Fetched, None, None]:
    """The batches in their order, up to the first that the server does not answer to its end.

    After the first of several, `give_way` says whether to leave it at that.
    """
    for number, planned in enumerate(batches, start=1):
        piece, size = Fetched(), 0
        try:
            for answer in _timed(work, narrow.fetch(work, remote, generation, planned)):
                if work.ended:
                    return
                if isinstance(answer, FetchFailure):
                    piece.failures.append(answer)
                    continue
                piece.contents.append(answer)
                size += len(answer.raw) + sum(len(part.body) for part in answer.parts)
                if size >= PIECE_BYTES:
                    yield piece
                    piece, size = Fetched(), 0
                work.keep_alive(folder.name)
        except ProviderError as error:
            piece.error = error
        piece.last = True
        yield piece
        if piece.error is not None or (number == 1 < len(batches) and give_way()):
            return


def _timed(work: Work, answers: Iterator[Content | FetchFailure]) -> Iterator[Content | FetchFailure]:
    """The answers, with the time that we waited for them and their bytes noted."""
    while True:
        began = time.monotonic()
        answer = next(answers, None)
        work.fetching_seconds += time.monotonic() - began
        if answer is None:
            return
        if isinstance(answer, Content):
            work.fetched_bytes += len(answer.raw) + sum(len(part.body) for part in answer.parts)
        yield answer


def read_each(
    work: Work, folder: Folder, generation: str, fetched: Iterator[Fetched | None]
) -> Generator[Batch, None, None]:
    """Each batch, read by the parser as its pieces come. None among those: the next is not there yet."""
    read: deque[Fetched] = deque()

    def contents() -> Iterator[list[Content] | None]:
        for piece in fetched:
            if piece is not None:
                read.append(piece)
            yield None if piece is None else piece.contents

    batch = Batch()
    with closing(work.parser.parse_each(contents())) as parsed:
        for answers in parsed:
            piece = read.popleft()
            for failure in piece.failures:
                _note_failure(batch, failure)
            _add(work, folder, generation, piece.contents, answers, batch)
            if piece.last:
                batch.error = piece.error
                yield batch
                batch = Batch()


def _note_failure(batch: Batch, failure: FetchFailure) -> None:
    if isinstance(failure.error, MessageGone):
        batch.gone += 1
    else:
        batch.failures.append(Failure(failure.item, "unreadable_at_server", str(failure.error)))


def _add(
    work: Work,
    folder: Folder,
    generation: str,
    contents: Sequence[Content],
    answers: Sequence[ParsedMessage | ParseFailure],
    batch: Batch,
) -> None:
    for content, parsed in zip(contents, answers, strict=True):
        if isinstance(parsed, ParseFailure):
            raw = content.raw if len(content.raw) <= INLINE_RAW else None
            heading = heading_of(work.parser, content.item, content.raw)
            reason, detail = parsed.reason.value, f"tried {parsed.attempts} times"
            batch.failures.append(Failure(content.item, reason, detail, raw, heading, parsed.attempts))
        else:
            batch.arrivals.append(arrival_of(folder, generation, content, parsed, imap=work.mailbox.provider == "imap"))


def arrival_of(folder: Folder, generation: str, content: Content, parsed: ParsedMessage, *, imap: bool) -> Arrival:
    item = content.item
    decided = decided_time(item.received_at, parsed.date, sent=folder.role == Role.SENT.value, imap=imap)
    return Arrival(
        generation=generation,
        remote_id=item.remote_id,
        size=item.size,
        flags=item.flags,
        provider_at=item.received_at,
        decided_at=decided or now(),
        parsed=parsed,
        # Of a message that came in parts `raw` is the header alone; the whole of it stays at the server.
        raw=content.raw if content.whole and not parsed.complete and len(content.raw) <= INLINE_RAW else None,
    )
