"""threadline ledger"""

from __future__ import annotations

import click

from threadline.cli.commands import ID, Group, company_option
from threadline.cli.output import count, result, shortened, stamp
from threadline.services import accounts
from threadline.services import ledger as service
from threadline.services.errors import NotFound
from threadline.storage.models import Company, LedgerEntry


@click.group(cls=Group)
def ledger() -> None:
    """Emails that could not be fetched or read, and those kept out on purpose."""


@ledger.command("list")
@company_option
def list_entries(company_name: str | None) -> None:
    """List every entry with its reason and its next try."""
    companies = [accounts.company_named(company_name)] if company_name else list(Company.objects.order_by("name"))
    rows = [service.as_json(entry) for company in companies for entry in service.entries(company)]
    lines = [
        f"{row['id']}: {row['mailbox']}, {row['folder']}: "
        f"{shortened(row['subject'] or row['message_id'] or 'an email')}. "
        f"{row['text']} Tried {count(row['attempts'], 'time')}; next try {stamp(row['next_try_at'])}."
        for row in rows
    ]
    result(rows, *(lines or ["Nothing is set aside. Every email that was listed could be stored."]))


@ledger.command()
@click.argument("entry_id", metavar="ID", type=ID)
def retry(entry_id: int) -> None:
    """Try an email again with the next refresh of its mailbox."""
    entry = LedgerEntry.objects.select_related("mailbox", "folder").filter(pk=entry_id).first()
    if entry is None:
        raise NotFound(f"There is no ledger entry {entry_id}.", field="id")
    service.retry(entry)
    result(
        service.as_json(entry),
        f"The next refresh tries it again. To refresh now: threadline mailbox refresh {entry.mailbox.address}",
    )
