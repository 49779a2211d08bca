"""What the texts of a verdict are about, and the values they compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from threadline.domain.addresses import domain_of
from threadline.domain.cause_texts import cause_clause
from threadline.domain.facts import CopyFacts, Correspondent, Facts, Policy, Where
from threadline.domain.set_aside import REASONS
from threadline.domain.wording import listed, moment

Compared = tuple[tuple[str, str], ...]
KEPT_OUT = {
    "erased": "the data of a person on it was erased",
    "retention": "it is older than your company keeps emails",
}
_ROLES = {"from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc"}


@dataclass(frozen=True, slots=True)
class Case:
    """What the texts are about: the facts, the copy that came nearest, and the zone for times."""

    facts: Facts
    policy: Policy
    copy: CopyFacts | None
    zone: tzinfo

    @property
    def name(self) -> str:
        return self.facts.person.name

    @property
    def correspondents(self) -> tuple[Correspondent, ...]:
        return self.facts.correspondents + (self.copy.bcc if self.copy else ())

    @property
    def primary(self) -> str:
        return next((a.as_written for a in self.facts.person.addresses if a.primary), "")


def compared_addresses(case: Case) -> Compared:
    others = [f"{_ROLES[c.role]}: {c.as_written}" for c in case.correspondents if c.key not in case.facts.own_addresses]
    rows = [
        ("Addresses on the email", listed(others, most=20) or "none"),
        (f"Primary address of {case.name}", case.primary or "none"),
    ]
    secondary = [a.as_written for a in case.facts.person.addresses if not a.primary]
    if secondary:
        rows.append((f"Secondary addresses of {case.name}", listed(secondary, most=20)))
    return tuple(rows)


def compared_times(case: Case) -> Compared:
    copy = case.copy
    rows = [(f"{case.name} was created", moment(case.facts.person.created_at, case.zone, seconds=True))]
    if copy:
        rows.append(("Time that counts", moment(copy.decided_at, case.zone, seconds=True)))
        if copy.provider_at:
            rows.append(("Time at the mail provider", moment(copy.provider_at, case.zone, seconds=True)))
        if copy.header_at:
            rows.append(("Date written in the email", moment(copy.header_at, case.zone, seconds=True)))
    return tuple(rows)


def compared_place(case: Case) -> Compared:
    copy = case.copy
    if not copy:
        return (("Found in", "no connected mailbox"),)
    rows = [("Mailbox", copy.mailbox), ("Folder", copy.where_folder or copy.folder)]
    if copy.where is Where.NOT_FOUND:
        rows[1] = ("Last seen in", copy.folder)
    if copy.where_since:
        rows.append(("Since", moment(copy.where_since, case.zone)))
    return tuple(rows)


def compared_refreshes(case: Case) -> Compared:
    copy = case.copy
    if not copy:
        return ()
    arrived = copy.provider_at or copy.decided_at
    rows = [
        ("Arrived", moment(arrived, case.zone)),
        (
            "Last completed refresh",
            moment(copy.last_refresh_at, case.zone) if copy.last_refresh_at else "none yet",
        ),
    ]
    if copy.connected and copy.next_refresh_at:
        rows.append(("Next automatic refresh", moment(copy.next_refresh_at, case.zone)))
    return tuple(rows)


def compared_list(case: Case) -> Compared:
    if not case.copy:
        return ()
    return (
        ("Mailbox", case.copy.mailbox),
        ("Folder", case.copy.folder),
        ("Not held because", _not_held(case.copy)),
    )


def _not_held(copy: CopyFacts) -> str:
    if not copy.ledger_reason:
        return "no reason is known"
    word = copy.ledger_reason
    return KEPT_OUT.get(word) or REASONS.get(word) or cause_clause(word)


def blocklist_entries(case: Case) -> tuple[str, ...]:
    keys = [c.key for c in case.correspondents if c.key not in case.facts.own_addresses]
    entries = {entry for key in keys for entry in (key, "@" + domain_of(key)) if entry in case.policy.blocklist}
    return tuple(sorted(entries))
