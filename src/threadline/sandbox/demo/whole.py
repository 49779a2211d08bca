"""The demo as data: a company, its users, and the people on record, as seen from a given moment."""

from __future__ import annotations

from collections.abc import Iterator
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


def mailbox(now: datetime) -> tuple[list[Mail], list[Case]]:
    """Sofia's mail in the order of its arrival, and what must be said about some of it."""
    cases: list[Case] = []
    mails: list[Mail] = []
    for mail, about in reasons(characters(), now):
        mails.append(mail)
        cases.extend(about)
    mails.extend(_conversations(now))
    mails.sort(key=lambda mail: (mail.received, mail.id or ""))
    return mails, cases


def _conversations(now: datetime) -> Iterator[Mail]:
    people = characters()
    yield from conversations(people, now)
    yield from colleague(now)
    yield from bulk(people, now)
    yield from odd(now)
