"""Values with parameters: Content-Type and Content-Disposition, with RFC 2231 and what is sent in its place."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from threadline.domain.encoded_words import decode_words
from threadline.providers.mime.charsets import codec, decode

_PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)(?:"|\Z)|([^;]*))', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONTINUED = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?\Z")
_MOST_PARAMETERS = 200


def split_value(text: str) -> tuple[str, dict[str, str]]:
    """The bare value, lower-cased, and the parameters by lower-cased name. The first of two of one name counts."""
    value = text.partition(";")[0].strip().strip("\"'").lower()
    segments: dict[str, dict[int, tuple[bool, str]]] = {}
    plain: dict[str, str] = {}
    for count, match in enumerate(_PARAMETER.finditer(text, len(text.partition(";")[0]))):
        if count >= _MOST_PARAMETERS:
            break
        name = match[1].lower()
        # A backslash before anything but a quote is a Windows path written by a sender that does not know escapes.
        content = match[3].strip() if match[2] is None else _ESCAPE.sub(_unescape, match[2])
        extended = _CONTINUED.match(name)
        if extended and (extended[2] or extended[3]):
            position = int(extended[2] or 0)
            segments.setdefault(extended[1], {}).setdefault(position, (bool(extended[3]), content))
        else:
            plain.setdefault(name, content)
    found = {name: decode_words(content) for name, content in plain.items()}
    return value, found | {name: _joined(parts) for name, parts in segments.items()}


def _unescape(match: re.Match[str]) -> str:
    return match[1] if match[1] in '"\\' else match[0]


def _joined(parts: dict[int, tuple[bool, str]]) -> str:
    """The segments of an RFC 2231 parameter, joined as bytes: characters are split over segments too."""
    ordered = [parts[position] for position in sorted(parts)]
    first_extended, first = ordered[0]
    charset = "utf-8"
    if first_extended and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
        ordered[0] = (True, first)
    if not any(extended for extended, _ in ordered):
        return decode_words("".join(content for _, content in ordered))
    name = codec(charset) or "utf-8"
    data = b"".join(
        unquote_to_bytes(content) if extended else content.encode(name, "replace") for extended, content in ordered
    )
    return decode(data, charset)[0]
