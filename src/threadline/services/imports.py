"""Importing people from a file of the CRM, line by line; a bad line stops nothing but itself.

Who is who: by external_id; else by kind and primary address; a line with neither by kind and name, among people who
have neither. A line with an external_id also takes over a person of that kind and address who has none yet. So
importing twice is importing once.

What a line changes: kind and name; the primary address, where it gives one; the secondary addresses, where it gives
any; the external_id, where the person has none; `created_at` only to an earlier time. An empty field takes nothing
away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction

from threadline.clock import now
from threadline.domain.people import PersonRow, RowError, read_people
from threadline.services import audit, link
from threadline.storage.arrivals import address_ids
from threadline.storage.models import Company, EmailAddress, Person, PersonAddress, User

__all__ = ["ImportReport", "RowError", "import_people"]

BATCH = 250  # lines of one transaction, which others wait for
LONGEST_EXTERNAL_ID = 200
Key = tuple[str, ...]


@dataclass(slots=True)
class ImportReport:
    """What the import did, or with `dry_run` would do; counted in lines."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)

    @property
    def touched(self) -> int:
        return self.created + self.updated + self.unchanged

    @property
    def refused(self) -> bool:
        """The header, which is line 1, is wrong: no other line was read."""
        return any(error.line == 1 for error in self.errors)

    def as_json(self) -> dict[str, Any]:
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "errors": [
                {"line": e.line, "column": e.column, "value": e.value, "expected": e.expected} for e in self.errors
            ],
        }


def import_people(
    company: Company,
    data: bytes,
    *,
    name: str = "",
    dry_run: bool = False,
    user: User | None = None,
    door: str = "command",
) -> ImportReport:
    """Import a CSV file; emails that show for new and changed people are on their profiles afterwards.

    Interrupted, what was imported stays; running it again finishes it.
    """
    report = ImportReport()
    rows = _good(read_people(data, company.zone), report)
    known = _Known(company)
    while batch := list(islice(rows, BATCH)):
        if dry_run:
            known.look_up(batch)
            known.apply(batch, report, now())
            continue
        with transaction.atomic():
            # Two imports at once would each create what the other has not stored yet.
            Company.objects.select_for_update().get(pk=company.pk)
            known.look_up(batch)
            changed = known.apply(batch, report, now())
            _store(company, changed)
        known = _Known(company)
        link.link_people(company, [one.pk for one in changed if one.matters])
    if not dry_run:
        counts = {"created": report.created, "updated": report.updated, "errors": len(report.errors)}
        audit.record(company.pk, user, door, "people imported", name or "a file", counts)
    return report


def _good(answers: Iterable[PersonRow | tuple[RowError, ...]], report: ImportReport) -> Iterator[PersonRow]:
    for answer in answers:
        if not isinstance(answer, PersonRow):
            report.errors.extend(answer)
        elif answer.external_id and len(answer.external_id) > LONGEST_EXTERNAL_ID:
            expected = f"at most {LONGEST_EXTERNAL_ID} characters"
            report.errors.append(RowError(answer.line, "external_id", answer.external_id, expected))
        else:
            yield answer


@dataclass(slots=True, eq=False)
class _Draft:
    """A person as the store and the lines read so far have it."""

    pk: int  # 0 until it is stored
    kind: str
    name: str
    external_id: str | None
    created_at: datetime
    addresses: dict[str, tuple[str, bool]]  # key -> as written, primary
    merged: bool = False  # another profile took this one over: the CRM's line for it changes nothing
    matters: bool = False  # addresses or creation time changed: emails may come onto the profile
    readdressed: bool = False

    @property
    def primary(self) -> str | None:
        return next((key for key, (_, primary) in self.addresses.items() if primary), None)

    def keys(self) -> list[Key]:
        """The keys by which a line finds this person."""
        if self.merged:
            return [_by_id(self.external_id)] if self.external_id else []
        keys: list[Key] = [_by_id(self.external_id)] if self.external_id else []
        if self.primary:
            keys.append(_by_address(self.kind, self.primary))
        elif not self.external_id:
            keys.append(_by_name(self.kind, self.name))
        return keys

    def apply(self, row: PersonRow) -> bool:
        """Change what the line says; returns whether that was anything."""
        if self.merged:
            return False
        before = (self.kind, self.name, self.external_id, self.created_at, self.addresses)
        self.kind, self.name = row.kind, row.name
        self.external_id = self.external_id or row.external_id
        self.addresses = self._readdressed(row)
        if row.created_at is not None and row.created_at < self.created_at:
            self.created_at = row.created_at
        self.readdressed |= self.addresses != before[4]
        self.matters |= self.readdressed or self.created_at != before[3]
        return before != (self.kind, self.name, self.external_id, self.created_at, self.addresses)

    def _readdressed(self, row: PersonRow) -> dict[str, tuple[str, bool]]:
        wanted: dict[str, tuple[str, bool]] = {}
        if row.primary:
            wanted[row.primary.key] = (row.primary.as_written, True)
        elif self.primary:
            wanted[self.primary] = self.addresses[self.primary]
        if row.secondary:
            others = {address.key: (address.as_written, False) for address in row.secondary}
        else:
            others = {key: held for key, held in self.addresses.items() if not held[1]}
        return {**others, **wanted}


