"""Framing: bytes from a server become frames, a frame being one response line together with its literals.

No I/O happens here. Bytes go in with `feed` in pieces of any size, `next` hands out what is complete; how the bytes
were cut never changes the frames. Nothing but `ProtocolError` is raised, whatever arrives.

Memory is bounded by `Limits`, never by what a server announces: room for a literal grows as its bytes come in, and one
beyond `kept_literal` is read past without being kept (`Skipped`), so that the conversation stays in step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LITERAL = re.compile(rb"~?\{(\d{1,20})\+?\}$")
# Text for people ends these responses, and text may end in "{12}" without announcing anything (RFC 9051 section 7.1).
_TEXT_ONLY = re.compile(rb"(?:\+|\* (?:OK|NO|BAD|BYE|PREAUTH)\b|[A-Za-z0-9.]+ (?:OK|NO|BAD)\b)", re.IGNORECASE)


class ProtocolError(Exception):
    """The server sent something that is not IMAP, or more of it than we take."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one response is accepted."""

    line: int = 16 * 2**20  # UID SEARCH without ESEARCH lists every id of a folder on one line
    kept_literal: int = 4 * 2**20
    kept_total: int = 32 * 2**20
    any_literal: int = 2 * 2**30
    literals: int = 20_000


@dataclass(frozen=True, slots=True)
class Skipped:
    """A literal that was too large to keep."""

    size: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A response: `texts[0] literals[0] texts[1] ... texts[-1]`, line ends and literal announcements taken off."""

    texts: tuple[bytes, ...]
    literals: tuple[bytes | Skipped, ...]


class Framer:
    """Cuts a stream of bytes into frames."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._scanned = 0  # of the buffer, known to hold no line end
        self._texts: list[bytes] = []
        self._literals: list[bytes | Skipped] = []
        self._kept = 0
        self._announced: int | None = None  # size of the literal being read
        self._skipping = 0  # bytes of it still to be read past
        self._broken: ProtocolError | None = None

    @property
    def pending(self) -> int:
        """Bytes fed and not yet handed out: must be none when a connection turns to TLS."""
        return len(self._buffer) + len(self._texts)

    def feed(self, data: bytes | memoryview) -> None:
        """Takes what arrived. Drain it with `next` before feeding more: that is what bounds the buffer."""
        if self._skipping:
            past = min(self._skipping, len(data))
            self._skipping -= past
            data = data[past:]
        self._buffer += data

    def next(self) -> Frame | None:
        """The next complete frame, or None when more bytes are needed. After an error, always that error."""
        if self._broken is not None:
            raise self._broken
        try:
            return self._advance()
        except ProtocolError as error:
            self._broken = error
            self._buffer.clear()
            raise

    def _advance(self) -> Frame | None:
        while True:
            if self._announced is not None and not self._take_literal(self._announced):
                return None
            line = self._take_line()
            if line is None:
                return None
            size = self._announcement(line)
            if size is None:
                frame = Frame((*self._texts, line), tuple(self._literals))
                self._texts, self._literals, self._kept = [], [], 0
                return frame
            self._begin_literal(line, size)

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
        if max(end, self._scanned) > self._limits.line:
            raise ProtocolError(f"a line of more than {self._limits.line} bytes")
        if end < 0:
            return None
        # A bare line feed ends a line too: seen on small servers behind line-converting proxies.
        line = bytes(self._buffer[: end - 1 if end and self._buffer[end - 1] == 13 else end])
        del self._buffer[: end + 1]
        self._scanned = 0
        return line

    def _announcement(self, line: bytes) -> int | None:
        if not line.endswith(b"}"):
            return None
        if not self._texts and _TEXT_ONLY.match(line):
            return None
        found = _LITERAL.search(line[-24:])
        return int(found[1]) if found else None

    def _begin_literal(self, line: bytes, size: int) -> None:
        limits = self._limits
        if size > limits.any_literal:
            raise ProtocolError(f"a literal of {size} bytes was announced")
        if len(self._literals) >= limits.literals:
            raise ProtocolError(f"more than {limits.literals} literals in one response")
        self._kept += len(line)
        if self._kept > limits.kept_total:
            raise ProtocolError(f"a response of more than {limits.kept_total} bytes")
        self._texts.append(line[: line.rindex(b"{")].removesuffix(b"~"))
        self._announced = size
        if size > limits.kept_literal or self._kept + size > limits.kept_total:
            past = min(size, len(self._buffer))
            del self._buffer[:past]
            self._skipping = size - past
            self._literals.append(Skipped(size))
        else:
            self._kept += size

    def _take_literal(self, size: int) -> bool:
        if len(self._literals) == len(self._texts):  # this one is being read past
            if self._skipping:
                return False
        elif len(self._buffer) < size:
            return False
        else:
            self._literals.append(bytes(memoryview(self._buffer)[:size]))
            del self._buffer[:size]
        self._announced = None
        return True
