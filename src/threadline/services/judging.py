"""Whether emails show for people, for many pairs at once: a join says what is stored, `domain` decides.

A plain pair is decided by its shape (`domain.shapes`), any other by its own facts; `decide` is behind both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from threadline.domain.facts import Facts, Policy, Where
from threadline.domain.folders import INCLUDE, Role
from threadline.domain.shapes import Judge, Place, Shape
from threadline.domain.visibility import decide
from threadline.services import facts
from threadline.storage import pairs
from threadline.storage.models import Company, Folder
from threadline.storage.pairs import Row

_RANK = {"from": 0, "to": 1, "cc": 2, "bcc": 3}
Pair = tuple[int, int]  # message, person
Kind = tuple[str, bool]  # of a folder: its role, and whether its owner included it
Answers = tuple[tuple[bool, ...], tuple[bool, ...]]  # shown, and shown as new, policy by policy


@dataclass(frozen=True, slots=True)
class Judged:
    """An email and a person who stands in it."""

    message_id: int
    person_id: int
    role: str  # how the person takes part: the most direct of from, to, cc, bcc
    link_id: int | None
    made: str  # by rule or hand, where there is a link
    shown: tuple[bool, ...]  # policy by policy: would the rules put it there now?
    shown_as_new: tuple[bool, ...]  # and if it had just arrived where it was first listed?


class Bench:
    """Judges pairs of one company by several policies, in as many batches as it is given."""

    def __init__(self, company: Company, *policies: Policy) -> None:
        self._company, self._policies = company, policies
        self._judges = [Judge(policy) for policy in policies]
        self._kinds: dict[int, Kind] = {}
        self._answered: dict[tuple[Any, ...], Answers] = {}

    def judge(self, rows: Sequence[Row], *, linked: bool) -> list[Judged]:
        """The pairs in these rows, those taken off by hand left out; with `linked` also those with a link."""
        kept = [row for row in rows if row.link_id is None or (linked and not row.detached)]
        if not kept:
            return []
        self._learn_folders({row.folder_id for row in kept})
        ours = pairs.of_the_company({row.address_id for row in kept})
        blocked = pairs.blocked({row.message_id for row in kept}, [policy.blocklist for policy in self._policies])
        blocklists = any(policy.blocklist for policy in self._policies)
        odd = {message_id for _, blindly in blocked for message_id in blindly}
        grouped: dict[Pair, list[Row]] = defaultdict(list)
        for row in kept:
            grouped[row.message_id, row.person_id].append(row)
        judged, by_facts, nobody = [], {}, (False,) * len(blocked)
        for pair, its in grouped.items():
            if pair[0] in odd or any(row.role == "bcc" or row.address_id in ours for row in its):
                by_facts[pair] = its
            else:
                known = tuple(pair[0] in openly for openly, _ in blocked) if blocklists else nobody
                judged.append(_judged(its, *self._by_shape(its, known)))
        return judged + self._by_facts(by_facts) if by_facts else judged

    def _learn_folders(self, folder_ids: Collection[int]) -> None:
        unknown = [pk for pk in folder_ids if pk not in self._kinds]
        if unknown:
            for pk, role, override in Folder.objects.filter(pk__in=unknown).values_list("pk", "role", "override"):
                self._kinds[pk] = (role, override == INCLUDE)

    def _by_shape(self, rows: Sequence[Row], blocked: tuple[bool, ...]) -> Answers:
        # Looked up by plain values, most often of a single row: this is where the time of a million pairs goes.
        if len(rows) == 1:
            row = rows[0]
            seen: tuple[Any, ...] = (row.primary, blocked, self._kinds[row.folder_id], row.where, row.early)
        else:
            standing = any(row.primary for row in rows), any(not row.primary for row in rows)
            places = frozenset((self._kinds[row.folder_id], row.where, row.early) for row in rows)
            seen = (standing, blocked, places)
        answers = self._answered.get(seen)
        if answers is None:
            answers = self._answered[seen] = self._answers_to(rows, blocked)
        return answers

    def _answers_to(self, rows: Sequence[Row], blocked: tuple[bool, ...]) -> Answers:
        primary, secondary = any(row.primary for row in rows), any(not row.primary for row in rows)

        def by_every_policy(places: frozenset[Place]) -> tuple[bool, ...]:
            each = zip(self._judges, blocked, strict=True)
            return tuple(judge.shows(Shape(primary, secondary, is_blocked, places)) for judge, is_blocked in each)

        places = frozenset(_place(self._kinds[row.folder_id], Where(row.where), early=bool(row.early)) for row in rows)
        return by_every_policy(places), by_every_policy(frozenset(replace(p, where=Where.HERE) for p in places))

    def _by_facts(self, rows: dict[Pair, list[Row]]) -> list[Judged]:
        judged = []
        for message_id, person_id, known in facts.of_pairs(self._company, list(rows)):
            unlinked = replace(known, linked=False)
            shown = tuple(not decide(unlinked, policy) for policy in self._policies)
            anew = tuple(not decide(as_if_new(known), policy) for policy in self._policies)
            judged.append(_judged(rows[message_id, person_id], shown, anew))
        return judged


def _judged(rows: Sequence[Row], shown: tuple[bool, ...], anew: tuple[bool, ...]) -> Judged:
    first = rows[0]
    role = first.role if len(rows) == 1 else min((row.role for row in rows), key=_RANK.__getitem__)
    return Judged(first.message_id, first.person_id, role, first.link_id, first.made or "", shown, anew)


def _place(kind: Kind, where: Where, *, early: bool) -> Place:
    role, included = kind
    return Place(Role(role), included, where, early)


def as_if_new(known: Facts) -> Facts:
    """The same email, judged as if it had just arrived where it was first listed."""
    copies = tuple(replace(copy, where=Where.HERE, where_folder="", where_since=None) for copy in known.copies)
    return replace(known, copies=copies, linked=False)
