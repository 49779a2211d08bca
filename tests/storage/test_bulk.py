"""Rows that are written past the ORM are the rows that the ORM would have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import transaction

from threadline.services import accounts
from threadline.storage import bulk
from threadline.storage.models import Conversation, EmailAddress, Message

pytestmark = pytest.mark.django_db(transaction=True)


def test_values_come_back_as_they_were_given() -> None:
    company = accounts.add_company("Acme")
    at = datetime(2026, 6, 1, 12, 30, 5, 123456, tzinfo=timezone(timedelta(hours=2)))
    with transaction.atomic():
        (conversation,) = bulk.reserve(Conversation, 1)
        bulk.insert(Conversation, [{"id": conversation, "company_id": company.pk}])
        (pk,) = bulk.reserve(Message, 1)
        texts = {"key": "k", "subject": "Größe", "sender_name": "", "sender_address": "", "kind": "personal"}
        ids = {"id": pk, "company_id": company.pk, "conversation_id": conversation, "message_id_digest": ""}
        bulk.insert(Message, [ids | texts | {"message_id": None, "date": None, "at": at, "created_at": at}])
    message = Message.objects.get()
    assert (message.pk, message.subject, message.message_id, message.date) == (pk, "Größe", None, None)
    assert message.at == at.astimezone(UTC)


@pytest.mark.parametrize("text", ["", "plain", "Größe, 会議 and \U0001f642", "a\r\n\tb 'quoted' %s ?"])
def test_a_text_given_as_its_octets_is_the_text(text: str) -> None:
    company = accounts.add_company("Acme")
    with transaction.atomic():
        (conversation,) = bulk.reserve(Conversation, 1)
        bulk.insert(Conversation, [{"id": conversation, "company_id": company.pk}])
        (pk,) = bulk.reserve(Message, 1)
        at = datetime(2026, 6, 1, tzinfo=UTC)
        ids = {"id": pk, "company_id": company.pk, "conversation_id": conversation, "message_id_digest": ""}
        texts = {"key": "k", "subject": text.encode(), "sender_name": text, "sender_address": "", "kind": "personal"}
        bulk.insert(Message, [ids | texts | {"message_id": None, "date": None, "at": at, "created_at": at}])
    assert Message.objects.get().subject == text
    assert Message.objects.filter(subject=text, sender_name=text).exists()  # for the store it is a text, too
    bulk.update(Message, [{"id": pk, "subject": f"{text}!".encode()}])
    assert Message.objects.filter(subject=f"{text}!").exists()


def test_rows_are_written_over_by_their_id_and_others_are_left_alone() -> None:
    company = accounts.add_company("Acme")
    rows = [EmailAddress.objects.create(company=company, key=f"{name}@acme.example") for name in ("a", "b", "c")]
    with transaction.atomic():
        bulk.update(EmailAddress, [])
        bulk.update(
            EmailAddress, [{"id": rows[0].pk, "key": "x@acme.example"}, {"key": "z@z.example", "id": rows[2].pk}]
        )
    keys = dict(EmailAddress.objects.values_list("pk", "key"))
    assert keys == {rows[0].pk: "x@acme.example", rows[1].pk: "b@acme.example", rows[2].pk: "z@z.example"}


def test_reserved_ids_are_not_given_again_by_the_orm() -> None:
    company = accounts.add_company("Acme")
    with transaction.atomic():
        ids = bulk.reserve(Conversation, 3)
        bulk.insert(Conversation, [{"id": pk, "company_id": company.pk} for pk in ids])
    assert Conversation.objects.create(company=company).pk not in ids


def test_ids_of_deleted_rows_are_not_reserved_again() -> None:
    company = accounts.add_company("Acme")
    gone = Conversation.objects.create(company=company)
    old = gone.pk
    gone.delete()
    with transaction.atomic():
        assert old not in bulk.reserve(Conversation, 5)


def test_a_column_that_is_not_named_is_an_error() -> None:
    with pytest.raises(TypeError, match="company_id"):
        bulk.insert(EmailAddress, [{"key": "anna@posten.example"}])


def test_rows_that_are_there_already_may_be_left_alone() -> None:
    company = accounts.add_company("Acme")
    row = {"company_id": company.pk, "key": "anna@posten.example"}
    bulk.insert(EmailAddress, [row])
    bulk.insert(EmailAddress, [row, row | {"key": "ben@posten.example"}], ignore_conflicts=True)
    assert EmailAddress.objects.count() == 2


@pytest.mark.parametrize("count", [1, 49, 50, 51, 100, 137])
def test_many_rows_are_all_written(count: int) -> None:
    """They go in by fifties, and what is left over."""
    company = accounts.add_company("Acme")
    with transaction.atomic():
        bulk.insert(EmailAddress, [{"company_id": company.pk, "key": f"{n}@acme.example"} for n in range(count)])
        bulk.insert(
            EmailAddress,
            [{"company_id": company.pk, "key": f"{n}@acme.example"} for n in range(count + 1)],
            ignore_conflicts=True,
        )
    assert EmailAddress.objects.filter(company=company).count() == count + 1
