"""Versions of a message: who sends one email to two mailboxes may show each another subject or another name.

The key of a message takes in neither, so a forgery may show others over the very same text.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from threadline.domain.messages import ParsedMessage


@dataclass(frozen=True, slots=True)
class Head:
    """What a message shows of its first copy; a version that shows something else keeps its own."""

    subject: str
    sender_name: str


@dataclass(frozen=True, slots=True)
class Version:
    """Which version an arrival shows, and what its subject and sender's name are where they are not its message's."""

    digest: str
    subject: str | None
    sender_name: str | None


def head_of(parsed: ParsedMessage) -> Head:
    return Head(parsed.subject, parsed.sender[0].name if parsed.sender else "")


def version_of(parsed: ParsedMessage, message: Head) -> Version:
    """Which version of a message this is, by subject and sender's name as well where they are not the message's."""
    own = head_of(parsed)
    subject = None if _folded(own.subject) == _folded(message.subject) else own.subject
    name = None if _folded(own.sender_name) == _folded(message.sender_name) else own.sender_name
    if subject is None and name is None:
        return Version(parsed.digest, None, None)
    digest = hashlib.blake2b(digest_size=32, person=b"version 1")
    for part in (parsed.digest, _folded(own.subject), _folded(own.sender_name)):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return Version(digest.hexdigest(), subject, name)


def _folded(text: str) -> str:
    """White space does not count: servers fold headers each in their own way."""
    return " ".join(text.split())
