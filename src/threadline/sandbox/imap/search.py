"""SEARCH (RFC 3501 section 6.4.4):

keys are read into a test, and the test is put to every message of the folder.
"""

from __future__ import annotations

import binascii
import quopri
import re
from base64 import b64decode
from bisect import bisect_right
from collections.abc import Callable
from datetime import date
from email.header import decode_header
from email.utils import parsedate_tz

from threadline.sandbox.imap.account import Account, Row
from threadline.sandbox.imap.headers import Header
from threadline.sandbox.imap.mime import Part, parse
from threadline.sandbox.imap.sets import SequenceSet
from threadline.sandbox.imap.syntax import Cursor, MalformedError

_DATE = re.compile(rb'"?(\d{1,2})-([A-Za-z]{3})-(\d{4})"?')
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_CHARSETS = {b"US-ASCII": "ascii", b"UTF-8": "utf-8", b"ISO-8859-1": "iso-8859-1", b"WINDOWS-1252": "cp1252"}
_DEEPEST = 50
_MOST_KEYS = 2000
_MARKUP = re.compile(r"<[^>]*>")


class BadCharsetError(Exception):
    """A CHARSET this server does not read: NO [BADCHARSET]."""


class Candidate:
    """A message under test. Its header and text are read only when a key asks for them."""

    def __init__(self, account: Account, number: int, row: Row, *, recent: bool, highest: tuple[int, int]) -> None:
        self.number = number
        self.row = row
        self.recent = recent
        self.highest = highest  # the highest message number and the highest UID: what `*` means
        self._account = account
        self._header: Header | None = None
        self._header_text: str | None = None
        self._body_text: str | None = None

    @property
    def header(self) -> Header:
        if self._header is None:
            self._header = Header(self._account.header(self.row))
        return self._header

    @property
    def header_text(self) -> str:
        if self._header_text is None:
            self._header_text = decode_words(self._account.header(self.row)).casefold()
        return self._header_text

    @property
    def body_text(self) -> str:
        if self._body_text is None:
            self._body_text = _text_of(parse(self._account.raw(self.row))).casefold()
        return self._body_text


Test = Callable[[Candidate], bool]


class KeyReader:
    """Reads search keys into one test.

    `uses_modseq` is set when a key looks at mod-sequences (RFC 7162 section 3.1.5).
    """

    def __init__(self, cursor: Cursor, charset: str = "utf-8") -> None:
        self._cursor = cursor
        self._charset = charset
        self._keys = 0
        self.uses_modseq = False

    def read_all(self) -> Test:
        """All keys to the end of the command, which must all hold."""
        tests = [self._key(0)]
        while not self._cursor.at_end:
            self._cursor.space()
            tests.append(self._key(0))
        return _all_of(tests)

    def _key(self, depth: int) -> Test:
        self._keys += 1
        if depth > _DEEPEST or self._keys > _MOST_KEYS:
            raise MalformedError("Search is too complex")
        cursor = self._cursor
        if cursor.skip(b"("):
            tests = [self._key(depth + 1)]
            while not cursor.skip(b")"):
                cursor.space()
                tests.append(self._key(depth + 1))
            return _all_of(tests)
        if cursor.looks_at(b"*") or any(cursor.looks_at(b"%d" % digit) for digit in range(10)):
            chosen = SequenceSet.parse(cursor.sequence_set())
            inside = _Membership(chosen)
            return lambda c: inside.has(c.number, c.highest[0])
        name = cursor.atom()
        if name == b"NOT":
            cursor.space()
            inner = self._key(depth + 1)
            return lambda c: not inner(c)
        if name == b"OR":
            cursor.space()
            first = self._key(depth + 1)
            cursor.space()
            second = self._key(depth + 1)
            return lambda c: first(c) or second(c)
        if name in _FLAG_TESTS:
            return _FLAG_TESTS[name]
        if name not in _READERS:
            raise MalformedError(f"Unknown search key {name.decode('ascii')}")
        cursor.space()
        return _READERS[name](self)

    def words(self) -> str:
        """A string argument in the command's charset, case folded."""
        try:
            return self._cursor.astring().decode(self._charset).casefold()
        except UnicodeDecodeError:
            raise MalformedError("Search string is not in the given charset") from None

    def keyword(self) -> str:
        return self._cursor.flag()

    def size(self) -> int:
        return self._cursor.number()

    def day(self) -> date:
        match = _DATE.fullmatch(self._cursor.astring())
        if not match or match[2].lower() not in _MONTHS:
            raise MalformedError("Invalid search date")
        try:
            return date(int(match[3]), _MONTHS.index(match[2].lower()) + 1, int(match[1]))
        except ValueError:
            raise MalformedError("Invalid search date") from None

    def uids(self) -> Test:
        inside = _Membership(SequenceSet.parse(self._cursor.sequence_set()))
        return lambda c: inside.has(c.row.uid, c.highest[1])

    def field(self) -> Test:
        name = self._cursor.astring().lower()
        self._cursor.space()
        wanted = self.words()
        return _field_test(name, wanted)

    def modseq(self) -> Test:
        self.uses_modseq = True
        if self._cursor.looks_at(b'"'):
            self._cursor.string()
            self._cursor.space()
            self._cursor.atom()
            self._cursor.space()
        least = self._cursor.number()
        return lambda c: c.row.modseq >= least


def read_charset(cursor: Cursor) -> str:
    """The argument of CHARSET as a codec name, or BadCharsetError."""
    name = cursor.astring().upper()
    if name not in _CHARSETS:
        raise BadCharsetError
    return _CHARSETS[name]


