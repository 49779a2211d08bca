"""What the generators of the demo hand over: an email and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from threadline.sandbox.demo.compose import Letter, Party, write

SOFIA: Party = ("Sofia Lindqvist", "sofia@northgate.example")
MARK: Party = ("Mark Osei", "mark@northgate.example")
SEEN = frozenset({"\\Seen"})
SIGNATURE = "--\nSofia Lindqvist\nSenior Recruiter, Northgate Talent\nVasagatan 12, Stockholm · +46 8 555 014 20"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose mailbox a conversation is in. The texts are written for Sofia and change the first name."""

    party: Party
    signature: str
    seed: str = ""  # what makes their conversations differ from Sofia's

    @property
    def first(self) -> str:
        return self.party[0].split()[0]


SOFIAS = Owner(SOFIA, SIGNATURE)


@dataclass(frozen=True, slots=True)
class Mail:
    """An email in a folder. `id` is its Message-ID without brackets, None where it has none."""

    folder: str
    raw: bytes
    received: datetime
    id: str | None
    flags: frozenset[str] = frozenset()


def inbox(letter: Letter, *, flags: frozenset[str] = SEEN, folder: str = "INBOX", delay: int = 4) -> Mail:
    """The letter as it arrived, some seconds after it was sent."""
    return Mail(folder, write(letter), letter.date + timedelta(seconds=delay), letter.id, flags)


def sent(letter: Letter, folder: str = "Sent") -> Mail:
    """Sofia's own copy of a letter of hers."""
    return Mail(folder, write(letter), letter.date, letter.id, SEEN)
