"""`Parser`: reading mail from outside, in a child process with limits on memory and time.

A message that kills its reader is found and set aside; those before and after it are read as if it were not there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content
from threadline.providers.mime import defects, frames
from threadline.providers.mime.block import header_block, without_leading_lines
from threadline.providers.mime.process import ParserUnavailable, Process, Reason

__all__ = ["ParseFailure", "Parser", "ParserUnavailable", "PartNotFound", "Reason"]

_BATCH_BYTES = 1_000_000  # measured: larger ones gain nothing and cost memory twice, here and in the child
_BATCH_MESSAGES = 100
_ON_THE_WAY = 2  # batches: one that is read, and one in the pipe, so that the child never waits for us
_PROCESS_TASKS = 50_000  # then a fresh child: what leaks in compiled code is bounded
_SHOWING_SECONDS = 5.0  # somebody is waiting


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A message of which not even the header could be read within the limits. Its raw form must be kept."""

    reason: Reason
    attempts: int


Answers: TypeAlias = list[ParsedMessage | ParseFailure]


class PartNotFound(LookupError):
    """The message has no such part."""


class Parser:
    """Reads messages in a child process. Start-up is lazy; safe to share between threads, which then take turns."""

    def __init__(self, *, memory_limit: int = 1 << 30, seconds: float = 20.0) -> None:
        """`memory_limit`: bytes of address space of the child. `seconds`: the longest time for one batch."""
        self._memory_limit = memory_limit
        self._seconds = seconds
        self._process: Process | None = None
        self._lent: Process | None = None
        self._lock = threading.RLock()

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child. The next call starts another."""
        with self._lock:
            self._lent = None  # whoever has it ends it
            self._end()

    def start(self) -> None:
        """Let the child start, without waiting for it: mail to be read is on its way."""
        with self._lock:
            self._running()

    @property
    def child_pid(self) -> int | None:
        """The running child, None when none was needed yet."""
        process = self._lent or self._process
        return process.pid if process and process.ready else None

    def parse_many(self, contents: Sequence[Content]) -> Answers:
        """One answer per message, in the same order. Raises ParserUnavailable when no child can be started."""
        with self._lock:
            (answers,) = self.parse_each((contents,))
        return answers

    def parse_each(self, pieces: Iterable[Sequence[Content] | None]) -> Generator[Answers, None, None]:
        """The answers to each piece, in their order. While a piece is read, the next is on its way already.

        None among the pieces says that the next is not there yet: then what is on its way is finished first. The child
        is ours until the last answer; what else is asked of this parser meanwhile has another.
        """
        line = _Line(self, self._seconds)
        try:
            yield from line.answers(pieces)
        finally:
            line.end()

    def sanitise(self, html: str, allow_remote: bool = False) -> str:
        """HTML that is safe to show; of HTML that cannot be cleaned within the limits, its text."""
        with self._lock:
            seconds = min(self._seconds, _SHOWING_SECONDS)
            answer, _ = self.alone(frames.Sanitise(html, allow_remote), seconds)
        if isinstance(answer, frames.Sanitised):
            return answer.html
        from threadline.providers.mime.sanitise import clean_plain  # noqa: PLC0415  seldom needed, slow to load

        return clean_plain(html)

    def extract(self, raw: bytes, part: str) -> bytes | ParseFailure:
        """The decoded content of a part of a whole message. Raises PartNotFound."""
        with self._lock:
            answer, reason = self.alone(frames.Extract(raw, part), self._seconds)
        if not isinstance(answer, frames.Extracted):
            return ParseFailure(reason, attempts=1)
        if answer.content is None:
            raise PartNotFound(part)
        return answer.content

    def alone(self, task: frames.Task, seconds: float) -> tuple[frames.Answer | None, Reason]:
        """One task by itself: its answer, or None and why there is none."""
        with self._lock:
            outcome = self._running().run([task], seconds)
            if outcome.reason is not None:
                self._process = None
        return (outcome.answers[0] if outcome.answers else None), outcome.reason or Reason.CRASHED

    def lend(self) -> Process:
        """A child for batches, until it is given back."""
        with self._lock:
            self._lent, self._process = self._running(), None
            return self._lent

    def take_back(self, process: Process, *, fit: bool) -> None:
        """A child that was lent; `fit` for more: it lives, and owes no answers."""
        with self._lock:
            wanted = self._lent is process  # we were not closed meanwhile
            self._lent = None
            if fit and wanted and self._process is None:
                self._process = process
            else:
                process.kill()

    def _running(self) -> Process:
        if self._process is not None and is_worn(self._process):
            self._end()
        if self._process is None:
            self._process = Process(self._memory_limit, self._seconds)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


@dataclass(frozen=True, slots=True)
class _Batch:
    """What goes to the child in one frame; `ends` the piece it is of."""

    contents: Sequence[Content]
    ends: bool


class _Line:
    """The way of batches through one child after another. The next is always there when one is read."""

    def __init__(self, parser: Parser, seconds: float) -> None:
        self._parser = parser
        self._seconds = seconds
        self._process: Process | None = None
        self._sent: deque[_Batch] = deque()

    def end(self) -> None:
        """Give the child back, or end it when answers are left that nobody waits for."""
        if self._process is not None:
            self._parser.take_back(self._process, fit=not self._sent)
            self._process = None

    def answers(self, pieces: Iterable[Sequence[Content] | None]) -> Iterator[Answers]:
        found: Answers = []
        batches = _batches_of(pieces)
        while self._send_ahead(batches):
            batch = self._sent[0]
            found += self._answers_to(batch.contents)
            if batch.ends:
                yield found
                found = []

    def _send_ahead(self, batches: Iterator[_Batch | None]) -> bool:
        """Whether a batch is on its way, after all was sent that may be and is there."""
        while len(self._sent) < _ON_THE_WAY and not (self._sent and self._is_worn()):
            try:
                batch = next(batches)
            except StopIteration:
                break
            if batch is not None:
                self._sent.append(batch)
                self._send(batch)
            elif self._sent:
                break
        return bool(self._sent)

    def _is_worn(self) -> bool:
        return self._process is not None and is_worn(self._process)

    def _send(self, batch: _Batch) -> None:
        if not batch.contents:
            return
        if self._is_worn():
            self.end()
        if self._process is None:
            self._process = self._parser.lend()
        self._process.send([_task(content) for content in batch.contents])

    def _answers_to(self, contents: Sequence[Content]) -> Iterator[ParsedMessage | ParseFailure]:
        """To the first batch on its way. When the child dies, one by one from where its answers end: up to the message
        it died on. What was on its way behind goes to another child."""
        if self._process is None or not contents:
            self._sent.popleft()
            return
        outcome = self._process.receive(len(contents), self._seconds)
        self._sent.popleft()
        if outcome.reason is not None:
            self._parser.take_back(self._process, fit=False)
            self._process = None
        for content, answer in zip(contents, outcome.answers, strict=False):
            yield self._message(answer, content, Reason.CRASHED, attempts=1)
        for content in contents[len(outcome.answers) :]:
            again, reason = self._parser.alone(_task(content), self._seconds)
            yield self._message(again, content, reason, attempts=2)
        if outcome.reason is not None:
            for batch in self._sent:
                self._send(batch)

    def _message(
        self, answer: frames.Answer | None, content: Content, reason: Reason, *, attempts: int
    ) -> ParsedMessage | ParseFailure:
        if isinstance(answer, frames.Parsed):
            return answer.message
        block = header_block(without_leading_lines(content.raw))
        header, _ = self._parser.alone(frames.ReadHeader(block, defects.BODY_KILLED), self._seconds)
        return header.message if isinstance(header, frames.Parsed) else ParseFailure(reason, attempts + 1)


def is_worn(process: Process) -> bool:
    return process.handled >= _PROCESS_TASKS


def _batches_of(pieces: Iterable[Sequence[Content] | None]) -> Iterator[_Batch | None]:
    for piece in pieces:
        if piece is None:
            yield None
            continue
        batches = list(_batches(piece)) or [[]]
        yield from (_Batch(contents, ends=False) for contents in batches[:-1])
        yield _Batch(batches[-1], ends=True)


def _task(content: Content) -> frames.Parse:
    return frames.Parse(content.raw, content.whole, content.parts, content.structure, content.item.size)


def _batches(contents: Sequence[Content]) -> Iterator[Sequence[Content]]:
    start, size = 0, 0
    for position, content in enumerate(contents):
        weight = len(content.raw) + sum(len(part.body) for part in content.parts)
        if position > start and (size + weight > _BATCH_BYTES or position - start >= _BATCH_MESSAGES):
            yield contents[start:position]
            start, size = position, 0
        size += weight
    if start < len(contents):
        yield contents[start:]
