"""When an email is on a profile, and if it is not, why not.

`explain` is the only place that decides. The linker, the lists and the diagnosis all call it, or `decide`,
which is its first half: the rules that fail, without the texts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from threadline.domain.cases import Case
from threadline.domain.conditions import conditions_of
from threadline.domain.facts import (
    CopyFacts,
    Correspondent,
    Facts,
    PersonAddress,
    PersonFacts,
    Policy,
    Where,
)
from threadline.domain.folders import Role
from threadline.domain.notes import notes_of
from threadline.domain.reasons import reason_for
from threadline.domain.verdict import (
    Condition,
    Note,
    Outcome,
    Reason,
    Remedy,
    RemedyAction,
    Rule,
    Verdict,
)

__all__ = [
    "FIX_ORDER",
    "Condition",
    "CopyFacts",
    "Correspondent",
    "Facts",
    "Note",
    "Outcome",
    "PersonAddress",
    "PersonFacts",
    "Policy",
    "Reason",
    "Remedy",
    "RemedyAction",
    "Rule",
    "Verdict",
    "Where",
    "decide",
    "decided_time",
    "explain",
    "is_blocked",
]

# The one to fix first at the front: what somebody decided, then what the email is, then where it is, then
# when. Refreshing an email that lies in a subfolder, or is from somebody else, would change nothing.
FIX_ORDER = (
    Rule.DETACHED,
    Rule.BLOCKLISTED,
    Rule.INTERNAL_ONLY,
    Rule.PRIMARY_ADDRESS,
    Rule.AFTER_CREATED,
    Rule.INBOX_OR_SENT,
    Rule.REFRESHED,
    Rule.IN_EMAILS_TAB,
)

# The core is called for every pair of an email and a person, so it counts in bits. A bit is the higher, the
# harder its rule is to mend: of two copies with as many failing rules, the smaller number is the better
# copy.
(
    _DETACHED,
    _BLOCKLISTED,
    _INTERNAL_ONLY,
    _PRIMARY_ADDRESS,
    _AFTER_CREATED,
    _INBOX_OR_SENT,
    _REFRESHED,
    _IN_TAB,
) = (1 << place for place in range(len(FIX_ORDER) - 1, -1, -1))
_RULES = tuple(
    tuple(rule for place, rule in enumerate(reversed(FIX_ORDER)) if failing >> place & 1)[::-1]
    for failing in range(1 << len(FIX_ORDER))
)
_MIGRATED = timedelta(hours=48)


def explain(facts: Facts, policy: Policy, *, zone: tzinfo = UTC) -> Verdict:
    """Whether the email is on the person's profile, with all reasons, notes and conditions."""
    failing, copy = _judge(facts, policy)
    case = Case(facts, policy, copy, zone)
    rules = _RULES[failing]
    return Verdict(
        linked=facts.linked,
        reasons=() if facts.linked else tuple(reason_for(rule, case) for rule in rules),
        notes=notes_of(rules, case),
        conditions=conditions_of(rules, case),
        best_copy=copy,
    )


def decide(facts: Facts, policy: Policy) -> tuple[Rule, ...]:
    """The rules that fail for the best copy, the one to fix first at the front; none: it belongs there."""
    return _RULES[_judge(facts, policy)[0]]


def decided_time(
    provider_at: datetime | None, header_at: datetime | None, *, sent: bool, imap: bool
) -> datetime | None:
    """The time that counts for `after_created`; None when neither is known.

    The provider's time decides. On IMAP it is the INTERNALDATE, which a client that saves a sent email, or
    a migration, sets to the time it wrote: there the Date header decides for sent mail, and wherever
    INTERNALDATE is more than 48 hours later than it.
    """
    if provider_at is None or header_at is None:
        return provider_at or header_at
    if imap and (sent or provider_at - header_at > _MIGRATED):
        return header_at
    return provider_at


def _judge(facts: Facts, policy: Policy) -> tuple[int, CopyFacts | None]:
    """The failing rules of the best copy, in bits, and that copy."""
    who = _judge_who(facts, policy, facts.correspondents)
    best: CopyFacts | None = None
    best_failing, fewest = 0, len(FIX_ORDER) + 1
    for copy in facts.copies:
        failing = _judge_copy(facts, policy, copy)
        failing |= _judge_who(facts, policy, facts.correspondents + copy.bcc) if copy.bcc else who
        count = failing.bit_count()
        if count < fewest or (count == fewest and failing < best_failing):
            best, best_failing, fewest = copy, failing, count
    return (best_failing, best) if best else (who | _INBOX_OR_SENT, None)


def _judge_who(facts: Facts, policy: Policy, correspondents: Sequence[Correspondent]) -> int:
    own, company, blocklist = facts.own_addresses, facts.company_addresses, policy.blocklist
    counted = [a.key for a in facts.person.addresses if (a.primary or policy.secondary_addresses) and a.key]
    failing = _PRIMARY_ADDRESS | (_INTERNAL_ONLY if correspondents else 0)
    for correspondent in correspondents:
        key = correspondent.key
        if key in own:
            continue
        if key in counted:
            failing &= ~_PRIMARY_ADDRESS
        if key not in company:
            failing &= ~_INTERNAL_ONLY
        if blocklist and is_blocked(key, blocklist):
            failing |= _BLOCKLISTED
    return failing | _DETACHED if facts.detached else failing


def is_blocked(key: str, blocklist: Collection[str]) -> bool:
    """Whether an address is on a blocklist, by itself or by its domain."""
    return key in blocklist or "@" + key.rpartition("@")[2] in blocklist


def _judge_copy(facts: Facts, policy: Policy, copy: CopyFacts) -> int:
    failing = 0
    if not policy.earlier_mail:
        created, decided = facts.person.created_at, copy.decided_at
        # whole seconds: most providers tell no more, and a person is often created from the email itself
        if decided < created and decided < created.replace(microsecond=0):
            failing |= _AFTER_CREATED
    if not _in_place(copy, policy):
        failing |= _INBOX_OR_SENT
    if not copy.listed:
        failing |= _REFRESHED
    elif not copy.held and not failing & _INBOX_OR_SENT:
        failing |= _IN_TAB
    return failing


def _in_place(copy: CopyFacts, policy: Policy) -> bool:
    if copy.where is Where.HERE:
        return copy.role is not Role.OTHER or copy.included or policy.other_folders
    return policy.other_folders and copy.where is Where.ELSEWHERE
