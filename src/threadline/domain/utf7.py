"""Folder names on the wire of IMAP4rev1: modified UTF-7 (RFC 3501 section 5.1.3).

`decode` never fails: what is not modified UTF-7 is left as it stands, because servers also send raw UTF-8
(RFC 6855) and names that merely contain an ampersand.
"""

from __future__ import annotations

import base64
import binascii
import re

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def encode(name: str) -> str:
    """The name as modified UTF-7. A lone surrogate, which no encoding can carry, becomes a question mark."""
    return _UNPRINTABLE.sub(_shift, name.replace("&", "&-"))


def decode(name: str) -> str:
    """The name a person reads."""
    return _SHIFTED.sub(_unshift, name) if "&" in name else name


def _shift(run: re.Match[str]) -> str:
    wire = base64.b64encode(run.group().encode("utf-16-be", "replace")).decode("ascii")
    return f"&{wire.rstrip('=').replace('/', ',')}-"


def _unshift(run: re.Match[str]) -> str:
    wire = run.group(1)
    if not wire:
        return "&"
    try:
        padded = wire.replace(",", "/") + "=" * (-len(wire) % 4)
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return run.group()
