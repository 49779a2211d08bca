"""What a detection says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from threadline.providers.contract import ServerSettings

Provider = Literal["imap", "gmail", "graph"]


class Source(StrEnum):
    """Where an answer can come from, the most trusted first. The value is what a page shows."""

    INSTALLATION = "this installation"
    KNOWN = "known providers"
    MX = "who receives the mail"
    AUTOCONFIG = "the domain's settings page"
    WELL_KNOWN = "the domain's well-known page"
    ISPDB = "Thunderbird's directory"
    MX_HOST = "the mail host's settings"
    SRV = "the domain's service records"
    PLAIN_AUTOCONFIG = "the domain's settings page, unprotected"
    GUESS = "usual server names"


class Outcome(StrEnum):
    """How a step ended."""

    FOUND = "found"
    NOTHING = "nothing"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"  # an answer we do not use, or a host we do not connect to


@dataclass(frozen=True, slots=True)
class DetectionStep:
    """One thing that was tried; `detail` is a sentence."""

    source: Source
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one source."""

    outcome: Outcome
    detail: str
    servers: tuple[ServerSettings, ...] = ()
    provider: Provider | None = None
    protected: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
    """Where the mail of an address is kept, as far as we could find out.

    `provider` "graph" comes without servers: Microsoft takes no passwords over IMAP. `protected` is False when
    the answer could have been forged on its way to us or the server takes no encryption: then a person must
    compare the host with what their mail host says before a password is entered. `hint` is to be shown, "" for
    none.
    """

    address: str
    domain: str  # in A-labels; "" when the address is no address
    provider: Provider | None
    servers: tuple[ServerSettings, ...]  # the best one first
    source: Source | None
    steps: tuple[DetectionStep, ...]
    protected: bool
    hint: str
