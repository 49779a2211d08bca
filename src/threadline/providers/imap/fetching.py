"""Fetching messages: small ones whole and many at a time, large ones without their attachments.

Messages up to 128 kB come whole; of larger ones the header, the structure and the text parts: a sixth of the bytes in a
usual mailbox. Each message is answered for exactly once. One that a server announces and does not hand out is asked for
once more alone; then it is gone, or unreadable, and the next one follows. Memory holds one message at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from threadline.domain.causes import Cause
from threadline.domain.errors import MessageGone, MessageUnreadable, ProviderError
from threadline.providers.contract import Content, FetchFailure, PartInfo, RemoteItem, TextPart
from threadline.providers.imap import structure, uids
from threadline.providers.imap.desk import Asked, Desk
from threadline.providers.imap.errors import Phase, error_for, row_for
from threadline.providers.imap.parse import Fetched, Status
from threadline.providers.imap.streaming import partials
from threadline.providers.imap.wire import Skipped

WHOLE = 128 * 1024
BATCH_BYTES = 8 * 2**20
BATCH_MESSAGES = 500
PART_CAP = 2**20
TEXT_CAP = 4 * 2**20  # of all text parts of one message
FALLBACK_CAP = 64 * 2**20  # of a message whose structure cannot be read
_PLANNED_AT_ONCE = 16
_TEXTS_IN_FLIGHT = 4

# Refusals that speak of one message, not of the mailbox: seen on Gmail ("Some messages could not be FETCHed"), Dovecot
# (SERVERBUG for a damaged file), Exchange.
_OF_ONE_MESSAGE = frozenset({Cause.UNKNOWN, Cause.MAILBOX_DAMAGED, Cause.MESSAGE_GONE, Cause.APP_MISCONFIGURED})


def fetch(desk: Desk, name: str, generation: str, items: Sequence[RemoteItem]) -> Iterator[Content | FetchFailure]:
    """The answers of `Session.fetch`."""
    desk.ensure(name, generation)
    wanted = {int(item.remote_id): item for item in items}
    work = _Fetch(desk, name, generation)
    small = {uid: item for uid, item in wanted.items() if item.size <= WHOLE}
    large = {uid: item for uid, item in wanted.items() if item.size > WHOLE}
    yield from work.whole(small)
    for uid, item in list(small.items()):  # what is left of them
        yield from work.alone(uid, item)
    large |= work.oversized
    order = sorted(large, reverse=True)
    for start in range(0, len(order), _PLANNED_AT_ONCE):
        yield from work.in_parts({uid: large[uid] for uid in order[start : start + _PLANNED_AT_ONCE]})


class _Fetch:
    """One piece of fetching work, in one folder."""

    def __init__(self, desk: Desk, name: str, generation: str) -> None:
        self._desk = desk
        self._name = name
        self._generation = generation
        self.oversized: dict[int, RemoteItem] = {}  # larger than announced

    def whole(self, wanted: dict[int, RemoteItem]) -> Iterator[Content]:
        """Fetches in batches and takes out of `wanted` what came."""
        batches = (
            Asked(uid_set, b"(UID BODY.PEEK[])", ids)
            for batch in _batches(list(wanted.values()))  # a copy: what came is taken out meanwhile
            for uid_set, ids in uids.chunks(batch, self._desk.set_limit)
        )
        for event in self._desk.pipeline(self._name, self._generation, batches):
            if isinstance(event, Fetched):
                content = self._take(event, wanted)
                if content:
                    yield content
            else:
                self._check(event.status)

    def _take(self, found: Fetched, wanted: dict[int, RemoteItem]) -> Content | None:
        """The content of an answer; None for one that was not asked for, came before, or says nothing."""
        item = wanted.get(found.uid or 0)
        raw = found.sections.get("")
        if item is None or raw is None:
            return None
        if isinstance(raw, Skipped):
            self.oversized[found.uid or 0] = replace(item, size=max(item.size, raw.size))
        elif not raw and item.size:
            return None
        del wanted[found.uid or 0]
        return None if isinstance(raw, Skipped) else Content(item, raw)

    def _check(self, status: Status) -> None:
        """Raises what a refused FETCH says about the mailbox; what it says of a message is left for later."""
        if status.kind == "OK":
            return
        row = row_for(status, Phase.COMMAND)
        if row is not None and row.cause not in _OF_ONE_MESSAGE and status.code != "SERVERBUG":
            raise error_for(status, Phase.COMMAND)

    def alone(self, uid: int, item: RemoteItem) -> Iterator[Content | FetchFailure]:
        """The second and last attempt for a message that its batch did not bring."""
        wanted = {uid: item}
        answer = ""
        asked = Asked(str(uid), b"(UID BODY.PEEK[])", (uid,))
        for event in self._desk.pipeline(self._name, self._generation, [asked]):
            if not isinstance(event, Fetched):
                self._check(event.status)
                answer = event.status.answer
            elif content := self._take(event, wanted):
                yield content
        if wanted:
            yield self._failure(uid, item, answer)

    def _failure(self, uid: int, item: RemoteItem, answer: str) -> FetchFailure:
        error = self._desk.missing(self._name, self._generation, uid, answer)
        if not isinstance(error, MessageGone | MessageUnreadable):
            raise error
        return FetchFailure(item, error)

    def in_parts(self, wanted: dict[int, RemoteItem]) -> Iterator[Content | FetchFailure]:
        """Header, structure and text parts; the whole message where the structure does not serve."""
        plans = self._plans(wanted)
        asking: list[Asked] = []
        for uid, (_, shape) in plans.items():
            if texts := _affordable(shape):
                asking.append(Asked(str(uid), _text_items(shape, texts), (uid,)))
            else:
                yield Content(wanted.pop(uid), plans[uid][0], whole=False, structure=shape.leaves)
        events = self._desk.pipeline(self._name, self._generation, asking, in_flight=_TEXTS_IN_FLIGHT)
        for event in events:
            if not isinstance(event, Fetched):
                self._check(event.status)
            elif event.uid in wanted and event.uid in plans:
                header, shape = plans[event.uid]
                parts = _text_parts(event, header, shape)
                if parts is not None:
                    fetched = {part.part for part in parts}
                    rest = tuple(leaf for leaf in shape.leaves if leaf.part not in fetched)
                    item = wanted.pop(event.uid)
                    yield Content(item, header, whole=False, parts=parts, structure=rest)
        for uid, item in wanted.items():
            yield self._all_of_it(uid, item)

    def _plans(self, wanted: dict[int, RemoteItem]) -> dict[int, tuple[bytes, structure.Structure]]:
        """Header and structure of each message; one whose structure cannot be read is left out."""
        plans: dict[int, tuple[bytes, structure.Structure]] = {}
        asking = (
            Asked(uid_set, b"(UID BODYSTRUCTURE BODY.PEEK[HEADER])", ids)
            for uid_set, ids in uids.chunks(list(wanted), self._desk.set_limit)
        )
        for event in self._desk.pipeline(self._name, self._generation, asking):
            if not isinstance(event, Fetched):
                self._check(event.status)
                continue
            header = event.sections.get("HEADER")
            shape = structure.read(event.structure)
            if event.uid in wanted and event.uid and isinstance(header, bytes) and header and shape:
                plans[event.uid] = (header, shape)
        return plans

    def _all_of_it(self, uid: int, item: RemoteItem) -> Content | FetchFailure:
        raw = bytearray()
        try:
            for chunk in partials(self._desk, self._name, self._generation, uid, "", step=PART_CAP):
                raw += chunk
                if len(raw) > FALLBACK_CAP:
                    return FetchFailure(item, _too_large())
        except (MessageGone, MessageUnreadable) as error:
            return FetchFailure(item, error)
        except ProviderError as error:
            if error.cause not in _OF_ONE_MESSAGE:
                raise
            return self._failure(uid, item, error.answer)
        return Content(item, bytes(raw))


def _too_large() -> MessageUnreadable:
    return MessageUnreadable(
        "This email is too large, and the mail server does not describe its parts.",
        answer=f"more than {FALLBACK_CAP} bytes",
    )


def _batches(items: Iterable[RemoteItem]) -> Iterator[list[int]]:
    """Ids in the order given, cut by the bytes they will bring."""
    batch: list[int] = []
    size = 0
    for item in items:
        if batch and (size + item.size > BATCH_BYTES or len(batch) >= BATCH_MESSAGES):
            yield batch
            batch, size = [], 0
        batch.append(int(item.remote_id))
        size += item.size
    if batch:
        yield batch


def _affordable(shape: structure.Structure) -> list[PartInfo]:
    """The text parts that fit under the cap; later ones stay in the structure."""
    chosen: list[PartInfo] = []
    total = 0
    for leaf in shape.texts():
        total += min(leaf.size or PART_CAP, PART_CAP)
        if chosen and total > TEXT_CAP:
            break
        chosen.append(leaf)
    return chosen


def _text_items(shape: structure.Structure, texts: Sequence[PartInfo]) -> bytes:
    words = ["UID"]
    for leaf in texts:
        if shape.multipart:  # of a message of one part, the header of the message is the header of the part
            words.append(f"BODY.PEEK[{leaf.part}.MIME]")
        cut = f"<0.{PART_CAP}>" if leaf.size > PART_CAP or not leaf.size else ""
        words.append(f"BODY.PEEK[{leaf.part}]{cut}")
    return f"({' '.join(words)})".encode()


def _text_parts(found: Fetched, header: bytes, shape: structure.Structure) -> tuple[TextPart, ...] | None:
    """The text parts of an answer; None when one is missing (seen on Yandex), or stands for parts not found."""
    parts: list[TextPart] = []
    for leaf in _affordable(shape):
        body = found.sections.get(leaf.part)
        mime = found.sections.get(f"{leaf.part}.MIME") if shape.multipart else header
        if not isinstance(body, bytes) or not isinstance(mime, bytes) or (not body and leaf.size):
            return None
        if not body and not mime:  # how Dovecot describes a multipart in which it finds no parts
            return None
        cut = len(body) == PART_CAP and leaf.size != PART_CAP
        parts.append(TextPart(leaf.part, mime, body, truncated=cut))
    return tuple(parts)
