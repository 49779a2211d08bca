"""Questions that must stay quick at a million emails are answered by an index, on either database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from threadline.domain.facts import Where
from threadline.domain.folders import Role
from threadline.services import counts, messages
from threadline.storage.models import Company, Copy, Folder, Link, Mailbox, Participant, PersonAddress, User

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


def test_a_refresh_with_nothing_new_walks_through_no_copies() -> None:
    """What each refresh asks of a folder or a mailbox is answered by an index, however many emails are held."""
    if connection.vendor == "sqlite":  # PostgreSQL chooses by what it knows of the values
        here = Copy.objects.filter(folder_id=1, where=Where.HERE.value)
        assert "folder_id=? AND generation<?" in plan(here.filter(generation__lt="7"))
        assert "folder_id=? AND generation>?" in plan(here.filter(generation__gt="7"))
    assert "copy_awaits_text" in plan(Copy.objects.filter(folder_id=1, awaits_text=True))
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert "copy_departed" in plan(Copy.objects.filter(mailbox_id=1, where="not_found", where_since__gt=since))


def test_a_page_deep_down_in_a_list_is_found_by_the_index_and_not_by_walking_to_it() -> None:
    role, at = Role.INBOX, datetime(2026, 1, 1, tzinfo=UTC)
    mailbox = a_mailbox()
    Folder.objects.create(mailbox=mailbox, remote_name="INBOX", name="Inbox", role=role.value)
    with CaptureQueriesContext(connection) as asked:
        messages.listing(mailbox, role, before=f"{at.timestamp()}_7")
    (question,) = (query["sql"] for query in asked if query["sql"].startswith('SELECT "storage_copy"."id"'))
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {question}")
            assert "decided_at<?" in str(cursor.fetchall())
        else:
            assert f'"decided_at" <= \'{at.date()}' in question


def test_a_count_is_kept_until_somebody_works_on_the_mailbox() -> None:
    mailbox = a_mailbox()
    Folder.objects.create(mailbox=mailbox, remote_name="INBOX", name="Inbox", role="inbox")
    assert counts.in_folders(mailbox, "inbox") == 0
    with CaptureQueriesContext(connection) as asked:
        assert counts.in_folders(mailbox, "inbox") == 0
    assert not any("COUNT" in query["sql"] for query in asked)
    mailbox.lease_fence += 1
    with CaptureQueriesContext(connection) as asked:
        counts.in_folders(mailbox, "inbox")
    assert any("COUNT" in query["sql"] for query in asked)


def a_mailbox() -> Mailbox:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    company = Company.objects.create(name="Acme", created_at=moment)
    owner = User.objects.create(company=company, email="alice@acme.example", created_at=moment)
    return Mailbox.objects.create(
        company=company, owner=owner, address=owner.email, address_key=owner.email, created_at=moment, since=moment
    )


def test_a_profile_is_read_in_its_own_order_without_sorting() -> None:
    links = Link.objects.filter(person_id=1, detached=False).order_by("-at", "-pk")[:50]
    answer = plan(links)
    assert "link_timeline" in answer
    assert "TEMP B-TREE" not in answer
    assert "Sort" not in answer
