"""Small things that every reading does to what it found."""

from __future__ import annotations

import binascii
import re
import string

from threadline.domain.encoded_words import decode_words
from threadline.providers.mime import limits
from threadline.providers.mime.charsets import scrub

_SPACE = re.compile(r"[ \t\r\n\x0b\x0c]+")
_NOT_BASE64 = bytes(set(range(256)) - set(f"{string.ascii_letters}{string.digits}+/=".encode()))
_BLANK = b" \t\r\n\0"
# Control characters, and those that turn the direction of what follows ("exe.fdp" as "pdf.exe").
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def tidy(text: str, limit: int) -> str:
    """One line: folding and control characters become a space, no space at the ends, at most `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = text[: limit * 4]
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return scrub(_SPACE.sub(" ", text).strip()[:limit])


def unstructured(text: str, limit: int) -> str:
    """A header that is text for people, with its encoded words decoded."""
    return tidy(decode_words(text[: limit * 10]), limit)


def file_name(text: str) -> str:
    """The last part of what may be a path, in one line."""
    name = decode_words(text[: limits.NAME_CHARS * 10])
    return tidy(name.replace("\\", "/").rsplit("/", 1)[-1], limits.NAME_CHARS)


def base64_bytes(data: bytes) -> tuple[bytes, bool]:
    """Base64 as far as it can be decoded, and whether it was sound. What is not of the alphabet is skipped."""
    try:
        return binascii.a2b_base64(data, strict_mode=True), True
    except binascii.Error:
        pass
    compact = data.translate(None, _BLANK)
    try:
        return binascii.a2b_base64(compact, strict_mode=True), True
    except binascii.Error:
        clean = compact.translate(None, _NOT_BASE64)
    # Padding in the middle: some senders encode line by line. A single character left over is less than a byte.
    pieces = [piece for piece in clean.split(b"=") if piece]
    whole = [piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces]
    content = b"".join(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)) for piece in whole)
    return content, len(clean) == len(compact) and whole == pieces


def content_size(raw: bytes, start: int, stop: int, encoding: str) -> int:
    """The decoded size of sound base64, without decoding it; of other encodings the size as it stands."""
    if encoding != "base64":
        return stop - start
    blank = sum(raw.count(character, start, stop) for character in (b"\r", b"\n", b" "))
    return max(0, stop - start - blank - raw.count(b"=", max(start, stop - 8), stop)) * 3 // 4


def decoded_size(encoded: int, encoding: str) -> int:
    """The likely size of the content: base64 in lines of 76 characters (RFC 2045 section 6.8), others as they are."""
    if encoding != "base64":
        return encoded
    lines, rest = divmod(encoded, 78)
    return lines * 57 + rest * 3 // 4
