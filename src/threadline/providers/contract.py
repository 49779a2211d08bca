"""What every mail provider offers to the sync engine, and nothing more.

A `Session` is one open, authorised, read-only view of one mailbox. Methods raise the vocabulary of
`threadline.domain.errors` and no other exception; the store is never touched from here.

Identifiers. `remote_id` is the provider's id of a message within a folder (IMAP: the UID in decimal). `generation` is
what makes such ids valid (IMAP: UIDVALIDITY in decimal; "" where ids are for ever). A cursor is opaque text that only
the provider reads; the engine stores it in the transaction that stored the items before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol, Self, runtime_checkable

from threadline.domain.folders import Role


class Security(Enum):
    """How a connection is protected. `NONE` is only used when asked for by name."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where and how to sign in. Of Graph: the address of its host, and the name of the sign-in."""

    host: str
    port: int
    security: Security
    username: str


class TokenSource(Protocol):
    """Hands out a secret when it is needed. A provider never keeps one."""

    def password(self) -> str: ...

    def access_token(self) -> str | None:
        """An OAuth access token, or None where the account signs in with a password."""
        ...

    def renewed(self, rejected: str, claims: str = "") -> str:
        """An access token other than the one that the provider has just rejected.

        `claims` is what the provider wants of it, in its own words (Microsoft: continuous access evaluation). Raises
        what the sign-in says: NeedsUser where no other is to be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says we are: compared when a mailbox is connected again."""

    subject: str  # IMAP: host and login name, lower-cased host; Graph: the account's object id
    address: str


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """One folder as the provider lists it."""

    remote_name: str  # the name on the wire: what commands use and what identifies the folder (IMAP: modified UTF-7)
    name: str  # the name a person reads, path joined by "/"
    role: Role  # by special-use flag, else by name
    special_use: str = ""  # the flag that decided, e.g. "\\Sent"; "" when the name did
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """A message in a listing: enough to plan its fetch."""

    remote_id: str
    size: int  # bytes of the whole message (RFC822.SIZE); 0 when unknown: Graph tells none before it is fetched
    received_at: datetime | None  # the provider's time, aware, UTC (IMAP: INTERNALDATE)
    flags: frozenset[str] = frozenset()  # lower-cased, e.g. "\\seen"


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A step of a listing. The engine stores what it holds, then `cursor` in the same transaction, then asks for more.

    `cursor` is None as long as the listing cannot be resumed after this page; then the engine, run again, starts over
    and skips what it holds. `generation` differing from the one held means: ids held before are void (I10).
    """

    generation: str
    new: tuple[RemoteItem, ...] = ()  # newest first
    flags: tuple[tuple[str, frozenset[str]], ...] = ()  # (remote_id, flags) of messages already held
    gone: tuple[str, ...] = ()  # ids held before that this listing did not show: candidates, not facts (I3)
    total: int | None = None  # messages in the folder when the listing began
    listed_up_to: str = ""  # how far the listing reached, for `domain.coverage` (IMAP: UIDNEXT; else: when it began)
    cursor: str | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What the engine already has of a folder."""

    generation: str  # "" when nothing was ever listed
    cursor: str | None
    ids: Callable[[], Collection[str]]  # every id held or in the ledger under `generation`; asked only when needed


