"""FETCH: reading its items (RFC 3501 section 6.4.5) and writing its answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from threadline.sandbox.imap.account import Account, Row
from threadline.sandbox.imap.headers import Header
from threadline.sandbox.imap.mime import Part, parse, pick_fields, section
from threadline.sandbox.imap.names import quoted
from threadline.sandbox.imap.structure import body_structure, envelope
from threadline.sandbox.imap.syntax import Cursor, MalformedError

_MACROS = {
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}
_PLAIN = {
    b"FLAGS",
    b"UID",
    b"INTERNALDATE",
    b"RFC822.SIZE",
    b"MODSEQ",
    b"ENVELOPE",
    b"BODY",
    b"BODYSTRUCTURE",
}
_ITEM = re.compile(rb"[A-Za-z0-9.]+")
_PATH = re.compile(rb"[0-9]+(?:\.[0-9]+)*")
_TEXT_NAME = re.compile(rb"HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME", re.IGNORECASE)
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+")
_DEEPEST_PATH = 40
_MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Section:
    """`BODY[1.2.HEADER.FIELDS (Subject)]<0.100>`, or one of its RFC822 synonyms under its own label."""

    label: bytes
    path: tuple[int, ...] = ()
    what: bytes = b""  # HEADER, TEXT, MIME, HEADER.FIELDS, HEADER.FIELDS.NOT or nothing
    names: tuple[bytes, ...] = ()  # lower-case
    partial: tuple[int, int] | None = None
    peek: bool = False

    @property
    def header_only(self) -> bool:
        return not self.path and self.what.startswith(b"HEADER")


@dataclass(frozen=True, slots=True)
class Items:
    """What a FETCH asks for, in order."""

    plain: tuple[bytes, ...]
    sections: tuple[Section, ...]

    @property
    def marks_seen(self) -> bool:
        return any(not one.peek for one in self.sections)

    @property
    def wants_modseq(self) -> bool:
        return b"MODSEQ" in self.plain

    def plus(self, *more: bytes) -> Items:
        """The same with further plain items, each only once."""
        return Items(tuple(dict.fromkeys((*more, *self.plain))), self.sections)


def read_items(cursor: Cursor) -> Items:
    """The items of a FETCH command, macros resolved."""
    plain: list[bytes] = []
    sections: list[Section] = []
    if not cursor.skip(b"("):
        _read_item(cursor, plain, sections, macros=True)
        return Items(tuple(dict.fromkeys(plain)), tuple(sections))
    while True:
        _read_item(cursor, plain, sections, macros=False)
        if len(plain) + len(sections) > _MOST_ITEMS:
            raise MalformedError("Too many items")
        if cursor.skip(b")"):
            return Items(tuple(dict.fromkeys(plain)), tuple(dict.fromkeys(sections)))
        cursor.space()


def _read_item(cursor: Cursor, plain: list[bytes], sections: list[Section], *, macros: bool) -> None:
    name = cursor.match(_ITEM, "an item").upper()
    if macros and name in _MACROS:
        plain.extend(_MACROS[name])
    elif name in {b"BODY", b"BODY.PEEK"} and cursor.skip(b"["):
        sections.append(_read_section(cursor, peek=name == b"BODY.PEEK"))
    elif name in _PLAIN:
        plain.append(name)
    elif name == b"RFC822":
        sections.append(Section(b"RFC822"))
    elif name == b"RFC822.HEADER":
        sections.append(Section(b"RFC822.HEADER", what=b"HEADER", peek=True))
    elif name == b"RFC822.TEXT":
        sections.append(Section(b"RFC822.TEXT", what=b"TEXT"))
    else:
        raise MalformedError(f"Unknown parameter {name.decode('ascii')}")


def _read_section(cursor: Cursor, *, peek: bool) -> Section:
    path: tuple[int, ...] = ()
    what = b""
    names: tuple[bytes, ...] = ()
    dotted = b""
    if not cursor.looks_at(b"]"):
        dotted = _read_path(cursor)
        path = tuple(int(number) for number in dotted.split(b".") if number)
        if not dotted or cursor.skip(b"."):
            what = cursor.match(_TEXT_NAME, "a section").upper()
    if (what == b"MIME" and not path) or len(path) > _DEEPEST_PATH or any(not 0 < n < 10**6 for n in path):
        raise MalformedError("Invalid section")
    spelled = b".".join(piece for piece in (dotted, what) if piece)
    if what.startswith(b"HEADER.FIELDS"):
        cursor.space()
        originals = _read_names(cursor)
        names = tuple(name.lower() for name in originals)
        spelled += b" (" + b" ".join(originals) + b")"
    cursor.expect(b"]")
    partial = _read_partial(cursor)
    label = b"BODY[" + spelled + b"]" + (b"<%d>" % partial[0] if partial else b"")
    return Section(label, path, what, names, partial, peek)


def _read_path(cursor: Cursor) -> bytes:
    try:
        return cursor.match(_PATH, "a part")
    except MalformedError:
        return b""


def _read_names(cursor: Cursor) -> list[bytes]:
    cursor.expect(b"(")
    names = [cursor.astring()]
    while not cursor.skip(b")"):
        cursor.space()
        names.append(cursor.astring())
    if not all(_FIELD_NAME.fullmatch(name) for name in names):
        raise MalformedError("Invalid header field name")
    return [name.upper() for name in names]


def _read_partial(cursor: Cursor) -> tuple[int, int] | None:
    if not cursor.skip(b"<"):
        return None
    start = cursor.number()
    cursor.expect(b".")
    length = cursor.number()
    cursor.expect(b">")
    if length == 0:
        raise MalformedError("Invalid partial")
    return start, length


class Answer:
    """The answer for one message.

    What has to be read from disk is read once, and only when an item needs it.
    """

    def __init__(self, account: Account, row: Row, flags: bytes) -> None:
        self._account = account
        self._row = row
        self._flags = flags
        self._header: bytes | None = None
        self._root: Part | None = None

    def write(self, number: int, items: Items) -> bytes:
        """The whole untagged FETCH response."""
        pieces = [name + b" " + _WRITERS[name](self) for name in items.plain]
        pieces += [self._section(one) for one in items.sections]
        return b"* %d FETCH (" % number + b" ".join(pieces) + b")\r\n"

    def header(self) -> bytes:
        if self._header is None:
            self._header = self._account.header(self._row)
        return self._header

    def root(self) -> Part:
        if self._root is None:
            self._root = parse(self._account.raw(self._row))
        return self._root

    def _section(self, wanted: Section) -> bytes:
        found: bytes | None
        if wanted.header_only:
            # No need to read megabytes of attachments for the header.
            found = self.header()
            if wanted.names:
                found = pick_fields(found, wanted.names, without=wanted.what == b"HEADER.FIELDS.NOT")
        elif not wanted.path and not wanted.what and self._root is None:
            found = self._account.raw(self._row)
        else:
            found = section(self.root(), wanted.path, wanted.what, wanted.names)
        if found is None:
            return wanted.label + b" NIL"
        if wanted.partial:
            start, length = wanted.partial
            found = found[start : start + length]
        return wanted.label + b" {%d}\r\n" % len(found) + found

    def flags(self) -> bytes:
        return self._flags

    def uid(self) -> bytes:
        return b"%d" % self._row.uid

    def internal_date(self) -> bytes:
        return quoted(format_date(self._row))

    def size(self) -> bytes:
        return b"%d" % self._row.size

    def modseq(self) -> bytes:
        return b"(%d)" % self._row.modseq

    def envelope(self) -> bytes:
        return envelope(Header(self.header()))

    def body(self) -> bytes:
        return body_structure(self.root(), extended=False)

    def structure(self) -> bytes:
        return body_structure(self.root(), extended=True)


_WRITERS: dict[bytes, Callable[[Answer], bytes]] = {
    b"FLAGS": Answer.flags,
    b"UID": Answer.uid,
    b"INTERNALDATE": Answer.internal_date,
    b"RFC822.SIZE": Answer.size,
    b"MODSEQ": Answer.modseq,
    b"ENVELOPE": Answer.envelope,
    b"BODY": Answer.body,
    b"BODYSTRUCTURE": Answer.structure,
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_date(row: Row) -> str:
    """INTERNALDATE: ` 7-Feb-1994 21:52:25 -0800`; English month names whatever the locale."""
    when = row.internal_date
    sign, minutes = ("-", -row.zone) if row.zone < 0 else ("+", row.zone)
    return (
        f"{when.day:2d}-{_MONTHS[when.month - 1]}-{when.year:04d} {when:%H:%M:%S} "
        f"{sign}{minutes // 60:02d}{minutes % 60:02d}"
    )
