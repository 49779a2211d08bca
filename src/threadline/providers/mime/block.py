"""Where the header of a message ends, and which fields it has, whatever state it is in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from threadline.providers.mime import defects, limits
from threadline.providers.mime.charsets import guess

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
# What is taken for a field even after a line that is none; "PS: call me" is not.
_KNOWN = re.compile(
    rb"(?:from|sender|reply-to|to|cc|bcc|subject|date|message-id|in-reply-to|references|received|return-path"
    rb"|delivered-to|mime-version|precedence|auto-submitted"
    rb"|content-[a-z-]+|x-[!-9;-~]+|list-[a-z-]+|dkim-[a-z-]+|arc-[a-z-]+)[ \t]*:",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Block:
    """The fields of a header block: lower-cased names, values as text with folding undone, words not decoded."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    body: int = 0  # where the body starts
    repaired: bool = False  # a strict parser ends this header elsewhere
    left_out: bool = False  # lines within the header belong to no field and to no body either
    defects: list[str] = field(default_factory=list)

    def first(self, name: str) -> str:
        """The first value of a header, "" without one."""
        return next((value for key, value in self.fields if key == name and value), "")


def without_leading_lines(raw: bytes) -> bytes:
    """Without what stands before the first field: an empty line (seen from servers), the "From " line of an mbox file.

    Messages with bare CR get line ends (seen from old Macs).
    """
    if b"\r" in raw[:2000] and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\r\n")
    if raw[:1] in {b"\r", b"\n"}:
        stripped = raw.lstrip(b"\r\n")
        if _FIELD.match(stripped[:300]):
            raw = stripped
    return raw.partition(b"\n")[2] if raw.startswith(b"From ") and b"\n" in raw[:1000] else raw


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

    A line without a colon ends the header for a strict reader. Here it is left out when more of the header follows it
    before the empty line, and begins the body when nothing does.
    """
    stop = len(raw) if stop is None else stop
    end = _end(raw, start, stop)
    limit = min(end, start + limits.HEADER_BYTES)
    block = Block(body=end)
    values: list[tuple[str, list[bytes]]] = []
    junk_at: int | None = None
    position = start
    for line in raw[start:limit].split(b"\n"):
        at, position = position, position + len(line) + 1
        content = line.rstrip(b"\r")
        if not content:
            continue
        if content[:1] in b" \t" and values and junk_at is None:
            values[-1][1].append(content.strip())
            continue
        found = _FIELD.match(content)
        if found is None or (junk_at is not None and not _KNOWN.match(content)):
            junk_at = at if junk_at is None else junk_at
            continue
        if junk_at is not None:
            block.defects.append(defects.HEADER_JUNK)
            block.left_out = True
            junk_at = None
        values.append((found[1].decode("ascii").lower(), [content[found.end() :].strip()]))
        block.repaired = block.repaired or content[found.end(1) : found.end(1) + 1] != b":"
    if limit < end:
        block.defects.append(defects.HEADER_CUT)
    elif junk_at is not None:
        block.body = junk_at
        block.defects.append(defects.HEADER_JUNK)
    block.repaired = block.repaired or bool(block.defects)
    block.fields = [(name, _text(b" ".join(pieces))) for name, pieces in values]
    return block


def _text(value: bytes) -> str:
    """Raw 8-bit headers are UTF-8 (RFC 6532) or, from old senders, Windows-1252."""
    return value.decode("ascii") if value.isascii() else guess(value)
