"""`Parser`: reading mail from outside, in a child process with limits on memory and time.

A message that kills its reader is found and set aside; those before and after it are read as if it were not there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content
from threadline.providers.mime import defects, frames
from threadline.providers.mime.block import header_block, without_leading_lines
from threadline.providers.mime.process import Outcome, ParserUnavailable, Process, Reason

__all__ = ["ParseFailure", "Parser", "ParserUnavailable", "PartNotFound", "Reason"]

_BATCH_BYTES = 1_000_000  # measured: larger ones gain nothing and cost memory twice, here and in the child
_BATCH_MESSAGES = 100
_PROCESS_TASKS = 50_000  # then a fresh child: what leaks in compiled code is bounded
_SHOWING_SECONDS = 5.0  # somebody is waiting


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A message of which not even the header could be read within the limits. Its raw form must be kept."""

    reason: Reason
    attempts: int


class PartNotFound(LookupError):
    """The message has no such part."""


class Parser:
    """Reads messages in a child process. Start-up is lazy; safe to share between threads, which then take turns."""

    def __init__(self, *, memory_limit: int = 1 << 30, seconds: float = 20.0) -> None:
        """`memory_limit`: bytes of address space of the child. `seconds`: the longest time for one batch."""
        self._memory_limit = memory_limit
        self._seconds = seconds
        self._process: Process | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child. The next call starts another."""
        with self._lock:
            self._end()

    def start(self) -> None:
        """Let the child start, without waiting for it: mail to be read is on its way."""
        with self._lock:
            self._running()

    @property
    def child_pid(self) -> int | None:
        """The running child, None when none was needed yet."""
        return self._process.pid if self._process and self._process.ready else None

    def parse_many(self, contents: Sequence[Content]) -> list[ParsedMessage | ParseFailure]:
        """One answer per message, in the same order. Raises ParserUnavailable when no child can be started."""
        found: list[ParsedMessage | ParseFailure] = []
        with self._lock:
            for batch in _batches(contents):
                found.extend(self._parse_batch(batch))
        return found

    def sanitise(self, html: str, allow_remote: bool = False) -> str:
        """HTML that is safe to show; of HTML that cannot be cleaned within the limits, its text."""
        with self._lock:
            seconds = min(self._seconds, _SHOWING_SECONDS)
            answer, _ = self._alone(frames.Sanitise(html, allow_remote), seconds)
        if isinstance(answer, frames.Sanitised):
            return answer.html
        from threadline.providers.mime.sanitise import clean_plain  # noqa: PLC0415  seldom needed, slow to load

        return clean_plain(html)

    def extract(self, raw: bytes, part: str) -> bytes | ParseFailure:
        """The decoded content of a part of a whole message. Raises PartNotFound."""
        with self._lock:
            answer, reason = self._alone(frames.Extract(raw, part), self._seconds)
        if not isinstance(answer, frames.Extracted):
            return ParseFailure(reason, attempts=1)
        if answer.content is None:
            raise PartNotFound(part)
        return answer.content

    def _parse_batch(self, batch: Sequence[Content]) -> Iterator[ParsedMessage | ParseFailure]:
        """All at once; when the child dies, one by one from where its answers end: up to the message it died on."""
        outcome = self._attempt([_task(content) for content in batch], self._seconds)
        for content, answer in zip(batch, outcome.answers, strict=False):
            yield self._message(answer, content, Reason.CRASHED, attempts=1)
        for content in batch[len(outcome.answers) :]:
            again, reason = self._alone(_task(content), self._seconds)
            yield self._message(again, content, reason, attempts=2)

    def _message(
        self, answer: frames.Answer | None, content: Content, reason: Reason, *, attempts: int
    ) -> ParsedMessage | ParseFailure:
        if isinstance(answer, frames.Parsed):
            return answer.message
        block = header_block(without_leading_lines(content.raw))
        header, _ = self._alone(frames.ReadHeader(block, defects.BODY_KILLED), self._seconds)
        return header.message if isinstance(header, frames.Parsed) else ParseFailure(reason, attempts + 1)

    def _alone(self, task: frames.Task, seconds: float) -> tuple[frames.Answer | None, Reason]:
        outcome = self._attempt([task], seconds)
        return (outcome.answers[0] if outcome.answers else None), outcome.reason or Reason.CRASHED

    def _attempt(self, tasks: Sequence[frames.Task], seconds: float) -> Outcome:
        if self._process is not None and self._process.handled >= _PROCESS_TASKS:
            self._end()
        outcome = self._running().run(tasks, seconds)
        if outcome.reason is not None:
            self._process = None
        return outcome

    def _running(self) -> Process:
        if self._process is None:
            self._process = Process(self._memory_limit, self._seconds)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


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
