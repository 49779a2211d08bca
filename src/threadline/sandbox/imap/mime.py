"""The MIME tree of a message, by byte offsets, and the sections of it that FETCH can name.

A parent's boundaries are found before its children are read, so a child can never reach past its parent.
Reading costs the length of the message times the depth, and the depth is limited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from threadline.sandbox.imap.headers import Header, fields, header_end, parse_parameters

_DEEPEST = 30
_MOST_PARTS = 10_000


@dataclass(slots=True)
class Part:
    """One part: where it lies in the message, what its header says, and what is inside it."""

    raw: bytes
    start: int  # of the MIME header
    body: int
    end: int
    header: Header
    type: bytes = b"text"
    subtype: bytes = b"plain"
    parameters: list[tuple[bytes, bytes]] = field(default_factory=list)
    children: list[Part] = field(default_factory=list)  # of a multipart
    message: Part | None = None  # of a message/rfc822

    @property
    def header_bytes(self) -> bytes:
        return self.raw[self.start : self.body]

    @property
    def body_bytes(self) -> bytes:
        return self.raw[self.body : self.end]

    def child(self, number: int) -> Part | None:
        """Part n of this part as FETCH counts:

        in a multipart, in an embedded message, or the single part itself.
        """
        inside = self.message or self
        if inside.type == b"multipart" and inside.children:
            return inside.children[number - 1] if 0 < number <= len(inside.children) else None
        if number == 1 and (inside is not self or inside.message is None):
            return _Single.of(inside)
        return None


class _Single(Part):
    """The body of a message that has one part only: `BODY[1]`. It has no further part 1 below it."""

    @classmethod
    def of(cls, part: Part) -> Part:
        return cls(
            part.raw,
            part.start,
            part.body,
            part.end,
            part.header,
            part.type,
            part.subtype,
            part.parameters,
            [],
            None,
        )

    def child(self, number: int) -> Part | None:  # noqa: ARG002  (there is none, whatever its number)
        return None


class _Budget:
    def __init__(self) -> None:
        self.parts = _MOST_PARTS


def parse(raw: bytes) -> Part:
    """The tree of a whole message."""
    return _parse(raw, 0, len(raw), 0, _Budget(), digest=False)


def _parse(raw: bytes, start: int, end: int, depth: int, budget: _Budget, *, digest: bool) -> Part:
    body = header_end(raw, start, end)
    header = Header(raw[start:body])
    part = Part(raw, start, body, end, header)
    budget.parts -= 1
    if digest:
        part.type, part.subtype = b"message", b"rfc822"
    declared = header.get(b"content-type")
    if declared is not None:
        main, part.parameters = parse_parameters(declared)
        kind, slash, sub = main.lower().partition(b"/")
        if kind and slash and sub:
            part.type, part.subtype = kind, sub
    if depth < _DEEPEST and budget.parts > 0:
        _descend(part, depth, budget)
    return part


def _descend(part: Part, depth: int, budget: _Budget) -> None:
    if part.type == b"multipart":
        boundary = dict(part.parameters).get(b"boundary")
        if boundary:
            digest = part.subtype == b"digest"
            for start, end in _split(part.raw, part.body, part.end, boundary):
                if budget.parts <= 0:
                    return
                part.children.append(_parse(part.raw, start, end, depth + 1, budget, digest=digest))
        if not part.children:
            # BODYSTRUCTURE cannot say "a multipart of nothing"; Dovecot describes one empty text part, so do we.
            part.children.append(Part(part.raw, part.end, part.end, part.end, Header(b"")))
    elif part.type == b"message" and part.subtype == b"rfc822":
        part.message = _parse(part.raw, part.body, part.end, depth + 1, budget, digest=False)


def _split(raw: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    delimiter = re.compile(rb"^--" + re.escape(boundary.rstrip()) + rb"(--)?[ \t]*(?:\r?\n|\r?\Z)", re.MULTILINE)
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for match in delimiter.finditer(raw, start, end):
        if begin is not None:
            found.append((begin, max(begin, _before_line_end(raw, match.start(), begin))))
        begin = match.end()
        if match[1]:
            return found
    if begin is not None:
        found.append((begin, end))
    return found


def _before_line_end(raw: bytes, at: int, begin: int) -> int:
    """The line end in front of a boundary belongs to the boundary (RFC 2046 section 5.1.1)."""
    if at - 2 >= begin and raw[at - 2 : at] == b"\r\n":
        return at - 2
    return at - 1 if at - 1 >= begin and raw[at - 1 : at] == b"\n" else at


def section(root: Part, path: tuple[int, ...], what: bytes, names: tuple[bytes, ...]) -> bytes | None:
    """The bytes of a section, or None where the message has no such part (answered NIL)."""
    part: Part | None = root
    for number in path:
        part = part.child(number) if part else None
    if part is None:
        return None
    if what == b"MIME":
        return part.header_bytes
    if not what:
        return part.body_bytes if path else part.raw
    owner = part if not path else part.message
    if owner is None:
        return None
    if what == b"TEXT":
        return owner.body_bytes
    if what == b"HEADER":
        return owner.header_bytes
    return pick_fields(owner.header_bytes, names, without=what == b"HEADER.FIELDS.NOT")


def pick_fields(header: bytes, names: tuple[bytes, ...], *, without: bool) -> bytes:
    """The named header fields in their order in the message (or all others), and the empty line."""
    wanted = set(names)
    chosen = [raw for name, raw in fields(header) if (name in wanted) is not without]
    return b"".join(chosen) + b"\r\n"
