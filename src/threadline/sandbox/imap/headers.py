"""Header fields as bytes: split, unfolded, and read for addresses and parameters.

Values stay as the sender wrote them (encoded words are the client's to decode, RFC 3501 section 7.4.2); what
is broken is read as far as it goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FOLD = re.compile(rb"\r?\n[ \t]*")
_TOKEN = re.compile(
    rb'\s+|"(?P<quoted>(?:[^"\\]|\\.)*)(?P<closed>"?)|\((?P<comment>(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*)\)?'
    rb'|(?P<domain>\[[^\]]*\]?)|(?P<special>[<>@,;:()\]])|(?P<atom>[^\s"()<>@,;:\[\]]+)',
    re.DOTALL,
)
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;"]*))', re.DOTALL)
_CONTINUED = re.compile(rb"(.+?)\*(\d{1,4})(\*?)\Z")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MOST_ADDRESSES = 20_000


@dataclass(frozen=True, slots=True)
class EnvelopeAddress:
    """One address structure of an ENVELOPE. A group starts with host None and ends with mailbox None too."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


def header_end(raw: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the body begins: behind the first empty line, or the end where there is none."""
    stop = len(raw) if end is None else end
    if raw.startswith(b"\r\n", start, stop):
        return start + 2
    if raw.startswith(b"\n", start, stop):
        return start + 1
    found = raw.find(b"\r\n\r\n", start, stop)
    return stop if found < 0 else found + 4


def fields(header: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a header in order: lower-cased name, and the raw field with its folding and line end."""
    found: list[tuple[bytes, list[bytes]]] = []
    for line in header.split(b"\r\n"):
        if not line:
            break
        if line[0] in b" \t" and found:
            found[-1][1].append(line)
        else:
            found.append((line.partition(b":")[0].strip().lower(), [line]))
    return [(name, b"\r\n".join(lines) + b"\r\n") for name, lines in found]


def unfold(raw_field: bytes) -> bytes:
    """The value of a raw field on one line."""
    return _FOLD.sub(b" ", raw_field.partition(b":")[2].strip()).replace(b"\x00", b"")


class Header:
    """The fields of one header, for looking up."""

    def __init__(self, header: bytes) -> None:
        self._first: dict[bytes, bytes] = {}
        self._all: dict[bytes, list[bytes]] = {}
        for name, raw in fields(header):
            if b":" in raw:
                self._first.setdefault(name, raw)
                self._all.setdefault(name, []).append(raw)

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of this (lower-case) name, unfolded."""
        raw = self._first.get(name)
        return None if raw is None else unfold(raw)

    def all(self, name: bytes) -> list[bytes]:
        """The values of all fields of this name, unfolded."""
        return [unfold(raw) for raw in self._all.get(name, [])]


def parse_parameters(value: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The main value of a Content-Type or Content-Disposition, and its parameters with continuations
    joined (RFC 2231).
    """
    main = value.partition(b";")[0]
    main = re.sub(rb"\([^()]*\)|\s+", b"", main)
    plain: dict[bytes, bytes] = {}
    pieces: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    for match in _PARAMETER.finditer(value):
        name = match[1].lower()
        text = _ESCAPED.sub(rb"\1", match[2]) if match[2] is not None else match[3]
        continued = _CONTINUED.match(name)
        if continued:
            pieces.setdefault(continued[1], {})[int(continued[2])] = (text, bool(continued[3]))
        else:
            plain.setdefault(name, text)
    for name, numbered in pieces.items():
        extended = any(flag for _, flag in numbered.values())
        joined = b"".join(numbered[number][0] for number in sorted(numbered))
        plain.setdefault(name + b"*" if extended else name, joined)
    return main, list(plain.items())


def parse_addresses(value: bytes) -> list[EnvelopeAddress]:
    """An address list as ENVELOPE shows it. A list longer than 20,000 addresses is cut."""
    return _AddressReader(value).read()


class _AddressReader:
    """Reads left to right, one token at a time; what it has not yet placed waits in `_words`."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._found: list[EnvelopeAddress] = []
        self._reset()
        self._in_group = False

    def _reset(self) -> None:
        self._words: list[bytes] = []
        self._comment: bytes | None = None
        self._angle: list[bytes] | None = None
        self._closed = False
        self._space = False

    def read(self) -> list[EnvelopeAddress]:
        for match in _TOKEN.finditer(self._value):
            if len(self._found) >= _MOST_ADDRESSES:
                break
            self._take(match)
        self._flush()
        if self._in_group:
            self._found.append(EnvelopeAddress(None, None, None, None))
        return self._found

    def _take(self, match: re.Match[bytes]) -> None:
        if (special := match["special"]) is not None:
            self._take_special(special)
        elif match["quoted"] is not None:
            if not match["closed"]:
                self._reset()
                self._found.append(_address(None, None, b""))  # everything behind an open quote is lost
                return
            self._add(_ESCAPED.sub(rb"\1", match["quoted"]))
        elif match["comment"] is not None:
            self._comment = _ESCAPED.sub(rb"\1", match["comment"])
        elif (word := match["atom"] or match["domain"]) is not None:
            self._add(word)
        else:
            self._space = True

    def _take_special(self, special: bytes) -> None:
        if self._angle is not None and not self._closed and special not in b"<>":
            self._angle.append(special)
        elif special == b"<":
            self._angle = []
        elif special == b">":
            self._closed = True
        elif special == b",":
            self._flush()
        elif special == b":":
            self._found.append(EnvelopeAddress(None, None, b" ".join(self._words), None))
            self._reset()
            self._in_group = True
        elif special == b";":
            self._flush()
            if self._in_group:
                self._found.append(EnvelopeAddress(None, None, None, None))
            self._in_group = False
        elif special == b"@":
            self._add(b"@", glue=True)

    def _add(self, word: bytes, *, glue: bool = False) -> None:
        target = self._words if self._angle is None else self._angle
        touches = not self._space and target and self._angle is None
        if (glue or touches) and target:
            target[-1] += word
        elif not self._closed:
            target.append(word)
        self._space = False

    def _flush(self) -> None:
        if self._angle is not None:
            route, address = _split_route(b"".join(self._angle))
            name = b" ".join(self._words) or self._comment
            self._found.append(_address(name or None, route, address))
        elif self._words:
            self._found.append(_address(self._comment, None, b"".join(self._words)))
        self._reset()


def _split_route(text: bytes) -> tuple[bytes | None, bytes]:
    if text.startswith(b"@") and b":" in text:
        route, _, address = text.partition(b":")
        return route, address
    return None, text


def _address(name: bytes | None, route: bytes | None, text: bytes) -> EnvelopeAddress:
    mailbox, at, host = text.rpartition(b"@")
    if not at:
        mailbox, host = text, b""
    # ENVELOPE has no way to say "missing" (NIL marks a group); Dovecot writes these words, so do we.
    return EnvelopeAddress(name, route, mailbox or b"MISSING_MAILBOX", host or b"MISSING_DOMAIN")
