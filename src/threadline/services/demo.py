"""Fills a new installation with the demo's company, users and people, so that there is something to look at."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from threadline.clock import now
from threadline.services import accounts, imports, policy
from threadline.services.connect import mailbox_named
from threadline.services.errors import NotFound
from threadline.storage.models import Company, Mailbox, User

PASSWORD = "threadline-demo"  # noqa: S105 - printed at the start of the demo, for everybody


def fill(folder: Path) -> User:
    """Make what is missing, from the files the sandbox left in its folder; returns who signs in. Safe to repeat."""
    world = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    company = Company.objects.filter(name=world["company"]["name"]).first()
    if company is None:
        company = accounts.add_company(world["company"]["name"], world["company"]["timezone"])
        blocked = ",".join(world["company"]["blocklist"])
        company.policy = policy.to_json(policy.changed(company, {"blocklist": blocked}))
        company.save(update_fields=["policy"])
    for user in world["users"]:
        if not User.objects.filter(email=user["email"]).exists():
            accounts.add_user(
                user["email"], company, name=user["name"], role=user["role"], password=PASSWORD, door="command"
            )
    if not company.people.exists():
        imports.import_people(company, (folder / "people.csv").read_bytes(), name="people.csv", door="command")
    _follow_the_server(company)
    return User.objects.get(email=world["users"][0]["email"])


def _follow_the_server(company: Company) -> None:
    """The sandbox keeps its port as a rule; where it could not, its mailboxes go with it, and no others."""
    servers: dict[str, dict[str, Any]] = settings.MAIL_SERVERS
    for mailbox in Mailbox.objects.filter(company=company):
        server = servers.get(mailbox.address_key.partition("@")[2])
        if (
            server
            and mailbox.provider == "imap"
            and mailbox.settings["host"] == server["host"]
            and mailbox.settings["port"] != server["port"]
        ):
            mailbox.settings["port"] = server["port"]
            mailbox.save(update_fields=["settings"])


def let_days_pass(days: int) -> None:
    """Move the clock of the demo forward: of the pages, the worker and the sandbox, which read the same file."""
    file = Path(os.environ["THREADLINE_NOW_FILE"])
    ahead = now() - datetime.now(UTC) + timedelta(days=days)
    part = file.with_name(file.name + ".part")
    part.write_text(f"{ahead.total_seconds():+.0f}", encoding="ascii")
    part.replace(file)


def microsoft_account(folder: Path) -> dict[str, Any] | None:
    """The account that can be connected at the sandbox's Microsoft 365."""
    ready = json.loads((folder / "ready.json").read_text(encoding="utf-8"))
    accounts: list[dict[str, Any]] = ready.get("microsoft", {}).get("accounts", [])
    return next((account for account in accounts if not account["admin"]), None)


def is_connected(address: str) -> bool:
    try:
        return mailbox_named(address).state != "disconnected"
    except NotFound:
        return False
