"""What a reading hands to `compose`: the header and the parts of one message, not yet a `ParsedMessage`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from threadline.domain.messages import Address


@dataclass(slots=True)
class Head:
    """The header block. Texts are decoded, tidied and bounded."""

    subject: str = ""
    addresses: dict[str, tuple[Address, ...]] = field(default_factory=dict)  # by lower-cased header name
    date: datetime | None = None
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    content_type: str = ""
    bounce: bool = False
    automatic: bool = False
    bulk: bool = False
    defects: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Node:
    """A part of the structure. A multipart has children, a leaf that is shown has `text`, others are attachments."""

    part: str  # IMAP section number; "" for a multipart at the root
    content_type: str
    name: str = ""
    disposition: str = ""
    content_id: str = ""
    size: int = 0  # decoded
    encoded_size: int = 0
    encoding: str = ""
    method: str = ""  # of text/calendar
    text: str | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    def leaves(self) -> Iterator[Node]:
        """The leaves in their order."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.is_multipart:
                stack.extend(reversed(node.children))
            else:
                yield node


@dataclass(slots=True)
class Body:
    """Everything below the header block."""

    root: Node
    defects: list[str] = field(default_factory=list)


def is_shown(content_type: str, disposition: str, name: str, part: str) -> bool:
    """Whether a text part is read in the message itself, rather than being an attachment.

    A text part with a file name is an attachment that some clients mark as inline (seen from Apple Mail), unless
    nothing stands before it.
    """
    if content_type not in {"text/plain", "text/html"} or disposition == "attachment":
        return False
    return not name or set(part) <= {"1", "."}
