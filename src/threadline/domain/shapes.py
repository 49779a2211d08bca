"""Deciding for a million pairs of an email and a person: `decide` is asked once for all that are alike to it.

A `Shape` is what the rules see of a plain pair and nothing else, so two pairs of one shape get one answer. A pair is
plain when the person stands openly (not only as Bcc) in an email held by mailboxes none of which, and no user of the
company, has the address they stand there with. Every other pair is decided on its own facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from threadline.domain.facts import CopyFacts, Correspondent, Facts, PersonAddress, PersonFacts, Policy, Where
from threadline.domain.folders import Role
from threadline.domain.visibility import decide

# No address has a control character, so these meet no entry of a blocklist and nobody of the company.
_PRIMARY, _SECONDARY = "\0primary", "\0secondary"
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """What the rules see of a copy that is held."""

    role: Role
    included: bool
    where: Where
    early: bool  # the time that counts lies before the second in which the person was created


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rules see of a plain pair."""

    primary: bool  # the person stands in the email with the primary address
    secondary: bool  # or with another one
    blocked: bool  # somebody in the email is on the blocklist
    places: frozenset[Place]


class Judge:
    """Decides by one policy, and remembers what it decided for which shape."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._decided: dict[Shape, bool] = {}

    def shows(self, shape: Shape) -> bool:
        """Whether no rule fails for pairs of this shape."""
        answer = self._decided.get(shape)
        if answer is None:
            answer = self._decided[shape] = not decide(representative(shape, self.policy), self.policy)
        return answer


def representative(shape: Shape, policy: Policy) -> Facts:
    """A pair of this shape. `blocked` can only be represented by an entry of the policy's own blocklist."""
    person = PersonFacts(
        "", "contact", _CREATED, (PersonAddress(_PRIMARY, "", True), PersonAddress(_SECONDARY, "", False))
    )
    keys = [key for key, stands in ((_PRIMARY, shape.primary), (_SECONDARY, shape.secondary)) if stands]
    if shape.blocked:
        entry = min(policy.blocklist)
        keys.append(f"x{entry}" if entry.startswith("@") else entry)
    return Facts(
        person=person,
        correspondents=tuple(Correspondent("from", key, "") for key in keys),
        own_addresses=frozenset(),
        company_addresses=frozenset(),
        copies=tuple(map(_copy, shape.places)),
        linked=False,
        detached=False,
    )


def _copy(place: Place) -> CopyFacts:
    unasked: dict[str, Any] = dict.fromkeys(
        ("provider_at", "header_at", "where_since", "last_refresh_at", "next_refresh_at")
    )
    return CopyFacts(
        mailbox="",
        folder="",
        role=place.role,
        included=place.included,
        sent=False,
        decided_at=_CREATED - timedelta(seconds=1) if place.early else _CREATED,
        where=place.where,
        where_folder="",
        held=True,
        ledger_reason="",
        listed=True,
        connected=True,
        **unasked,
    )
