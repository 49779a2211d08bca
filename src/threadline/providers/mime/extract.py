"""The content of one part of a message that is at hand whole."""

from __future__ import annotations

from threadline.providers.mime.block import without_leading_lines
from threadline.providers.mime.second import decode_content, find_region


def extract_part(raw: bytes, part: str) -> bytes:
    """The decoded content of a part by its IMAP section number. KeyError when the message has no such part."""
    raw = without_leading_lines(raw)
    region = find_region(raw, part)
    if region is None:
        raise KeyError(part)
    return decode_content(raw[region.start : region.stop], region.encoding)[0]
