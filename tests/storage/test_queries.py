"""Questions that must stay quick at a million emails are answered by an index, on either database."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import QuerySet

from threadline.domain.facts import Where
from threadline.storage.models import Copy, Link, Participant, PersonAddress

pytestmark = pytest.mark.django_db


def plan(query: QuerySet[object]) -> str:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Tables are empty here, where any plan is cheap: the question is which plan there could be.
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
    return query.explain()


def test_the_emails_of_a_new_person_are_found_by_address() -> None:
    answer = plan(Participant.objects.filter(address_id__in=[1, 2]).values_list("address_id", "message_id"))
    assert "participant_by_address" in answer


def test_the_people_of_a_new_email_are_found_by_address() -> None:
    answer = plan(PersonAddress.objects.filter(address_id__in=[1, 2]).values_list("person_id"))
    assert "storage_personaddress_address" in answer


def test_a_list_deep_down_is_read_in_its_own_order_without_sorting() -> None:
    copies = Copy.objects.filter(folder_id__in=[1], where=Where.HERE.value).order_by("-decided_at", "-pk")[:50]
    answer = plan(copies)
    assert "copy_list" in answer
    assert "TEMP B-TREE" not in answer
    assert "Sort" not in answer


def test_a_profile_is_read_in_its_own_order_without_sorting() -> None:
    links = Link.objects.filter(person_id=1, detached=False).order_by("-at", "-pk")[:50]
    answer = plan(links)
    assert "link_timeline" in answer
    assert "TEMP B-TREE" not in answer
    assert "Sort" not in answer
