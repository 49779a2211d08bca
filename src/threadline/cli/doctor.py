"""threadline doctor"""

from __future__ import annotations

import click

from threadline.cli.commands import Command, company_option
from threadline.cli.output import result
from threadline.services import doctor as service
from threadline.services.accounts import company_named
from threadline.services.connect import mailbox_named


@click.command(cls=Command)
@click.argument("address")
@company_option
@click.pass_context
def doctor(ctx: click.Context, address: str, company_name: str | None) -> None:
    """Check a mailbox's connection step by step, and this installation. Changes nothing."""
    mailbox = mailbox_named(address, company_named(company_name) if company_name else None)
    examination = service.examine(mailbox)
    lines = []
    for check in examination.checks:
        lines.append(f"{'ok  ' if check.ok else 'FAIL'}  {check.name.replace('_', ' ')}: {check.detail}")
        if check.remedy:
            lines.append(f"      {check.remedy}")
    result(examination.as_json(), *lines)
    if not examination.ok:
        ctx.exit(1)
