"""One email and one person for every reason, from which the generated page shows real texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from threadline.domain.facts import CopyFacts, Correspondent, Facts, PersonAddress, PersonFacts, Policy, Where
from threadline.domain.folders import Role
from threadline.domain.verdict import Rule

Sample = tuple[Facts, Policy]

_ARRIVED = datetime(2026, 3, 14, 9, 5, tzinfo=UTC)
_OWN = "kim@agency.example"
_JANE = "jane@example.org"
_LEE = "lee@agency.example"
_COPY = CopyFacts(
    mailbox=_OWN,
    folder="Inbox",
    role=Role.INBOX,
    included=False,
    sent=False,
    decided_at=_ARRIVED,
    provider_at=_ARRIVED,
    header_at=_ARRIVED - timedelta(seconds=4),
    where=Where.HERE,
    where_folder="",
    where_since=None,
    held=True,
    ledger_reason="",
    listed=True,
    connected=True,
    last_refresh_at=_ARRIVED + timedelta(hours=1),
    next_refresh_at=_ARRIVED + timedelta(hours=25),
)
_FACTS = Facts(
    person=PersonFacts(
        "Jane Doe", "candidate", _ARRIVED - timedelta(days=30), (PersonAddress(_JANE, _JANE, primary=True),)
    ),
    correspondents=(Correspondent("from", _JANE, _JANE), Correspondent("to", _OWN, _OWN)),
    own_addresses=frozenset({_OWN}),
    company_addresses=frozenset({_OWN, _LEE}),
    copies=(_COPY,),
    linked=False,
    detached=False,
)


def _from(address: str) -> tuple[Correspondent, ...]:
    return (Correspondent("from", address, address), Correspondent("to", _OWN, _OWN))


def _copy(**changes: object) -> Sample:
    return replace(_FACTS, copies=(replace(_COPY, **changes),)), Policy()  # type: ignore[arg-type]


def _addresses(*addresses: PersonAddress) -> PersonFacts:
    return replace(_FACTS.person, addresses=addresses)


_SECONDARY = _addresses(
    PersonAddress(_JANE, _JANE, primary=True),
    PersonAddress("jd@home.example", "jd@home.example", primary=False),
)
_GMAIL = _addresses(PersonAddress("janedoe@gmail.com", "janedoe@gmail.com", primary=True))
_COLLEAGUE = _addresses(PersonAddress(_LEE, _LEE, primary=True))
_MISTYPED = _addresses(PersonAddress("", "jane @example.org (home)", primary=True))

SAMPLES: Mapping[Rule, tuple[Sample, ...]] = {
    Rule.DETACHED: ((replace(_FACTS, detached=True), Policy()),),
    Rule.BLOCKLISTED: ((_FACTS, Policy(blocklist=frozenset({"@example.org"}))),),
    Rule.INTERNAL_ONLY: ((replace(_FACTS, person=_COLLEAGUE, correspondents=_from(_LEE)), Policy()),),
    Rule.PRIMARY_ADDRESS: (
        (replace(_FACTS, correspondents=_from("someone@example.net")), Policy()),
        (replace(_FACTS, person=_SECONDARY, correspondents=_from("jd@home.example")), Policy()),
        (replace(_FACTS, person=_GMAIL, correspondents=_from("janedoe+jobs@gmail.com")), Policy()),
        (replace(_FACTS, person=_GMAIL, correspondents=_from("jane.doe@gmail.com")), Policy()),
        (replace(_FACTS, person=_MISTYPED), Policy()),
        (
            replace(_FACTS, correspondents=_from("jane.private@example.net"), known_conversation=True),
            Policy(),
        ),
    ),
    Rule.AFTER_CREATED: (_copy(decided_at=_ARRIVED - timedelta(days=60), provider_at=_ARRIVED - timedelta(days=60)),),
    Rule.INBOX_OR_SENT: (
        _copy(folder="Clients/Acme", role=Role.OTHER),
        _copy(where=Where.ELSEWHERE, where_folder="Archive", where_since=_ARRIVED + timedelta(days=1)),
        _copy(where=Where.NOT_FOUND, where_since=_ARRIVED + timedelta(days=1)),
        (replace(_FACTS, copies=()), Policy()),
    ),
    Rule.REFRESHED: (
        _copy(
            listed=False,
            held=False,
            last_refresh_at=_ARRIVED - timedelta(hours=3),
            next_refresh_at=_ARRIVED + timedelta(hours=21),
        ),
        _copy(listed=False, held=False, connected=False, last_refresh_at=None, next_refresh_at=None),
    ),
    Rule.IN_EMAILS_TAB: (
        _copy(held=False, ledger_reason="unreadable_at_server"),
        _copy(held=False, ledger_reason="erased"),
        _copy(held=False),
    ),
}
