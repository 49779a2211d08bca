"""How large a run is."""

from __future__ import annotations

from dataclasses import dataclass

from bench.server import Mailbox


@dataclass(frozen=True)
class Stored:
    """A store while people are linked and pages are looked at."""

    emails: int
    people: int
    mailboxes: int
    imported: int  # lines of a CSV


@dataclass(frozen=True)
class Scale:
    name: str
    load: Mailbox
    people: int
    rounds: int
    lists: tuple[Mailbox, Mailbox]  # refreshed with nothing new: what does more mail cost?
    memory: tuple[Mailbox, ...]
    under_faults: tuple[Mailbox, Mailbox]
    stored: Stored
    stored_on_postgres: Stored
    fleet: int  # mailboxes that are due at once


FULL = Scale(
    name="full",
    load=Mailbox("mixed", 10_000),
    people=1_000_000,
    rounds=5,
    lists=(Mailbox("small", 10_000), Mailbox("small", 100_000)),
    memory=(Mailbox("mixed", 10_000), Mailbox("mixed", 50_000), Mailbox("small", 100_000)),
    under_faults=(Mailbox("mixed", 5_000), Mailbox("mixed", 20_000)),
    stored=Stored(1_000_000, 1_000, 1_000, 100_000),
    stored_on_postgres=Stored(200_000, 1_000, 1_000, 20_000),
    fleet=1_000,
)
QUICK = Scale(
    name="quick",
    load=Mailbox("mixed", 1_000),
    people=20_000,
    rounds=3,
    lists=(Mailbox("small", 1_000), Mailbox("small", 2_000)),
    memory=(Mailbox("mixed", 500), Mailbox("mixed", 2_000)),
    under_faults=(Mailbox("mixed", 500), Mailbox("mixed", 2_000)),
    stored=Stored(20_000, 100, 60, 2_000),
    stored_on_postgres=Stored(10_000, 100, 60, 1_000),
    fleet=60,
)
