"""threadline explain"""

from __future__ import annotations

from collections.abc import Iterator

import click

from threadline.cli.commands import Command, company_option
from threadline.cli.output import result, shortened, stamp
from threadline.services import diagnose, live, people
from threadline.services.accounts import company_named
from threadline.services.connect import mailbox_named
from threadline.storage.models import Person


@click.command(cls=Command)
@click.option("--mailbox", "address", metavar="ADDRESS", required=True)
@click.option("--message-id", metavar="ID", required=True, help="The Message-ID of the email, with or without <>.")
@click.option("--person", "named", metavar="EMAIL", required=True, help="Or the person's external id or number.")
@click.option("--offline", is_flag=True, help="Judge only what is held; do not ask the mail server.")
@company_option
def explain(address: str, message_id: str, named: str, offline: bool, company_name: str | None) -> None:
    """Say why an email is, or is not, on the profile of a person, and what helps."""
    mailbox = mailbox_named(address, company_named(company_name) if company_name else None)
    person = people.find(mailbox.company, named)
    found = live.explain_message_id(mailbox, message_id, person, offline=offline)
    answers = [one.as_json() for one in found]
    lines = [line for one in found for line in _lines(one, person)]
    result(answers[0] if len(answers) == 1 else answers, *lines)


def _lines(diagnosis: diagnose.Diagnosis, person: Person) -> Iterator[str]:
    verdict = diagnosis.verdict
    word = "is on" if verdict.shown and verdict.linked else "belongs on" if verdict.shown else "is not on"
    yield f"“{shortened(diagnosis.subject)}” from {diagnosis.sender} {word} the profile of {person.name}."
    for number, reason in enumerate(verdict.reasons, start=1):
        yield f"{number}. {' '.join(filter(None, (reason.text, reason.near_miss_text)))}"
        for label, value in reason.compared:
            yield f"   {label}: {value}"
        yield f"   What helps: {reason.remedy.text}"
    for remark in verdict.notes:
        yield f"Note: {remark.text}"
    source = "as the mail server has it" if diagnosis.live else "as it is held here"
    yield f"Judged {source}, as of {stamp(diagnosis.as_of)}."
    for place in diagnosis.found_in:
        yield f"Found in {place.folder} of {place.mailbox} (id {place.remote_id})."
