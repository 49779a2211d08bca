"""Many values as one parameter: what `__in` with a list does, for numbers and texts and for any number of them."""

from __future__ import annotations

import pytest
from django.db import transaction

from threadline.services import accounts
from threadline.storage.among import among, among_texts
from threadline.storage.arrivals import address_ids
from threadline.storage.models import EmailAddress

pytestmark = pytest.mark.django_db(transaction=True)


def test_numbers_and_texts_are_found() -> None:
    company = accounts.add_company("Acme")
    ids = address_ids(company.pk, {"anna@posten.example", 'o"neill\\@posten.example', "größe@posten.example"})
    held = EmailAddress.objects.filter(company=company)
    assert set(held.filter(key__in=among_texts(list(ids)[:2])).values_list("key", flat=True)) == set(list(ids)[:2])
    assert set(held.filter(pk__in=among(list(ids.values()))).values_list("key", flat=True)) == set(ids)
    assert not held.filter(pk__in=among([])).exists()
    assert not held.filter(key__in=among_texts([])).exists()


def test_more_than_one_statement_takes_as_parameters() -> None:
    company = accounts.add_company("Acme")
    wanted = {f"person{number}@posten.example" for number in range(40_000)}
    with transaction.atomic():  # as in the product; by itself each row would wait for the disk
        ids = address_ids(company.pk, wanted)
    assert set(ids) == wanted
    assert address_ids(company.pk, wanted) == ids
