"""The ledger: remote messages that are not held, why, and trying them again."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from threadline.clock import now
from threadline.services.errors import NotFound
from threadline.storage.models import Company, LedgerEntry

REASONS = {
    "unreadable_at_server": "The mail server lists this email but does not hand it out.",
    "crashed": "Reading this email stopped the reader, three times.",
    "timed_out": "Reading this email took too long, three times.",
    "out_of_memory": "Reading this email needed too much memory, three times.",
}


def entries(company: Company) -> QuerySet[LedgerEntry]:
    return (
        LedgerEntry.objects.filter(mailbox__company=company)
        .select_related("mailbox", "folder")
        .order_by("-first_at", "pk")
    )


def entry(company: Company, entry_id: int) -> LedgerEntry:
    found = entries(company).filter(pk=entry_id).first()
    if found is None:
        raise NotFound(f"There is no ledger entry {entry_id}.", field="id")
    return found


def retry(found: LedgerEntry) -> None:
    """Make the next refresh try this email again, and forget the cursor that would skip it."""
    found.next_try_at = now()
    found.save(update_fields=["next_try_at"])
    folder = found.folder
    folder.cursor = None
    folder.save(update_fields=["cursor"])


def sentence(found: LedgerEntry) -> str:
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
