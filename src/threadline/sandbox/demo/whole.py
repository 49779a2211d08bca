"""The demo as data: a company, its users, and the people on record, as seen from a given moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from threadline.sandbox.demo.bulk import bulk
from threadline.sandbox.demo.conversations import colleague, conversations
from threadline.sandbox.demo.mails import MARK, SOFIA, Mail
from threadline.sandbox.demo.odd import odd
from threadline.sandbox.demo.people import characters
from threadline.sandbox.demo.reasons import Case, reasons

MAILBOX = SOFIA[1]


@dataclass(frozen=True, slots=True)
class Company:
    """The agency. `blocklist` are addresses whose mail is to appear on no profile."""

    name: str
    timezone: str
    blocklist: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """Someone who signs in."""

    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A line of the people import."""

    kind: str
    name: str
    email: str
    secondary_emails: tuple[str, ...]
    created_at: datetime
    external_id: str


@dataclass(frozen=True, slots=True)
class World:
    """Everything the product has to know; the mail is in the mailbox."""

    company: Company
    users: tuple[User, ...]
    people: tuple[PersonRow, ...]


def world(now: datetime) -> World:
    """The company, users and people, with profiles created relative to `now` (aware)."""
    people = tuple(
        PersonRow(
            person.kind, person.name, person.email, person.secondary,
            (now - timedelta(days=person.created)).astimezone(UTC).replace(microsecond=0), person.key,
        )
        for person in characters()
    )  # fmt: skip
    return World(
        Company("Northgate Talent", "Europe/Stockholm", ("no-reply@jobboard.example",)),
        (User(*SOFIA, role="admin"), User(*MARK, role="member")),
        people,
    )


def cases(now: datetime) -> list[Case]:
    """What must be said about some of the mail."""
    return [case for _, about in reasons(characters(), now) for case in about]


def mailbox(now: datetime) -> list[Mail]:
    """Sofia's mail in the order of its arrival."""
    people = characters()
    mails = [mail for mail, _ in reasons(people, now)]
    mails += conversations(people, now)
    mails += colleague(now)
    mails += bulk(people, now)
    mails += odd(now)
    return sorted(mails, key=lambda mail: (mail.received, mail.id or ""))
