"""Bytes to text, by what mail really contains rather than by what its labels say."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

# Labels that senders put on bytes of a larger set, after the WHATWG Encoding standard; and names Python does not know.
_SUPERSETS = {
    label: name
    for name, labels in {
        "ascii": "ansi_x3.4-1968 us-ascii iso-ir-6",
        "cp1252": "iso-8859-1 iso_8859-1 iso8859-1 latin1 latin-1 l1",
        "cp1254": "iso-8859-9",
        "cp874": "iso-8859-11 tis-620 windows-874",
        "gb18030": "gb2312 gb_2312-80 gbk x-gbk cp936 euc-cn",
        "cp949": "ks_c_5601-1987 ks_c_5601 ksc5601 euc-kr x-windows-949",
        "cp932": "shift_jis shift-jis sjis x-sjis windows-31j",
        "big5hkscs": "big5 x-x-big5",
        "iso-8859-8": "iso-8859-8-i iso-8859-8-e",
        "iso2022_jp_ext": "iso-2022-jp",
        "mac_roman": "x-mac-roman macintosh",
        "utf-7": "unicode-1-1-utf-7",
        "utf-8": "unicode-1-1-utf-8 utf8mb4",
    }.items()
    for label in labels.split()
}
# Python codecs that are no character sets of mail: transformations, and quadratic ones.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_SEVEN_BIT = re.compile(r"utf-7|utf-16|utf-32|iso2022|hz")  # ASCII bytes do not mean ASCII text in these
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_SURROGATES = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=512)
def codec(label: str) -> str | None:
    """The codec for a charset label, None for one that is unknown. Quotes around the label and case do not matter."""
    name = label.strip().strip("'\"").strip().lower().partition("*")[0]
    name = _SUPERSETS.get(name, name)
    if not name or "\0" in name or len(name) > 40:
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return None
    if found.name.replace("-", "_") in _NOT_CHARSETS or not found._is_text_encoding:  # noqa: SLF001  the only way to tell zip from latin
        return None
    return found.name


def decode(data: bytes, label: str) -> tuple[str, bool]:
    """The text, and whether it is what the label promised. Never raises; the text has no NUL and no lone surrogate."""
    name = codec(label) if label else "ascii"
    if data.isascii() and not (name and _SEVEN_BIT.match(name)):
        return without_nul(data.decode("ascii")), True
    if name is None or name == "ascii":
        return without_nul(guess(data)), name is not None
    try:
        text = data.decode(name).removeprefix("\ufeff")
        if name != "utf-8":
            return scrub(text), True
        # Looked for among the bytes, because a search among characters of two bytes each takes forty times as long.
        return (without_nul(text) if b"\0" in data else text), True
    except UnicodeError:
        pass
    if name != "utf-8" and not _SEVEN_BIT.match(name):
        try:
            return scrub(data.decode("utf-8")), False
        except UnicodeError:
            return scrub(data.decode(name, "replace")), False
    if name == "utf-8":
        return without_nul(guess(data)), False
    return scrub(data.decode(name, "replace")), False


def guess(data: bytes) -> str:
    """Text of an unknown charset: UTF-8 if it is, Windows-1252 otherwise."""
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeError:
        # A cut or damaged UTF-8 text keeps its good characters; one without any is of another charset.
        return data.decode("utf-8" if _UTF8_SEQUENCE.search(data) else "cp1252", "replace")


def without_nul(text: str) -> str:
    """Without NUL, of a text that has no lone surrogates: neither ASCII nor UTF-8 nor Windows-1252 can produce them."""
    return text.replace("\0", "") if "\0" in text else text


def scrub(text: str) -> str:
    """Without what no database takes: NUL and lone surrogates (utf-7 can produce them)."""
    text = without_nul(text)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text
