"""threadline company"""

from __future__ import annotations

import click

from threadline.cli.commands import Group
from threadline.cli.output import result
from threadline.services import accounts


@click.group(cls=Group)
def company() -> None:
    """Companies: the recruitment agencies that use this installation."""


@company.command()
@click.argument("name")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/Stockholm.")
def add(name: str, timezone: str) -> None:
    """Add a company."""
    made = accounts.add_company(name, timezone)
    result(
        {"id": made.pk, "name": made.name, "timezone": made.timezone},
        f"Added the company {made.name}, time zone {made.timezone}.",
    )
