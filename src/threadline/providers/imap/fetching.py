"""Fetching messages: small ones whole and many at a time, large ones without their attachments.

Messages up to 128 kB come whole; of larger ones the header, the structure and the text parts: a sixth of the bytes in a
usual mailbox. The small ones come first, what the large ones are made of behind them, then their texts, all messages of
one shape in one command. Each message is answered for exactly once. What a server keeps back of many is asked for once
more alone; one that it announces and does not hand out then either is gone, or unreadable, and the next one follows.
Memory holds one message, and the headers and structures of some large ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

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
PLANNED_AT_ONCE = 128
PLANS_HELD = 16 * 2**20  # octets of headers and structures; a single one may be larger
_FEW = 4  # of those put off, at a time
_LEAF = 500  # octets that a part in a structure takes beside its texts

_STRUCTURE = b"(UID BODYSTRUCTURE BODY.PEEK[HEADER])"

# Refusals that speak of one message, not of the mailbox: seen on Gmail ("Some messages could not be FETCHed"), Dovecot
# (SERVERBUG for a damaged file), Exchange.
_OF_ONE_MESSAGE = frozenset({Cause.UNKNOWN, Cause.MAILBOX_DAMAGED, Cause.MESSAGE_GONE, Cause.APP_MISCONFIGURED})


def fetch(desk: Desk, name: str, generation: str, items: Sequence[RemoteItem]) -> Iterator[Content | FetchFailure]:
    """The answers of `Session.fetch`."""
    desk.ensure(name, generation)
    work = _Fetch(desk, name, generation)
    wanted = {int(item.remote_id): item for item in items}
    small = {uid: item for uid, item in wanted.items() if item.size <= WHOLE}
    large = {uid: item for uid, item in wanted.items() if item.size > WHOLE}
    order = sorted(large, reverse=True)
    yield from work.together(small, {uid: large[uid] for uid in order[:PLANNED_AT_ONCE]})
    for uid, item in list(small.items()):  # what is left of them
        yield from work.alone(uid, item)
    for start in range(PLANNED_AT_ONCE, len(order), PLANNED_AT_ONCE):
        yield from work.together({}, {uid: large[uid] for uid in order[start : start + PLANNED_AT_ONCE]})
    while work.put_off:
        few = sorted(work.put_off, reverse=True)[:_FEW]
        yield from work.together({}, {uid: work.put_off.pop(uid) for uid in few})


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a large message is made of, and what of it to ask for."""

    header: bytes
    shape: structure.Structure
    texts: tuple[PartInfo, ...]
    weight: int  # octets in memory, about


@dataclass(slots=True)
class _Large:
    """Large messages that are fetched together, and how far we are with each."""

    wanted: dict[int, RemoteItem]
    plans: dict[int, _Plan] = field(default_factory=dict)
    described: set[int] = field(default_factory=set)  # whose structure came, of whatever use it is
    beside: dict[int, int] = field(default_factory=dict)  # texts asked for: with how many in one command

    def structures(self, limit: int) -> Iterator[Asked]:
        for uid_set, ids in uids.chunks(list(self.wanted), limit - len(_STRUCTURE)):
            yield Asked(uid_set, _STRUCTURE, ids)

    def texts(self, limit: int) -> Iterator[Asked]:
        """The text parts of all that are planned; messages of the same shape in one command."""
        alike: dict[bytes, list[tuple[int, int]]] = {}
        for uid, plan in self.plans.items():
            expected = sum(min(leaf.size or PART_CAP, PART_CAP) for leaf in plan.texts)
            alike.setdefault(_text_items(plan), []).append((uid, expected))
        for items, sized in alike.items():
            for batch in _batches(sized):
                for uid_set, ids in uids.chunks(batch, limit - len(items)):
                    self.beside |= dict.fromkeys(ids, len(ids))
                    yield Asked(uid_set, items, ids)

    def alone(self) -> Iterator[Asked]:
        """Once more, what was asked for together with others and did not come: a server that cannot hand out one of
        several may keep back the others too. An answer is there before the next question is taken."""
        for uid in list(self.wanted):
            if uid not in self.described:
                yield Asked(str(uid), _STRUCTURE, (uid,))
            if uid in self.plans and self.beside.get(uid) != 1:
                yield Asked(str(uid), _text_items(self.plans[uid]), (uid,))

    def take(self, found: Fetched) -> Content | None:
        """The content of a message, when this answer is the last that it needs."""
        uid = found.uid or 0
        plan = self.plans.get(uid)
        if plan is None or (parts := _text_parts(found, plan)) is None:
            return None
        del self.plans[uid]
        fetched = {part.part for part in parts}
        rest = tuple(leaf for leaf in plan.shape.leaves if leaf.part not in fetched)
        return Content(self.wanted.pop(uid), plan.header, whole=False, parts=parts, structure=rest)

    def take_plan(self, found: Fetched) -> Content | RemoteItem | None:
        """Keeps what a message is made of. The content of one without any text; one that there is no room for now."""
        uid = found.uid or 0
        if uid not in self.wanted or uid in self.plans or found.structure is None:
            return None
        self.described.add(uid)
        plan = _plan(found)
        if plan is None:
            return None
        if not plan.texts:
            return Content(self.wanted.pop(uid), plan.header, whole=False, structure=plan.shape.leaves)
        if self.plans and plan.weight + sum(one.weight for one in self.plans.values()) > PLANS_HELD:
            return self.wanted.pop(uid)
        self.plans[uid] = plan
        return None


