"""One email as data: what a parser reads out of it, before anything is stored or decided.

All values are plain text (str) with NUL removed; nothing here is safe to show as HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from threadline.domain.packing import unpack


class MessageKind(Enum):
    """What sort of mail it is, as far as its headers say so."""

    PERSONAL = "personal"
    AUTOMATIC = "automatic"  # Auto-Submitted other than "no" (RFC 3834 section 5), vacation replies
    LIST = "list"  # List-Id (RFC 2919), List-Unsubscribe, Precedence bulk/list
    BOUNCE = "bounce"  # multipart/report with delivery-status (RFC 3464)
    CALENDAR = "calendar"  # text/calendar with a method (RFC 6047 section 2.4)


@dataclass(frozen=True, slots=True)
class Address:
    """An address as the sender wrote it. `address` is the bare addr-spec (local@domain), not normalised."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that a person would call an attachment. Its content stays at the provider until asked for."""

    part: str  # IMAP section number of the part ("2", "1.3"), stable for a message
    name: str
    content_type: str
    size: int  # decoded bytes where known, else estimated from the encoded size
    inline: bool = False  # referred to by the HTML (cid:)
    content_id: str = ""  # without brackets


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """What could be read of one email. What could not is empty; `defects` says what and why."""

    message_id: str | None  # without brackets, quoting normalised (RFC 5256 section 3), case kept
    subject: str
    sender: tuple[Address, ...]  # From
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    date: datetime | None  # the Date header, aware, UTC; None when absent or invalid
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    text_utf8: bytes  # the plain text, made from the HTML where there is no plain part; encoded once, and kept so
    packed_html: bytes  # the HTML as received, not sanitised (`packing`); b"" where there is none
    attachments: tuple[Attachment, ...]
    kind: MessageKind
    digest: str  # hex digest of what a reader sees (text, html, attachment names and sizes): tells versions apart
    complete: bool = True  # False: something could not be read, and the raw form must be kept
    defects: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        return self.text_utf8.decode()

    @property
    def html(self) -> str:
        """The HTML as received. Raises NotPacked."""
        return unpack(self.packed_html)