def _by_id(external_id: str) -> Key:
    return ("id", external_id)


def _by_address(kind: str, key: str) -> Key:
    return ("address", kind, key)


def _by_name(kind: str, name: str) -> Key:
    return ("name", kind, name)


class _Known:
    """The people that the lines of a batch may mean. A dry run keeps one for the whole file: it stores nothing."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._by_key: dict[Key, _Draft] = {}
        self._pks: set[int] = set()

    def look_up(self, rows: Sequence[PersonRow]) -> None:
        """Load everyone these lines may mean."""
        people = Person.objects.filter(company=self._company)
        ids = [row.external_id for row in rows if row.external_id]
        keys = [row.primary.key for row in rows if row.primary]
        names = [row.name for row in rows if not row.primary and not row.external_id]
        addresses = EmailAddress.objects.filter(company=self._company, key__in=keys).values_list("pk", flat=True)
        # In two steps: joined, SQLite would begin with everyone who has a primary address.
        holders = PersonAddress.objects.filter(address_id__in=list(addresses), primary=True)
        nameless = people.filter(name__in=names).values_list("pk", "external_id", "merged_into")
        found = {
            *people.filter(external_id__in=ids).values_list("pk", flat=True),
            *holders.values_list("person_id", flat=True),
            *(pk for pk, external_id, merged in nameless if external_id is None and merged is None),
        }
        for draft in _drafts(sorted(found - self._pks)):
            self._remember(draft)
        self._pks |= found

    def apply(self, rows: Sequence[PersonRow], report: ImportReport, moment: datetime) -> list[_Draft]:
        """Apply the lines in their order; returns the people to store, new ones without a number."""
        changed: dict[int, _Draft] = {}
        for row in rows:
            draft = self._find(row)
            if draft is None:
                draft = _Draft(0, row.kind, row.name, row.external_id, row.created_at or moment, {}, matters=True)
                draft.apply(row)
                report.created += 1
            elif draft.apply(row):
                report.updated += 1
            else:
                report.unchanged += 1
                continue
            changed[id(draft)] = draft
            self._remember(draft)
        return list(changed.values())

    def _find(self, row: PersonRow) -> _Draft | None:
        if row.external_id:
            found = self._by_key.get(_by_id(row.external_id))
            if found is not None:
                return found
        if row.primary:
            found = self._by_key.get(_by_address(row.kind, row.primary.key))
            known_otherwise = found is not None and row.external_id and found.external_id
            return None if known_otherwise or found is None or found.primary != row.primary.key else found
        if row.external_id:
            return None
        return self._by_key.get(_by_name(row.kind, row.name))

    def _remember(self, draft: _Draft) -> None:
        for key in draft.keys():  # noqa: SIM118  # a method of ours
            held = self._by_key.get(key)
            # Of several who share an address, the one without an external_id is whom a line without one means.
            if held is None or (key[0] == "address" and held.external_id and not draft.external_id):
                self._by_key[key] = draft


def _drafts(pks: Sequence[int]) -> list[_Draft]:
    addresses: dict[int, dict[str, tuple[str, bool]]] = defaultdict(dict)
    held = PersonAddress.objects.filter(person_id__in=pks).order_by("pk")
    for pk, key, as_written, primary in held.values_list("person_id", "address__key", "as_written", "primary"):
        addresses[pk][key] = (as_written, primary)
    people = Person.objects.filter(pk__in=pks).order_by("pk")
    columns = people.values_list("pk", "kind", "name", "external_id", "created_at", "merged_into_id")
    return [
        _Draft(pk, kind, name, external_id, created_at, addresses[pk], merged=merged_into is not None)
        for pk, kind, name, external_id, created_at, merged_into in columns
    ]


def _store(company: Company, drafts: Sequence[_Draft]) -> None:
    """Write new and changed people with their addresses, in a handful of statements."""
    new = [draft for draft in drafts if not draft.pk]
    created = Person.objects.bulk_create([_person_of(company, draft) for draft in new])
    for draft, person in zip(new, created, strict=True):
        draft.pk = person.pk
    held = [draft for draft in drafts if draft not in new]
    Person.objects.bulk_update(
        [_person_of(company, draft) for draft in held], ["kind", "name", "external_id", "created_at"]
    )
    moved = [draft for draft in drafts if draft.readdressed]
    PersonAddress.objects.filter(person_id__in=[draft.pk for draft in moved]).delete()
    ids = address_ids(company.pk, {key for draft in moved for key in draft.addresses})
    PersonAddress.objects.bulk_create(
        [
            PersonAddress(person_id=draft.pk, address_id=ids[key], as_written=as_written, primary=primary)
            for draft in moved
            for key, (as_written, primary) in draft.addresses.items()
        ]
    )


def _person_of(company: Company, draft: _Draft) -> Person:
    return Person(
        pk=draft.pk or None,
        company=company,
        kind=draft.kind,
        name=draft.name,
        external_id=draft.external_id,
        created_at=draft.created_at,
    )
