"""threadline mailbox: what is connected, how it is, and what refreshes do. Connecting itself is in `connecting`."""

from __future__ import annotations

from typing import Any

import click

from threadline.cli import connecting
from threadline.cli.commands import Group, company_option
from threadline.cli.output import Progress, count, result, stamp, table
from threadline.services import connect, folders, health, latest_check
from threadline.services.accounts import company_named
from threadline.services.refresh import refresh as run_refresh
from threadline.services.refresh.report import Report
from threadline.services.verify import Check, in_words
from threadline.services.verify import verify as run_verify
from threadline.storage.models import Mailbox

_AFTER = {
    "connecting": "after the sign-in",
    "reauthorise": "after the sign-in",
    "disconnected": "after it is connected again",
}


@click.group(cls=Group)
def mailbox() -> None:
    """Mailboxes: connect, look, refresh, verify."""


mailbox.add_command(connecting.add)
mailbox.add_command(connecting.reconnect)
mailbox.add_command(connecting.disconnect)


@mailbox.command("list")
@company_option
def list_mailboxes(company_name: str | None) -> None:
    """List every mailbox with its state."""
    found = Mailbox.objects.select_related("company", "owner").order_by("address", "company__name")
    if company_name:
        found = found.filter(company=company_named(company_name))
    rows = [connect.status(one) for one in found]
    keys = ("address", "owner", "state", "who", "last_refresh")
    cells = [[stamp(row[key]) if key == "last_refresh" else str(row[key]) for key in keys] for row in rows]
    lines = table(cells, header=("address", "owner", "state", "who acts", "last refresh"))
    result(rows, *(lines or ["No mailbox is connected yet: threadline mailbox add ADDRESS --user USER"]))


@mailbox.command()
@click.argument("address")
@company_option
def status(address: str, company_name: str | None) -> None:
    """Show a mailbox's connection, its history and its schedule."""
    found = connecting.named(address, company_name)
    said, data = health.describe_now(found), connect.status(found)
    result(
        data,
        f"{found.address}, of {found.owner.email}: {said.word}, since {stamp(found.since)}.",
        said.sentence,
        f"Next step: {said.next_step}",
        f"History: {_history(data['history'])}",
        *(f"  {sentence}." for sentence in data["history"]["gaps"]),
        f"Last refresh: {stamp(found.last_refresh_at)}. Next: {_next(found)}.",
        f"Completeness: {_completeness(data['completeness'])}",
        *_expiry(data["expires"]),
    )


def _next(mailbox: Mailbox) -> str:
    """When it is refreshed next: a time, or after what, in the states in which somebody has to act before."""
    return _AFTER.get(mailbox.state) or stamp(mailbox.retry_at or mailbox.next_refresh_at)


def _expiry(expires: dict[str, Any] | None) -> list[str]:
    return [f"The sign-in would end: {stamp(expires['at'])}, {expires['basis']}."] if expires else []


def _history(history: dict[str, Any]) -> str:
    state = str(history["state"]).replace("_", " ")
    details = [
        f"{key.replace('_', ' ')} {as_text(value)}"
        for key, value in history.items()
        if key not in {"state", "gaps"} and value is not None
    ]
    return ", ".join([state, *details]) + "."


def as_text(value: object) -> str:
    return str(value) if isinstance(value, bool | int | str) else stamp(value)  # type: ignore[arg-type]


def _completeness(found: dict[str, Any]) -> str:
    if found["checked_at"] is None:
        return "not compared with the mail server yet."
    accounted_for, on_server, at = found["accounted_for"], found["on_server"], stamp(found["checked_at"])
    if found["doubt"]:
        return f"{latest_check.in_words(accounted_for, on_server, at, found['doubt'])}."
    return f"{in_words(accounted_for, on_server)}, checked {at}."


