"""Where the header of a message ends, and which fields it has, whatever state it is in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from threadline.providers.mime import defects, limits
from threadline.providers.mime.charsets import guess

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")


@dataclass(slots=True)
class Block:
    """The fields of a header block: lower-cased names, values as text with folding undone, words not decoded."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    body: int = 0  # where the body starts
    repaired: bool = False  # a strict parser ends this header elsewhere
    defects: list[str] = field(default_factory=list)

    def first(self, name: str) -> str:
        """The first value of a header, "" without one."""
        return next((value for key, value in self.fields if key == name and value), "")


def without_leading_lines(raw: bytes) -> bytes:
    """Some servers put an empty line before the header. Messages with bare CR get line ends (seen from old Macs)."""
    if raw[:1] in {b"\r", b"\n"}:
        stripped = raw.lstrip(b"\r\n")
        if _FIELD.match(stripped[:300]):
            raw = stripped
    if b"\r" in raw[:2000] and b"\n" not in raw:
        return raw.replace(b"\r", b"\r\n")
    return raw


def header_block(raw: bytes) -> bytes:
    """The header block with its empty line; the whole of it where there is none, or the first megabyte."""
    end = _end(raw, 0, len(raw))
    return raw[: min(end, limits.HEADER_BYTES)]


def _end(raw: bytes, start: int, stop: int) -> int:
    if raw.startswith((b"\r\n", b"\n"), start):
        return min(stop, start + (2 if raw[start] == 13 else 1))
    crlf = raw.find(b"\r\n\r\n", start, stop)
    # Only up to there: in a message with CRLF the search for LF LF would go through all of it.
    bare = raw.find(b"\n\n", start, stop if crlf < 0 else crlf)
    mixed = raw.find(b"\n\r\n", start, stop if crlf < 0 else crlf)
    ends = [at + length for at, length in ((crlf, 4), (bare, 2), (mixed, 3)) if at >= 0]
    return min(ends, default=stop)


def read_block(raw: bytes, start: int = 0, stop: int | None = None) -> Block:
    """The fields between `start` and the empty line.

    A line without a colon ends the header for a strict reader. Here it is left out when more fields follow it before
    the empty line, and begins the body when none does.
    """
    stop = len(raw) if stop is None else stop
    end = _end(raw, start, stop)
    block = Block(body=end)
    limit = min(end, start + limits.HEADER_BYTES)
    if limit < end:
        block.defects.append(defects.HEADER_CUT)
    values: list[tuple[str, list[bytes]]] = []
    position = start
    last_field_end = start
    junk_at: int | None = None
    for line in raw[start:limit].splitlines(keepends=True) if limit > start else ():
        at, position = position, position + len(line)
        content = line.rstrip(b"\r\n")
        if not content:
            continue
        if content[:1] in b" \t" and values and junk_at is None:
            values[-1][1].append(content.strip())
            last_field_end = position
        elif found := _FIELD.match(content):
            values.append((found[1].decode("ascii").lower(), [content[found.end() :].strip()]))
            last_field_end = position
            block.repaired = block.repaired or junk_at is not None
            junk_at = None
        elif junk_at is None:
            junk_at = at
    if junk_at is not None and limit == end:
        block.body, block.repaired = junk_at, True
        if values:
            block.body = last_field_end
    if block.repaired:
        block.defects.append(defects.HEADER_JUNK if values else defects.NO_HEADER)
    block.fields = [(name, _text(b" ".join(pieces))) for name, pieces in values]
    return block


def _text(value: bytes) -> str:
    """Raw 8-bit headers are UTF-8 (RFC 6532) or, from old senders, Windows-1252."""
    return value.decode("ascii") if value.isascii() else guess(value)
