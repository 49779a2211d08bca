"""Candidates and contacts: adding, changing, merging, listing. Each change brings the profile's emails in line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.services import audit, facts, link
from threadline.services.errors import Conflict, Invalid, NotFound
from threadline.storage.arrivals import address_ids
from threadline.storage.models import Company, Link, Person, PersonAddress, User
from threadline.storage.models.person import Kind


def add(
    company: Company,
    *,
    kind: str,
    name: str,
    email: str = "",
    secondary: Sequence[str] = (),
    created_at: datetime | None = None,
    external_id: str | None = None,
    user: User | None = None,
    door: str,
) -> Person:
    """A new person; the stored emails that show for them are on the profile at once."""
    kind, name = _kind(kind), _name(name)
    external_id = (external_id or "").strip() or None
    if external_id and Person.objects.filter(company=company, external_id=external_id).exists():
        raise Conflict(f"There is a person with the external id {external_id} already.", field="external_id")
    with transaction.atomic():
        person = Person.objects.create(
            company=company, kind=kind, name=name, external_id=external_id, created_at=created_at or now()
        )
        set_addresses(person, email, secondary)
        audit.record(company.pk, user, door, "person added", name, {"person": person.pk, "kind": kind})
    link.link_person(person)
    return person


def edit(
    person: Person,
    *,
    kind: str | None = None,
    name: str | None = None,
    email: str | None = None,
    secondary: Sequence[str] | None = None,
    created_at: datetime | None = None,
    external_id: str | None = None,
    user: User | None = None,
    door: str,
) -> Person:
    """Change what is given. Links stay when the primary address changes; new ones come with the new address."""
    with transaction.atomic():
        if kind is not None:
            person.kind = _kind(kind)
        if name is not None:
            person.name = _name(name)
        if created_at is not None:
            person.created_at = created_at
        if external_id is not None:
            _change_external_id(person, external_id)
        person.save()
        if email is not None or secondary is not None:
            set_addresses(
                person,
                primary_of(person) if email is None else email,
                secondaries_of(person) if secondary is None else secondary,
            )
        audit.record(person.company_id, user, door, "person changed", person.name, {"person": person.pk})
    link.link_person(person)
    return person


def _change_external_id(person: Person, external_id: str) -> None:
    wanted = external_id.strip() or None
    others = Person.objects.filter(company=person.company, external_id=wanted).exclude(pk=person.pk)
    if wanted and others.exists():
        raise Conflict(f"There is another person with the external id {wanted}.", field="external_id")
    person.external_id = wanted


def _kind(kind: str) -> str:
    kind = kind.strip().lower()
    if kind not in Kind.values:
        raise Invalid(f"{kind!r} is no kind of person; expected candidate or contact.", field="kind")
    return kind


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid("A person needs a name.", field="name")
    return name[:300]


def primary_of(person: Person) -> str:
    held = person.addresses.filter(primary=True).first()
    return held.as_written if held else ""


def secondaries_of(person: Person) -> list[str]:
    return list(person.addresses.filter(primary=False).order_by("pk").values_list("as_written", flat=True))


def set_addresses(person: Person, primary: str, secondary: Sequence[str]) -> bool:
    """Give a person exactly these addresses; returns whether anything changed. Raises Invalid for a bad one.

    What was typed is kept as it was typed (a stray space, `mailto:`); compared is the normalised form.
    """
    wanted: dict[str, tuple[str, bool]] = {}
    for text, is_primary in ((primary, True), *((text, False) for text in secondary)):
        if not text.strip():
            continue
        key = normalise(text)
        if key is None:
            raise Invalid(
                f"{text!r} is no email address; expected one such as anna@posten.example.",
                field="email" if is_primary else "secondary_emails",
            )
        wanted.setdefault(key, (text, is_primary))
    held = {row.address.key: row for row in person.addresses.select_related("address")}
    if {key: (row.as_written, row.primary) for key, row in held.items()} == wanted:
        return False
    ids = address_ids(person.company_id, wanted)
    person.addresses.exclude(address__key__in=wanted).delete()
    person.addresses.update(primary=False)
    for key, (text, is_primary) in wanted.items():
        PersonAddress.objects.update_or_create(
            person=person, address_id=ids[key], defaults={"as_written": text[:400], "primary": is_primary}
        )
    return True


def make_primary(person: Person, address: str, *, user: User | None, door: str) -> Person:
    """Make one of a person's addresses (or a new one) the primary one; the old primary one stays as a secondary."""
    old, key = primary_of(person), normalise(address)
    others = [text for text in [*secondaries_of(person), old] if text and normalise(text) != key]
    return edit(person, email=address, secondary=others, user=user, door=door)


