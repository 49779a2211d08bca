"""Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4), normalised as RFC 5256 section 3 says."""

from __future__ import annotations

import re

from threadline.providers.mime import limits
from threadline.providers.mime.charsets import scrub

_BRACKETED = re.compile(r"<([^<>]{1,2000})>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")  # and control characters, which a terminal would obey
_ESCAPE = re.compile(r"\\(.)")


def message_id(text: str) -> str | None:
    """The id without brackets; None when there is none. Some senders leave the brackets out."""
    found = message_ids(text)
    if found:
        return found[0]
    bare = _normalised(text.strip().strip("<>"))
    return bare or None


def message_ids(text: str) -> tuple[str, ...]:
    """All ids in their order, each once. Without any bracket: the words that hold an "@"."""
    bare = "<" not in text
    candidates = [word for word in text.split() if "@" in word] if bare else _BRACKETED.findall(text)
    return tuple(dict.fromkeys(found for found in map(_normalised, candidates) if found))


def bounded(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The first, which names the conversation, and the last ones, which name the parents."""
    return ids if len(ids) <= limits.REFERENCES else (ids[0], *ids[1 - limits.REFERENCES :])


def _normalised(raw: str) -> str:
    text = _SPACE.sub("", raw)[: limits.ID_CHARS]
    if text.startswith('"'):
        local, at, domain = text.rpartition("@")
        if at and len(local) > 2 and local.endswith('"'):
            text = _ESCAPE.sub(r"\1", local[1:-1]) + "@" + domain
    return scrub(text)