@dataclass(frozen=True, slots=True)
class Content:
    """One fetched message, ready to be parsed by `threadline.providers.mime`.

    Small messages come whole: `raw` is the message and `parts` is empty. Of large ones only the header block, the
    structure and the text parts are fetched: `raw` is the header block, `structure` the attachments as known without
    their content, `parts` the text parts with their own MIME headers, each cut at a cap (`truncated`).
    """

    item: RemoteItem
    raw: bytes
    whole: bool = True
    parts: tuple[TextPart, ...] = ()
    structure: tuple[PartInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text part of a large message: its MIME header block and its (encoded) body."""

    part: str
    header: bytes
    body: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class PartInfo:
    """A leaf of a large message's structure (RFC 9051 section 7.5.2), for attachments."""

    part: str  # the section number, or what the provider calls it; handed back to `stream_part` as it is
    content_type: str  # lower-cased type/subtype
    name: str  # decoded file name, "" when none
    size: int  # encoded bytes
    encoding: str  # lower-cased content-transfer-encoding
    disposition: str  # lower-cased, "" when none
    content_id: str = ""
    parameters: tuple[tuple[str, str], ...] = field(default=())  # lower-cased names, e.g. ("method", "REQUEST")


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """One message that could not be fetched; the others of the batch were."""

    item: RemoteItem
    error: Exception  # MessageGone or MessageUnreadable


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for anywhere in the account. Every field given must match; `message_id` alone is exact."""

    message_id: str = ""
    correspondent: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


# The ids of a folder's generation that need not be looked at, since it is known what they are.
Besides = Callable[["RemoteFolder", str], Container[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """A message found on the live server, with the headers that a verdict needs."""

    folder: RemoteFolder
    generation: str
    item: RemoteItem
    header: bytes
    listed_up_to: str  # as of a listing made when it was looked at; "" when unknown


@dataclass(frozen=True, slots=True)
class FolderMark:
    """How far a folder has got: what arrives later has an id from `next_id` on (IMAP: UIDVALIDITY and UIDNEXT)."""

    generation: str
    next_id: str


class Session(Protocol):
    """An open mailbox. Not thread-safe; close it, or use it as a context manager.

    One of `TellsArrivals` and `TellsPlaces` is beside it: by that it is told where a message went that left its folder.
    """

    def identity(self) -> Identity: ...

    def capabilities(self) -> tuple[str, ...]: ...

    def folders(self) -> list[RemoteFolder]: ...

    def changes(self, folder: RemoteFolder, held: Held) -> Iterator[ChangePage]:
        """Pages of what changed since the cursor; from the beginning, newest first, without one or with a void one."""
        ...

    def fetch(
        self, folder: RemoteFolder, generation: str, items: Sequence[RemoteItem]
    ) -> Iterator[Content | FetchFailure]:
        """One answer per item, in any order, memory bounded by one item. Raises CursorLost on another generation."""
        ...

    def list_ids(self, folder: RemoteFolder) -> FolderIds: ...

    def headers(
        self, folder: RemoteFolder, generation: str, remote_ids: Sequence[str]
    ) -> Iterator[tuple[RemoteItem, bytes]]:
        """Header blocks by id, for matching without bodies. Ids that do not exist are left out."""
        ...

    def find(
        self, query: Query, *, folders: Sequence[RemoteFolder] = (), besides: Besides | None = None
    ) -> Iterator[Found]:
        """Every message that matches, in all selectable folders (or in `folders`), but for the ids `besides` names.

        Lazily, so that who has seen enough stops, and the rest is not fetched.
        """
        ...

    def stream_raw(self, folder: RemoteFolder, generation: str, remote_id: str) -> Iterator[bytes]:
        """The whole message in chunks, exactly as the server has it."""
        ...

    def stream_part(self, folder: RemoteFolder, generation: str, remote_id: str, part: str) -> Iterator[bytes]:
        """The decoded content of one part in chunks."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *args: object) -> None: ...


@dataclass(frozen=True, slots=True)
class FolderIds:
    """All ids of a folder at one moment, as the server lists them on a fresh look."""

    generation: str
    ids: frozenset[str]
    listed_up_to: str


HEADINGS = frozenset(
    {
        *("from", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references"),
        *("content-type", "x-failed-recipients", "auto-submitted", "precedence", "x-autoreply", "x-autorespond"),
        *("list-id", "list-unsubscribe"),
    }
)
"""The header fields by which an email is listed, placed and linked."""


@runtime_checkable
class TellsHeadings(Protocol):
    """Beside a Session, where the headings of many messages are had at a small part of the cost of the messages."""

    def headings(
        self, folder: RemoteFolder, generation: str, items: Sequence[RemoteItem]
    ) -> Iterator[tuple[RemoteItem, bytes]]:
        """The header fields of `HEADINGS`, as a block, by item. What does not exist, or is not told, is left out."""
        ...


@runtime_checkable
class TellsArrivals(Protocol):
    """Beside a Session, where an id is of one folder only: what arrived in which folder since when."""

    def marks(self, folders: Sequence[RemoteFolder]) -> dict[str, FolderMark]:
        """The marks of folders by their remote name, without opening them; one that cannot be looked at is left out."""
        ...

    def arrivals(self, folder: RemoteFolder, generation: str, since: str) -> Iterator[tuple[RemoteItem, bytes]]:
        """What arrived from the mark `since` on, oldest first, each with its header fields Message-ID, From and Date.

        "" is the beginning. Raises CursorLost on another generation.
        """
        ...


@runtime_checkable
class MarkedSession(Session, TellsArrivals, Protocol):
    """A session that tells arrivals."""


@runtime_checkable
class TellsPlaces(Protocol):
    """Beside a Session, where a message keeps its id when it is filed: in which folder an id is now."""

    def places(self, remote_ids: Sequence[str]) -> dict[str, str]:
        """The remote name of the folder by id; ids of messages that do not exist any more are left out."""
        ...
