"""People who share a primary address: what arrives shows on each of their profiles."""

from __future__ import annotations

from threadline.domain.addresses import normalise
from threadline.storage.models import Person


def sharing_with(person: Person) -> list[Person]:
    """The others with this person's primary address."""
    primary = person.addresses.filter(primary=True).values_list("address_id", flat=True)
    others = Person.objects.filter(
        company_id=person.company_id,
        merged_into=None,
        addresses__address_id__in=list(primary),
        addresses__primary=True,
    )
    return list(others.exclude(pk=person.pk).order_by("name", "pk")[:20])


def holders_of(company_id: int, address: str, *, besides: int | None = None) -> list[Person]:
    """Whose primary address this is already."""
    key = normalise(address)
    if key is None:
        return []
    held = Person.objects.filter(
        company_id=company_id, merged_into=None, addresses__address__key=key, addresses__primary=True
    )
    others = held if besides is None else held.exclude(pk=besides)
    return list(others.order_by("name", "pk")[:3])
