"""The answer to "is this email on this profile, and why (not)": named rules, texts, values and remedies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from threadline.domain.addresses import NearMiss
from threadline.domain.facts import CopyFacts


class Rule(Enum):
    """The five conditions and the further rules. The value is the word in the API and on the command line."""

    PRIMARY_ADDRESS = "primary_address"
    AFTER_CREATED = "after_created"
    INBOX_OR_SENT = "inbox_or_sent"
    IN_EMAILS_TAB = "in_emails_tab"
    REFRESHED = "refreshed"
    INTERNAL_ONLY = "internal_only"
    BLOCKLISTED = "blocklisted"
    DETACHED = "detached"


class RemedyAction(Enum):
    """The one click that mends a reason."""

    REFRESH_NOW = "refresh_now"
    RECONNECT = "reconnect"
    CONNECT_MAILBOX = "connect_mailbox"
    INCLUDE_FOLDER = "include_folder"
    MOVE_TO_INBOX = "move_to_inbox"
    MAKE_PRIMARY = "make_primary"
    ADD_ADDRESS = "add_address"
    FIX_ADDRESS = "fix_address"
    COUNT_SECONDARY = "count_secondary"
    INCLUDE_EARLIER = "include_earlier"
    ATTACH_BY_HAND = "attach_by_hand"
    REPAIR = "repair"
    RETRY_LEDGER = "retry_ledger"
    EDIT_BLOCKLIST = "edit_blocklist"
    NONE_NEEDED = "none_needed"


@dataclass(frozen=True, slots=True)
class Remedy:
    action: RemedyAction
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that keeps the email off the profile."""

    rule: Rule
    text: str
    compared: tuple[tuple[str, str], ...]  # (label, value)
    near_miss: NearMiss | None
    near_miss_text: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing that keeps nothing off the profile."""

    kind: str
    text: str


class Outcome(Enum):
    MET = "met"
    NOT_MET = "not_met"
    NOT_JUDGED = "not_judged"


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule as a page lists it, met or not."""

    rule: Rule
    outcome: Outcome
    text: str
    compared: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    linked: bool  # already on the profile; a link stays
    reasons: tuple[Reason, ...]  # every rule that fails for the best copy, the one to fix first at the front
    notes: tuple[Note, ...]
    conditions: tuple[Condition, ...]
    best_copy: CopyFacts | None

    @property
    def shown(self) -> bool:
        return self.linked or not self.reasons
