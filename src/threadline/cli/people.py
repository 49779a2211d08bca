"""threadline people"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from threadline.cli.commands import Group, Time, company_option, in_zone
from threadline.cli.output import as_plain, count, note, result, stamp, table
from threadline.services import accounts, imports
from threadline.services import people as service
from threadline.storage.models import Company, Person

KINDS = click.Choice(("candidate", "contact"))


@click.group(cls=Group)
def people() -> None:
    """Candidates and contacts, and the addresses their emails are matched by."""


def company_of(name: str | None) -> Company:
    return accounts.company_named(name) if name else accounts.only_company()


@people.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@company_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_context
def import_people(ctx: click.Context, file: Path, company_name: str | None, dry_run: bool) -> None:
    """Import people from a CSV file: kind,name,email,secondary_emails,created_at,external_id.

    A person is known by external_id, else by kind and email; importing twice is importing once. A bad line stops
    nothing but itself; with any, the exit status is 1.
    """
    report = imports.import_people(company_of(company_name), file.read_bytes(), name=file.name, dry_run=dry_run)
    done = "Would be" if dry_run else "Done"
    result(
        report.as_json(),
        f"{done}: {report.created:,} created, {report.updated:,} updated, {report.unchanged:,} unchanged.",
        *(_of_error(error, whole=report.refused) for error in report.errors),
    )
    if report.errors:
        if not report.touched and not report.refused:
            note("No person was imported.")
        ctx.exit(1)


def _of_error(error: imports.RowError, *, whole: bool) -> str:
    left_out = "The file was not imported." if whole else "The line was left out."
    column = f", {error.column}" if error.column else ""
    found = f"found {error.value!r}" if error.value else "found nothing"
    return f"Line {error.line}{column}: expected {error.expected}; {found}. {left_out}"


@people.command()
@click.option("--kind", type=KINDS, required=True)
@click.option("--name", required=True)
@click.option("--email", default="", help="The primary address, by which emails are matched.")
@click.option("--secondary", multiple=True, metavar="EMAIL", help="A secondary address; may be given several times.")
@click.option("--created-at", type=Time(), help="When the person was created; emails count from then on. Default: now.")
@click.option("--external-id", metavar="ID", help="What the CRM calls this person.")
@company_option
def add(
    kind: str,
    name: str,
    email: str,
    secondary: tuple[str, ...],
    created_at: datetime | None,
    external_id: str | None,
    company_name: str | None,
) -> None:
    """Add a person. Stored emails that show for them are on the profile at once."""
    company = company_of(company_name)
    person = service.add(
        company,
        kind=kind,
        name=name,
        email=email,
        secondary=secondary,
        created_at=in_zone(created_at, company.zone),
        external_id=external_id,
        door="command",
    )
    _print(person)


@people.command()
@click.argument("person")
@click.option("--kind", type=KINDS)
@click.option("--name")
@click.option("--email", help="The primary address; an empty one takes it away.")
@click.option("--secondary", multiple=True, metavar="EMAIL", help="All secondary addresses, in place of the old ones.")
@click.option("--no-secondary", is_flag=True, help="Take all secondary addresses away.")
@click.option("--created-at", type=Time())
@click.option("--external-id", metavar="ID")
@company_option
def edit(
    person: str,
    kind: str | None,
    name: str | None,
    email: str | None,
    secondary: tuple[str, ...],
    no_secondary: bool,
    created_at: datetime | None,
    external_id: str | None,
    company_name: str | None,
) -> None:
    """Change a person, named by address, external id or number. What is not given stays."""
    if no_secondary and secondary:
        raise click.UsageError("--secondary and --no-secondary contradict each other.")
    company = company_of(company_name)
    changed = service.edit(
        service.find(company, person),
        kind=kind,
        name=name,
        email=email,
        secondary=secondary if secondary or no_secondary else None,
        created_at=in_zone(created_at, company.zone),
        external_id=external_id,
        door="command",
    )
    _print(changed)


@people.command()
@click.argument("keep")
@click.argument("other")
@company_option
def merge(keep: str, other: str, company_name: str | None) -> None:
    """Make two profiles one: emails and addresses of OTHER go to KEEP, with the earlier creation time."""
    company = company_of(company_name)
    kept = service.find(company, keep)
    _print(service.merge(kept, service.find(company, other), user=None, door="command"))


@people.command("list")
@click.option("--kind", type=KINDS)
@click.option("--search", "words", default="", metavar="WORDS", help="In names and addresses.")
@company_option
def list_people(kind: str | None, words: str, company_name: str | None) -> None:
    """List people by name."""
    found = service.listing(company_of(company_name), words=words, kind=kind or "")
    rows = [service.as_json(person) for person in found.iterator(chunk_size=2000)]
    header = ("id", "kind", "name", "email", "created", "external id")
    keys = ("id", "kind", "name", "email", "created_at", "external_id")
    lines = table([[str(as_plain(row[key]) or "") for key in keys] for row in rows], header=header)
    result(rows, *(lines or ["There are no people yet. Import some: threadline people import FILE.csv"]))


def _print(person: Person) -> None:
    data = service.as_json(person)
    addresses = ", ".join(filter(None, [data["email"], *data["secondary_emails"]])) or "no address"
    emails = count(person.links.filter(detached=False).count(), "email")
    result(
        data,
        f"{person.name} ({person.kind}, number {person.pk}), {addresses}, created {stamp(person.created_at)}.",
        f"On the profile: {emails}.",
    )