@mailbox.command("folders")
@click.argument("address")
@click.option(
    "--set",
    "choices",
    multiple=True,
    metavar="FOLDER=inbox|sent|other|include",
    help="Say what a folder is; include counts it beside Inbox and Sent items. May be given several times.",
)
@company_option
def list_folders(address: str, choices: tuple[str, ...], company_name: str | None) -> None:
    """List a mailbox's folders and what they are, or say what they are."""
    wanted = [_choice(choice) for choice in choices]
    found = connecting.named(address, company_name)
    for folder, choice in [(folders.folder_named(found, name), choice) for name, choice in wanted]:
        folders.override(folder, choice, None, door="command")
    rows = [folders.as_json(folder) for folder in folders.listing(found)]
    lines = table(
        [
            (
                row["name"],
                row["role"],
                "yes" if row["synced"] else "no",
                row["set_by_hand"] or "",
                str(row["on_server"] or ""),
            )
            for row in rows
        ],
        header=("folder", "role", "synced", "set by hand", "emails"),
    )
    result(rows, *(lines or [f"The folders are known after a refresh: threadline mailbox refresh {found.address}"]))


def _choice(text: str) -> tuple[str, str]:
    name, equals, choice = text.rpartition("=")
    if not equals or not name or choice not in folders.CHOICES:
        known = "|".join(folders.CHOICES)
        raise click.BadParameter(f"{text!r} says nothing about a folder; expected FOLDER={known}.", param_hint="--set")
    return name, choice


@mailbox.command()
@click.argument("address")
@company_option
@click.pass_context
def refresh(ctx: click.Context, address: str, company_name: str | None) -> None:
    """Bring a mailbox up to date, here and now."""
    found = connecting.named(address, company_name)
    progress = Progress()
    try:
        report = run_refresh(found.pk, trigger="command", watch=lambda now, step: progress.show(_step(now, step)))
    finally:
        progress.clear()
    result(report.as_json(), *_told(report))
    if report.outcome != "complete":
        ctx.exit(1)


def _step(report: Report, step: str) -> str:
    if not report.folders:
        return "Listing the folders"
    folder = report.folders[-1]
    total = f" of {folder.to_fetch:,}" if folder.to_fetch else ""
    return f"{step}: {folder.listed:,} listed, {folder.fetched:,}{total} fetched, {folder.linked:,} on profiles"


def _told(report: Report) -> list[str]:
    word = {"complete": "Up to date", "partial": "Interrupted; what came before is kept", "failed": "Not refreshed"}
    lines = [f"{word[report.outcome]}, after {report.seconds:.1f} seconds."]
    if report.sentence:
        lines.append(report.sentence)
    header = ("folder", "role", "listed", "new", "changed", "gone", "linked", "ledger")
    rows = [[str(folder.as_json()["name" if key == "folder" else key]) for key in header] for folder in report.folders]
    return lines + table(rows, header=header)


@mailbox.command()
@click.argument("address")
@company_option
@click.pass_context
def verify(ctx: click.Context, address: str, company_name: str | None) -> None:
    """Compare everything on the server with what is held, and fetch what is missing."""
    check = run_verify(connecting.named(address, company_name).pk)
    result(check.as_json(), *_checked(check))
    if not check.complete:
        ctx.exit(1)


def _checked(check: Check) -> list[str]:
    header = ("folder", "on server", "held", "ledger", "new", "missing", "repaired", "unexpected")
    rows = [
        [
            folder.name,
            *map(str, (folder.on_server, folder.held, folder.ledger, folder.new)),
            *map(str, (len(folder.missing), folder.repaired, len(folder.unexpected))),
        ]
        for folder in check.folders
    ]
    on_server = sum(folder.on_server for folder in check.folders)
    if not check.folders:
        return ["Nothing was compared: no folder has been listed yet. Refresh first."]
    if check.complete:
        new = sum(folder.new for folder in check.folders)
        came = f"; {new:,} came since the last refresh, which the next one fetches" if new else ""
        verdict = f"Complete: {on_server - new:,} of {count(on_server - new, 'email')} accounted for{came}."
    else:
        verdict = "Not complete: some emails are neither held nor explained. The next refresh fetches them."
    return [verdict, *table(rows, header=header)]