def _all_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda c: all(test(c) for test in tests)


class _Membership:
    """Whether a number is in a set.

    The ranges are laid out once per command, as clients send sets of thousands.
    """

    def __init__(self, chosen: SequenceSet) -> None:
        self._chosen = chosen
        self._ranges: list[tuple[int, int]] | None = None

    def has(self, number: int, highest: int) -> bool:
        if self._ranges is None:
            self._ranges = self._chosen.ranges(highest)
        place = bisect_right(self._ranges, (number, 2**32))
        return place > 0 and self._ranges[place - 1][1] >= number


def _has(flag: str) -> Test:
    return lambda c: flag in c.row.flags


def _lacks(flag: str) -> Test:
    return lambda c: flag not in c.row.flags


_FLAG_TESTS: dict[bytes, Test] = {
    b"ALL": lambda _: True,
    b"NEW": lambda c: c.recent and "\\Seen" not in c.row.flags,
    b"OLD": lambda c: not c.recent,
    b"RECENT": lambda c: c.recent,
}
for _flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen"):
    _FLAG_TESTS[_flag.upper().encode()] = _has("\\" + _flag)
    _FLAG_TESTS[b"UN" + _flag.upper().encode()] = _lacks("\\" + _flag)


def _field_test(name: bytes, wanted: str) -> Test:
    def test(c: Candidate) -> bool:
        return any(wanted in decode_words(value).casefold() for value in c.header.all(name))

    return test


def _named_field(name: bytes) -> Callable[[KeyReader], Test]:
    return lambda reader: _field_test(name, reader.words())


def _received(compare: Callable[[date, date], bool]) -> Callable[[KeyReader], Test]:
    def read(reader: KeyReader) -> Test:
        wanted = reader.day()
        return lambda c: compare(c.row.internal_date.date(), wanted)

    return read


def _sent(compare: Callable[[date, date], bool]) -> Callable[[KeyReader], Test]:
    def read(reader: KeyReader) -> Test:
        wanted = reader.day()

        def test(c: Candidate) -> bool:
            when = _date_header(c.header)
            return when is not None and compare(when, wanted)

        return test

    return read


def _keyword(reader: KeyReader, *, present: bool) -> Test:
    wanted = reader.keyword().lower()
    return lambda c: any(flag.lower() == wanted for flag in c.row.flags) is present


def _larger(reader: KeyReader) -> Test:
    limit = reader.size()
    return lambda c: c.row.size > limit


def _smaller(reader: KeyReader) -> Test:
    limit = reader.size()
    return lambda c: c.row.size < limit


def _body(reader: KeyReader) -> Test:
    wanted = reader.words()
    return lambda c: wanted in c.body_text


def _text(reader: KeyReader) -> Test:
    wanted = reader.words()
    return lambda c: wanted in c.header_text or wanted in c.body_text


_READERS: dict[bytes, Callable[[KeyReader], Test]] = {
    b"BCC": _named_field(b"bcc"),
    b"CC": _named_field(b"cc"),
    b"FROM": _named_field(b"from"),
    b"SUBJECT": _named_field(b"subject"),
    b"TO": _named_field(b"to"),
    b"HEADER": KeyReader.field,
    b"BODY": _body,
    b"TEXT": _text,
    b"UID": KeyReader.uids,
    b"MODSEQ": KeyReader.modseq,
    b"LARGER": _larger,
    b"SMALLER": _smaller,
    b"KEYWORD": lambda reader: _keyword(reader, present=True),
    b"UNKEYWORD": lambda reader: _keyword(reader, present=False),
    b"BEFORE": _received(lambda a, b: a < b),
    b"ON": _received(lambda a, b: a == b),
    b"SINCE": _received(lambda a, b: a >= b),
    b"SENTBEFORE": _sent(lambda a, b: a < b),
    b"SENTON": _sent(lambda a, b: a == b),
    b"SENTSINCE": _sent(lambda a, b: a >= b),
}


def _date_header(header: Header) -> date | None:
    value = header.get(b"date")
    parsed = parsedate_tz(value.decode("ascii", "replace")) if value else None
    if not parsed:
        return None
    try:
        return date(*parsed[:3])
    except ValueError:
        return None


def decode_words(value: bytes) -> str:
    """Header text with its encoded words decoded (RFC 2047); what cannot be decoded stays as it is."""
    text = value.decode("utf-8", "replace")
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(text)
    except (binascii.Error, ValueError):
        return text
    return "".join(_decoded(piece, charset or "utf-8") for piece, charset in pieces)


def _decoded(piece: bytes | str, charset: str) -> str:
    if isinstance(piece, str):
        return piece
    try:
        return piece.decode(charset, "replace")
    except LookupError:
        return piece.decode("latin-1")


def _text_of(part: Part) -> str:
    """The readable text of a message: its text parts decoded, and the headers of messages inside it."""
    if part.message is not None:
        return decode_words(part.message.header_bytes) + "\n" + _text_of(part.message)
    if part.children:
        return "\n".join(_text_of(child) for child in part.children)
    if part.type != b"text":
        return ""
    encoding = (part.header.get(b"content-transfer-encoding") or b"").lower()
    raw = part.body_bytes
    if encoding == b"quoted-printable":
        raw = quopri.decodestring(raw)
    elif encoding == b"base64":
        try:
            raw = b64decode(raw)
        except binascii.Error:
            raw = b""
    charset = dict(part.parameters).get(b"charset", b"utf-8").decode("ascii", "replace")
    text = _decoded(raw, charset)
    return _MARKUP.sub(" ", text) if part.subtype == b"html" else text