def add_address(person: Person, address: str, *, user: User | None, door: str) -> Person:
    """Add a secondary address."""
    return edit(person, secondary=[*secondaries_of(person), address], user=user, door=door)


def merge(keep: Person, other: Person, *, user: User | None, door: str) -> Person:
    """Make two profiles one: emails, addresses and the earlier creation time go to the one that is kept."""
    if keep.pk == other.pk:
        raise Invalid("A person cannot be merged with themselves.", field="person")
    if keep.company_id != other.company_id:
        raise NotFound("There is no such person here.", field="person")
    with transaction.atomic():
        held = set(keep.links.values_list("message_id", flat=True))
        Link.objects.filter(person=other).exclude(message_id__in=held).update(person=keep)
        addresses = [primary_of(other), *secondaries_of(other)]
        other.addresses.all().delete()
        secondary = [*secondaries_of(keep), *(text for text in addresses if text)]
        set_addresses(keep, primary_of(keep) or addresses[0], secondary)
        keep.created_at = min(keep.created_at, other.created_at)
        if keep.external_id is None and other.external_id is not None:
            keep.external_id, other.external_id = other.external_id, None
            other.save()
        keep.save()
        other.merged_into = keep
        other.save()
        audit.record(keep.company_id, user, door, "people merged", keep.name, {"kept": keep.pk, "merged": other.pk})
    link.link_person(keep)
    return keep


def find(company: Company, named: str) -> Person:
    """A person by address, external id or number. Raises NotFound, or Conflict where several share the address."""
    people = Person.objects.filter(company=company, merged_into=None)
    key = normalise(named)
    # By address first: joined the other way round, SQLite would look at everybody in the company.
    holders = PersonAddress.objects.filter(address__company=company, address__key=key) if key else ()
    found = list(people.filter(pk__in=[held.person_id for held in holders])[:3])
    if len(found) > 1:
        primary = [p for p in found if p.addresses.filter(address__key=key, primary=True).exists()]
        if len(primary) == 1:
            return primary[0]
        names = ", ".join(f"{person.name} (external id {person.external_id or 'none'})" for person in found)
        raise Conflict(f"Several people have the address {named}: {names}. Name one by external id.", field="person")
    if not found:
        found = list(people.filter(external_id=named.strip())[:1])
    if not found and named.strip().isdecimal() and len(named.strip()) < 19:
        found = list(people.filter(pk=int(named))[:1])
    if not found:
        raise NotFound(f"There is no candidate or contact {named!r} in {company.name}.", field="person")
    return found[0]


def listing(company: Company, *, words: str = "", kind: str = "") -> QuerySet[Person]:
    """People by name, with `emails` (how many are on the profile) and `last_email_at`."""
    people = Person.objects.filter(company=company, merged_into=None)
    if kind:
        people = people.filter(kind=kind)
    for word in words.split()[:6]:
        people = people.filter(Q(name__icontains=word) | Q(addresses__address__key__icontains=word.lower()))
    shown = Q(links__detached=False)
    counted = people.annotate(
        emails=Count("links", filter=shown, distinct=True), last_email_at=Max("links__at", filter=shown)
    )
    return facts.with_addresses(counted).order_by("name", "pk")


def as_json(person: Person) -> dict[str, Any]:
    held = sorted(person.addresses.all(), key=lambda address: address.pk)
    return {
        "id": person.pk,
        "kind": person.kind,
        "name": person.name,
        "email": next((address.as_written for address in held if address.primary), None),
        "secondary_emails": [address.as_written for address in held if not address.primary],
        "created_at": person.created_at,
        "external_id": person.external_id,
    }
