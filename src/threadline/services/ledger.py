"""The ledger: remote messages that are not held, why, what is known of them, and trying them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from threadline.clock import now
from threadline.domain.folders import Role
from threadline.domain.set_aside import REASONS
from threadline.providers.contract import Content, RemoteFolder, RemoteItem
from threadline.providers.mime.block import header_block
from threadline.providers.mime.pool import ParseFailure, Parser
from threadline.services.errors import Conflict, NotFound
from threadline.services.sessions import while_somebody_waits
from threadline.storage.models import Company, Copy, Folder, Gap, LedgerEntry, Mailbox

LEDGER_RETRY = timedelta(hours=6)
LONGEST_RETRY = 28  # times that: a week
_NAMING = (b"from:", b"subject:", b"message-id:")
LONGEST_LINE, MOST_LINES = 2_000, 30  # of the fields that name an email


@dataclass(frozen=True, slots=True)
class Heading:
    """What names an email that could not be read; "" where it is not known."""

    message_id: str = ""
    subject: str = ""
    sender: str = ""


NAMELESS = Heading()


@dataclass(frozen=True, slots=True)
class Failure:
    """A remote message that could not be stored. `attempts` counts each time that it was tried just now."""

    item: RemoteItem
    reason: str
    detail: str
    raw: bytes | None = None
    heading: Heading = NAMELESS
    attempts: int = 1


def record_failure(folder: Folder, generation: str, failure: Failure, *, now: datetime, gap: Gap | None = None) -> None:
    """Write the ledger entry of a message that could not be stored, or count more attempts on it.

    `gap`: the one that is being filled; the message is one of its time unless the server says that it came before.
    """
    arrived = failure.item.received_at
    if gap is not None and arrived is not None and arrived < gap.began_at:
        gap = None
    entry, created = LedgerEntry.objects.get_or_create(
        folder=folder,
        generation=generation,
        remote_id=failure.item.remote_id,
        defaults={
            "mailbox_id": folder.mailbox_id,
            "reason": failure.reason,
            "detail": failure.detail,
            "attempts": failure.attempts,
            "first_at": now,
            "next_try_at": now + LEDGER_RETRY,
            "raw": failure.raw,
            "gap": gap,
            **asdict(failure.heading),
        },
    )
    if not created:
        entry.reason, entry.detail, entry.attempts = failure.reason, failure.detail, entry.attempts + failure.attempts
        entry.next_try_at = now + LEDGER_RETRY * min(max(2, entry.attempts // failure.attempts), LONGEST_RETRY)
        entry.raw = failure.raw or entry.raw
        heading = failure.heading
        if heading != NAMELESS:
            entry.message_id, entry.subject, entry.sender = heading.message_id, heading.subject, heading.sender
        entry.save()


def heading_of(parser: Parser, item: RemoteItem, raw: bytes) -> Heading:
    """Reads the fields that name an email and no other: what makes reading the whole header deadly stands elsewhere."""
    [parsed] = parser.parse_many([Content(item=item, raw=_naming_fields(raw), whole=False)])
    if isinstance(parsed, ParseFailure):
        return NAMELESS
    sender = parsed.sender[0] if parsed.sender else None
    return Heading(parsed.message_id or "", parsed.subject, (sender.name or sender.address) if sender else "")


def _naming_fields(raw: bytes) -> bytes:
    kept: list[bytes] = []
    naming = False
    for line in header_block(raw).split(b"\n"):
        if not line.startswith((b" ", b"\t")):
            naming = line[:12].lower().startswith(_NAMING)
        if naming:
            kept.append(line.rstrip(b"\r")[:LONGEST_LINE])
    return b"\r\n".join(kept[:MOST_LINES]) + b"\r\n\r\n"


def entries(company: Company) -> QuerySet[LedgerEntry]:
    return newest_first(LedgerEntry.objects.filter(mailbox__company=company))


def newest_first(found: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
    return found.select_related("mailbox", "folder").defer("raw").order_by("-first_at", "pk")


def waiting(found: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
    """Those that are tried again; the others are kept out on purpose."""
    return found.filter(next_try_at__isnull=False)


def count(mailbox: Mailbox) -> int:
    return waiting(LedgerEntry.objects.filter(mailbox=mailbox)).count()


def is_set_aside(copy: Copy) -> bool:
    """Whether the text that this copy awaits could not be had, and is tried again."""
    entries = LedgerEntry.objects.filter(folder=copy.folder, generation=copy.generation)
    return entries.filter(remote_id=copy.remote_id).exists()


def entry(company: Company, entry_id: int) -> LedgerEntry:
    found = entries(company).filter(pk=entry_id).first()
    if found is None:
        raise NotFound(f"There is no ledger entry {entry_id}.", field="id")
    return found


def retry(found: LedgerEntry) -> None:
    """Make the next refresh try this email again: it looks at every entry that is due, whatever its cursor says."""
    if found.next_try_at is None:
        raise Conflict("This email is kept out on purpose, so it is not fetched again.")
    found.next_try_at = now()
    found.save(update_fields=["next_try_at"])


def stream_raw(found: LedgerEntry) -> Iterator[bytes]:
    """The whole email: what was kept of it, or as the server has it now. Raises the provider's errors."""
    kept = bytes(found.raw) if found.raw is not None else b""
    # Of a large email only the header was fetched, and so only that was kept.
    if kept[len(header_block(kept)) :].strip():
        yield kept
        return
    folder = found.folder
    remote = RemoteFolder(folder.remote_name, folder.name, Role(folder.role), folder.special_use)
    with while_somebody_waits(found.mailbox) as session:
        yield from session.stream_raw(remote, found.generation, found.remote_id)


def sentence(found: LedgerEntry) -> str:
    """Why it is not held. Of what the server does not hand out, the refusal itself says more."""
    if found.reason == "unreadable_at_server" and found.detail:
        return found.detail
    return REASONS.get(found.reason, "This email could not be stored.")


def as_json(found: LedgerEntry) -> dict[str, Any]:
    return {
        "id": found.pk,
        "mailbox": found.mailbox.address,
        "folder": found.folder.name,
        "remote_id": found.remote_id,
        "message_id": found.message_id or None,
        "subject": found.subject or None,
        "reason": found.reason,
        "text": sentence(found),
        "attempts": found.attempts,
        "first_at": found.first_at,
        "next_try_at": found.next_try_at,
    }
