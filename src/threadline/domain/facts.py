"""What must be known of one email and one person before `explain` can say whether it is on their profile.

All times are aware. All keys are comparison keys as `threadline.domain.addresses.normalise` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from threadline.domain.folders import Role


@dataclass(frozen=True, slots=True)
class Policy:
    """What a company relaxed. The default is the strictest: all five conditions as they stand."""

    secondary_addresses: bool = False  # condition 1: secondary addresses count too
    earlier_mail: bool = False  # condition 2: mail from before the person was created counts too
    other_folders: bool = False  # condition 3: every folder counts
    refresh_interval: timedelta = timedelta(hours=24)  # condition 5
    blocklist: frozenset[str] = frozenset()  # comparison keys, or "@domain" for a whole domain


@dataclass(frozen=True, slots=True)
class PersonAddress:
    """One address on a person's record. `as_written` is what someone typed, `key` what is compared."""

    key: str
    as_written: str
    primary: bool


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A candidate or contact, as far as the rules ask."""

    name: str
    kind: Literal["candidate", "contact"]
    created_at: datetime
    addresses: tuple[PersonAddress, ...]


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Someone in From, To, Cc or Bcc."""

    role: Literal["from", "to", "cc", "bcc"]
    key: str
    as_written: str
    name: str = ""


class Where(Enum):
    """Where a copy is now. The value is the word in the API and on the command line."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """One occurrence of the email in one mailbox."""

    mailbox: str  # its address
    folder: str  # the folder it was listed in, as a person reads it
    role: Role  # of that folder
    included: bool  # the owner included that folder by hand
    sent: bool  # sent by the owner of the mailbox
    decided_at: datetime  # the time that counts (see `decided_time`)
    provider_at: datetime | None
    header_at: datetime | None
    where: Where
    where_folder: str  # the folder it is in now, when elsewhere
    where_since: datetime | None
    held: bool  # in Threadline's own Inbox/Sent list
    ledger_reason: str  # why it is not held, where the ledger says so
    listed: bool  # a completed refresh has listed the folder since it arrived
    connected: bool
    last_refresh_at: datetime | None
    next_refresh_at: datetime | None
    bcc: tuple[Correspondent, ...] = ()  # only this copy shows them
    folder_listed: bool = True  # some completed refresh has listed the folder, before or after it arrived


@dataclass(frozen=True, slots=True)
class Facts:
    """One email and one person."""

    person: PersonFacts
    correspondents: tuple[Correspondent, ...]  # From, To, Cc
    own_addresses: frozenset[str]  # of the mailboxes that hold the copies: never a correspondent
    company_addresses: frozenset[str]  # of all users and mailboxes of the company
    copies: tuple[CopyFacts, ...]
    linked: bool
    detached: bool
    known_conversation: bool = False  # another email of this conversation is on the profile
    shared_with: tuple[str, ...] = ()  # names of others with the same primary address
