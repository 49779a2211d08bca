"""One agency, one recruiter, one candidate and one email between them: a case in which all five conditions hold.

Tests say what is different by `dataclasses.replace` or the helpers here.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from threadline.domain.addresses import normalise
from threadline.domain.folders import Role
from threadline.domain.visibility import (
    CopyFacts,
    Correspondent,
    Facts,
    PersonAddress,
    PersonFacts,
    Policy,
    Reason,
    Rule,
    Where,
    explain,
)

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
KIM = "kim@agency.example"
LEE = "lee@agency.example"
JANE = "jane@example.org"
DEFAULT = Policy()


def correspondent(role: Literal["from", "to", "cc", "bcc"], address: str) -> Correspondent:
    return Correspondent(role, normalise(address) or "", address)


def stored(address: str, *, primary: bool = True) -> PersonAddress:
    return PersonAddress(normalise(address) or "", address, primary)


def jane(*addresses: PersonAddress, created_at: datetime = NOON - timedelta(days=30)) -> PersonFacts:
    return PersonFacts("Jane Doe", "candidate", created_at, addresses or (stored(JANE),))


def in_inbox(**changes: Any) -> CopyFacts:
    copy = CopyFacts(
        mailbox=KIM,
        folder="Inbox",
        role=Role.INBOX,
        included=False,
        sent=False,
        decided_at=NOON,
        provider_at=NOON,
        header_at=NOON,
        where=Where.HERE,
        where_folder="",
        where_since=None,
        held=True,
        ledger_reason="",
        listed=True,
        connected=True,
        last_refresh_at=NOON + timedelta(hours=1),
        next_refresh_at=NOON + timedelta(hours=25),
    )
    return replace(copy, **changes)


def email(*copies: CopyFacts, sender: str = JANE, person: PersonFacts | None = None, **changes: Any) -> Facts:
    facts = Facts(
        person=person or jane(),
        correspondents=(correspondent("from", sender), correspondent("to", KIM)),
        own_addresses=frozenset({KIM}),
        company_addresses=frozenset({KIM, LEE}),
        copies=copies or (in_inbox(),),
        linked=False,
        detached=False,
    )
    return replace(facts, **changes)


def rules(facts: Facts, policy: Policy = DEFAULT) -> tuple[Rule, ...]:
    return tuple(reason.rule for reason in explain(facts, policy).reasons)


def the_reason(facts: Facts, policy: Policy = DEFAULT) -> Reason:
    """The one reason there is."""
    (reason,) = explain(facts, policy).reasons
    return reason
