"""threadline user"""

from __future__ import annotations

from pathlib import Path

import click

from threadline.cli.commands import Group, password_file_option, read_secret
from threadline.cli.output import result
from threadline.services import accounts


@click.group(cls=Group)
def user() -> None:
    """Users: the people who sign in."""


@user.command()
@click.argument("email")
@click.option("--company", "company_name", metavar="NAME", help="The company; may be left out where there is only one.")
@click.option("--name", default="", help="As colleagues see it.")
@click.option("--role", type=click.Choice(accounts.ROLES), default="member", show_default=True)
@password_file_option
def add(email: str, company_name: str | None, name: str, role: str, password_file: Path | None) -> None:
    """Add a user. Without a password they choose one by "Forgot your password?"."""
    company = accounts.company_named(company_name) if company_name else accounts.only_company()
    password = read_secret(password_file, "--password-file") if password_file else None
    made = accounts.add_user(email, company, name=name, role=role, password=password, door="command")
    result(
        {"id": made.pk, "email": made.email, "name": made.name, "role": made.role, "company": company.name},
        f"Added {made.email} ({made.role}) to {company.name}.",
    )