class _Fetch:
    """One piece of fetching work, in one folder."""

    def __init__(self, desk: Desk, name: str, generation: str) -> None:
        self._desk = desk
        self._name = name
        self._generation = generation
        self.put_off: dict[int, RemoteItem] = {}  # larger than announced, or without room for its plan

    def together(self, small: dict[int, RemoteItem], wanted: dict[int, RemoteItem]) -> Iterator[Content | FetchFailure]:
        """Takes out of `small` what came of it, and answers for the others, which are large: by header, structure and
        text parts, or by the whole message where the structure does not serve; or puts them off."""
        large, limit = _Large(wanted), self._desk.set_limit
        for questions, in_flight in (
            (chain(self._whole(small), large.structures(limit)), 2),
            (large.texts(limit), 4),
            (large.alone(), 1),
        ):
            for event in self._desk.pipeline(self._name, self._generation, questions, in_flight=in_flight):
                if not isinstance(event, Fetched):
                    self._check(event.status)
                    continue
                content = self._take(event, small) or large.take(event) or large.take_plan(event)
                if isinstance(content, RemoteItem):
                    self.put_off[int(content.remote_id)] = content
                elif content:
                    yield content
        for uid, item in wanted.items():
            yield self._all_of_it(uid, item)

    def _whole(self, wanted: Mapping[int, RemoteItem]) -> Iterator[Asked]:
        for batch in _batches([(uid, item.size) for uid, item in wanted.items()]):
            for uid_set, ids in uids.chunks(batch, self._desk.set_limit):
                yield Asked(uid_set, b"(UID BODY.PEEK[])", ids)

    def _take(self, found: Fetched, wanted: dict[int, RemoteItem]) -> Content | None:
        """The content of an answer; None for one that was not asked for whole, came before, or says nothing."""
        item = wanted.get(found.uid or 0)
        raw = found.sections.get("")
        if item is None or raw is None:
            return None
        if isinstance(raw, Skipped):
            self.put_off[found.uid or 0] = replace(item, size=max(item.size, raw.size))
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


def _batches(sized: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Ids in the order given, cut by the bytes they will bring."""
    batch: list[int] = []
    size = 0
    for uid, expected in sized:
        if batch and (size + expected > BATCH_BYTES or len(batch) >= BATCH_MESSAGES):
            yield batch
            batch, size = [], 0
        batch.append(uid)
        size += expected
    if batch:
        yield batch


def _plan(found: Fetched) -> _Plan | None:
    """What a large message is made of; None for an answer that does not say so in a way that adds up."""
    header = found.sections.get("HEADER")
    shape = structure.read(found.structure)
    if not isinstance(header, bytes) or not header or shape is None:
        return None
    return _Plan(header, shape, _affordable(shape), len(header) + _weight(shape))


def _weight(shape: structure.Structure) -> int:
    return sum(
        _LEAF + len(leaf.name) + sum(len(name) + len(text) for name, text in leaf.parameters) for leaf in shape.leaves
    )


def _affordable(shape: structure.Structure) -> tuple[PartInfo, ...]:
    """The text parts that fit under the cap; later ones stay in the structure."""
    chosen: list[PartInfo] = []
    total = 0
    for leaf in shape.texts():
        total += min(leaf.size or PART_CAP, PART_CAP)
        if chosen and total > TEXT_CAP:
            break
        chosen.append(leaf)
    return tuple(chosen)


def _text_items(plan: _Plan) -> bytes:
    words = ["UID"]
    for leaf in plan.texts:
        if plan.shape.multipart:  # of a message of one part, the header of the message is the header of the part
            words.append(f"BODY.PEEK[{leaf.part}.MIME]")
        cut = f"<0.{PART_CAP}>" if leaf.size > PART_CAP or not leaf.size else ""
        words.append(f"BODY.PEEK[{leaf.part}]{cut}")
    return f"({' '.join(words)})".encode()


def _text_parts(found: Fetched, plan: _Plan) -> tuple[TextPart, ...] | None:
    """The text parts of an answer; None when one is missing (seen on Yandex), or stands for parts not found."""
    parts: list[TextPart] = []
    for leaf in plan.texts:
        body = found.sections.get(leaf.part)
        mime = found.sections.get(f"{leaf.part}.MIME") if plan.shape.multipart else plan.header
        if not isinstance(body, bytes) or not isinstance(mime, bytes) or (not body and leaf.size):
            return None
        if not body and not mime:  # how Dovecot describes a multipart in which it finds no parts
            return None
        cut = len(body) == PART_CAP and leaf.size != PART_CAP
        parts.append(TextPart(leaf.part, mime, body, truncated=cut))
    return tuple(parts)
