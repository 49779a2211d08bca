"""threadline link, threadline unlink"""

from __future__ import annotations

import click

from threadline.cli.commands import Command, company_option
from threadline.cli.messages import message_named, subject_named
from threadline.cli.output import result
from threadline.services import link as service
from threadline.services import people
from threadline.services.accounts import company_named
from threadline.storage.models import Message, Person


@click.command(cls=Command)
@click.argument("message")
@click.argument("person")
@company_option
def link(message: str, person: str, company_name: str | None) -> None:
    """Put an email on a profile, whatever the rules say. MESSAGE is its id in the list, or its Message-ID."""
    found, whom = _both(message, person, company_name)
    service.link_by_hand(found, whom, None, door="command")
    _print(found, whom, subject_named(message, found), linked=True)


@click.command(cls=Command)
@click.argument("message")
@click.argument("person")
@company_option
def unlink(message: str, person: str, company_name: str | None) -> None:
    """Take an email off a profile. The email stays; the rules will not put it back, a hand can."""
    found, whom = _both(message, person, company_name)
    service.unlink(found, whom, None, door="command")
    _print(found, whom, subject_named(message, found), linked=False)


def _both(message: str, person: str, company_name: str | None) -> tuple[Message, Person]:
    company = company_named(company_name) if company_name else None
    found = message_named(message, company)
    return found, people.find(found.company, person)


def _print(message: Message, person: Person, subject: str, *, linked: bool) -> None:
    result(
        {
            "message_id": message.message_id,
            "subject": subject,
            "person": people.as_json(person),
            "linked": linked,
        },
        f"“{subject}” is {'now on' if linked else 'now off'} the profile of {person.name}.",
    )
