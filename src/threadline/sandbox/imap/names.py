"""Folder names on the wire (modified UTF-7, RFC 3501 section 5.1.3), LIST patterns, and quoting of
strings.
"""

from __future__ import annotations

import base64
import binascii
import re

_SHIFTED = re.compile(r"&([^-]*)-")
_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e]+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*\Z")


def encode_name(name: str) -> str:
    """A folder name in modified UTF-7."""

    def shift(match: re.Match[str]) -> str:
        packed = base64.b64encode(match[0].encode("utf-16-be")).decode("ascii")
        return "&" + packed.rstrip("=").replace("/", ",") + "-"

    return _NOT_PRINTABLE_ASCII.sub(shift, name.replace("&", "&-"))


def decode_name(wire: str) -> str:
    """The folder name behind modified UTF-7. ValueError says what is wrong with it."""
    if _NOT_PRINTABLE_ASCII.search(wire):
        raise ValueError("Folder names are modified UTF-7")

    def unshift(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        packed = match[1].replace(",", "/")
        try:
            return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-16-be")
        except (binascii.Error, UnicodeDecodeError) as broken:
            raise ValueError("Folder name is not valid modified UTF-7") from broken

    if "&" in _SHIFTED.sub("", wire):
        raise ValueError("Folder name is not valid modified UTF-7")
    return _SHIFTED.sub(unshift, wire)


def canonical(name: str) -> str:
    """INBOX is the one name that is compared without case (RFC 3501 section 5.1)."""
    if name.upper() == "INBOX":
        return "INBOX"
    if name[:6].upper() == "INBOX/":
        return "INBOX" + name[5:]
    return name


def matches(pattern: str, name: str, delimiter: str) -> bool:
    """Whether a LIST pattern names this folder: `*` is anything, `%` is anything but the delimiter.

    Steps through both once with the set of places the pattern can be at, so that `*a*a*a*b` costs no more
    than it is long.
    """
    places = _skip_wildcards({0}, pattern)
    for character in name:
        after = set()
        for place in places:
            if place == len(pattern):
                continue
            wanted = pattern[place]
            if wanted == "*" or (wanted == "%" and character != delimiter):
                after.add(place)
            elif wanted == character and wanted != "%":
                after.add(place + 1)
        places = _skip_wildcards(after, pattern)
        if not places:
            return False
    return len(pattern) in places


def _skip_wildcards(places: set[int], pattern: str) -> set[int]:
    reached = set(places)
    for place in places:
        at = place
        while at < len(pattern) and pattern[at] in "*%":
            at += 1
            reached.add(at)
    return reached


def quoted(value: bytes | str | None) -> bytes:
    """An nstring: NIL, a quoted string, or a literal where quoting cannot carry it."""
    if value is None:
        return b"NIL"
    raw = value.encode("utf-8") if isinstance(value, str) else value
    if len(raw) <= 2000 and _QUOTABLE.match(raw):
        return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%s" % (len(raw), raw)
