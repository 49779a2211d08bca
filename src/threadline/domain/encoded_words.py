"""Encoded words in header fields (RFC 2047), read the way mail really writes them.

Lenient where senders are known to be wrong: inside quoted strings, characters split between adjacent words,
wrong charset labels, missing padding. Linear in the length of the text.
"""

from __future__ import annotations

import base64
import binascii
import re

WORD = r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?]{0,2000}\?="
_PARTS = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,2000})\?=")
_ESCAPED = re.compile(rb"=([0-9A-Fa-f]{2})")

# What senders label so, they write in the larger charset of the same family.
_WIDER = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
}
# Python codecs that are not charsets of mail: slow on long input, or reading escapes that no sender meant.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})


def decode_words(text: str) -> str:
    """The text with every encoded word decoded. What cannot be decoded stays as it was written."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending = b""  # bytes of adjacent words in one charset: a character may be split between them
    charset = ""
    end = 0
    for word in _PARTS.finditer(text):
        between = text[end : word.start()]
        label = word.group(1).split("*", 1)[0].lower()  # RFC 2231 section 5: "utf-8*en"
        adjacent = bool(pending) and not between.strip()
        if not (adjacent and label == charset):
            out.append(_text(pending, charset))
            pending = b""
            if not adjacent:  # white space between adjacent words is not part of the text (RFC 2047 section 6.2)
                out.append(between)
        charset = label
        pending += _bytes(word.group(2), word.group(3))
        end = word.end()
    out.extend((_text(pending, charset), text[end:]))
    return "".join(out)


def _bytes(encoding: str, data: str) -> bytes:
    raw = data.encode("utf-8", "replace")
    if encoding in "qQ":
        return _ESCAPED.sub(lambda pair: bytes((int(pair.group(1), 16),)), raw.replace(b"_", b" "))
    packed = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    if len(packed) % 4 == 1:
        packed = packed[:-1]
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except binascii.Error:
        return raw


def _text(raw: bytes, charset: str) -> str:
    if not raw:
        return ""
    charset = _WIDER.get(charset, charset)
    for candidate in (charset, "utf-8", "cp1252"):
        if candidate.replace("-", "_") in _NOT_CHARSETS:
            continue
        try:
            return raw.decode(candidate)
        except (LookupError, ValueError):  # a label that holds NUL is a ValueError
            continue
    return raw.decode("latin-1")
