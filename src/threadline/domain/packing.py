"""Text that is kept for long and looked at seldom, packed: the HTML of an email takes a quarter of its room.

Zstandard at its quickest ordinary level. Whoever packed it has read hostile mail, so what comes out is bounded by us
and not by what the packed form says of itself.
"""

from __future__ import annotations

import threading

import zstandard

LARGEST = 8_000_000  # bytes of UTF-8: the longest HTML that is read at all, were each of its characters of four bytes


class _Compressor(threading.local):
    """One for each thread: it works on memory of its own."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=1).compress


_compressor = _Compressor()


class NotPacked(ValueError):
    """Bytes that `pack` did not make, or of more than we keep."""


def pack(text: str) -> bytes:
    """The text, packed; of nothing, nothing."""
    return pack_bytes(text.encode("utf-8", "replace"))


def pack_bytes(octets: bytes) -> bytes:
    """The same for a text that is UTF-8 already."""
    return _compressor.compress(octets) if octets else b""


def unpack(packed: bytes) -> str:
    """The text again. Raises NotPacked."""
    if not packed:
        return ""
    try:
        size = zstandard.frame_content_size(packed)
        if not 0 <= size <= LARGEST:
            raise NotPacked(f"it says that it unpacks to {size} bytes")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=LARGEST).decode()
    except (zstandard.ZstdError, UnicodeDecodeError) as error:
        raise NotPacked(str(error)) from error
