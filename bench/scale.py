"""How large a run is."""

from __future__ import annotations

from dataclasses import dataclass

from bench.server import Mailbox


@dataclass(frozen=True)
class Scale:
    name: str
    load: Mailbox
    people: int
    rounds: int
    lists: tuple[Mailbox, Mailbox]  # refreshed with nothing new: what does twice the mail cost?
    memory: tuple[Mailbox, Mailbox]
    stored: int  # emails held while people are linked and pages are looked at


FULL = Scale(
    name="full",
    load=Mailbox("mixed", 10_000),
    people=1_000_000,
    rounds=5,
    lists=(Mailbox("small", 10_000), Mailbox("small", 20_000)),
    memory=(Mailbox("mixed", 5_000), Mailbox("mixed", 20_000)),
    stored=300_000,
)
QUICK = Scale(
    name="quick",
    load=Mailbox("mixed", 1_000),
    people=20_000,
    rounds=3,
    lists=(Mailbox("small", 1_000), Mailbox("small", 2_000)),
    memory=(Mailbox("mixed", 500), Mailbox("mixed", 2_000)),
    stored=20_000,
)
