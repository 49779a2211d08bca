"""The text index, filled from the queue that storing writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest
from django.db import connection

from threadline.services import accounts
from threadline.storage import search
from threadline.storage.arrivals import address_ids
from threadline.storage.models import Body, Company, Conversation, Message, Participant, ToIndex

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 3, 4, 9, tzinfo=UTC)


def email(company: Company, text: str, **fields: str) -> Body:
    conversation = Conversation.objects.create(company=company)
    message = Message.objects.create(
        company=company, key=text[:32], conversation=conversation, at=AT, created_at=AT, kind="personal", **fields
    )
    body = Body.objects.create(message=message, digest="d", text=text, attachments=[{"name": "Lebenslauf.pdf"}])
    (address,) = address_ids(company.pk, {"anna@posten.example"}).values()
    Participant.objects.create(
        message=message, address_id=address, role="from", name="Anna Bergström", as_written="anna@posten.example"
    )
    ToIndex.objects.create(body=body)
    return body


def found(company: Company, words: str) -> set[int]:
    query = search.matching(company.pk, words)
    assert query is not None
    sql, parameters = query
    return {body.pk for body in Body.objects.raw(f"SELECT * FROM storage_body WHERE id IN ({sql})", parameters)}


@pytest.mark.parametrize("words", ["offer letter", "Montag", "bergstrom", "anna posten", "lebenslauf", "montag anna"])
def test_an_email_is_found_by_its_subject_text_people_and_files(words: str) -> None:
    search.rebuild()
    acme, other = accounts.add_company("Acme"), accounts.add_company("Other")
    body = email(acme, "Wir sehen uns am Montag", subject="Offer letter")
    assert search.behind() == 1
    assert search.catch_up() == 1
    assert search.behind() == 0
    assert found(acme, words) == {body.pk}
    assert found(other, words) == set()


def test_emails_that_were_deleted_meanwhile_do_not_end_the_indexing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BATCH", 3)
    search.rebuild()
    acme = accounts.add_company("Acme")
    bodies = [email(acme, f"number{number}") for number in range(10)]
    Body.objects.filter(pk__in=[body.pk for body in bodies[:4]]).delete()
    search.catch_up()
    assert search.behind() == 0
    assert found(acme, "number9") == {bodies[9].pk}
    assert found(acme, "number0") == set()
    assert not ToIndex.objects.exists()


def test_a_few_wait_until_there_are_more() -> None:
    search.rebuild()
    body = email(accounts.add_company("Acme"), "Montag")
    assert search.catch_up(at_least=2) == 0
    assert search.behind() == 1
    assert search.catch_up() == 1
    assert found(body.message.company, "Montag") == {body.pk}


@pytest.mark.parametrize(
    "words",
    [
        "École",
        "e\u0301cole",  # as some keyboards write it: a letter and its accent
        "\u1cf2",  # a letter for Python, none for SQLite
        "ecole\u19b0polytechnique",  # which is why these are two words for it
        "École \u19b0",
        "𞤢𞤣𞤤𞤢𞤥",  # of a script younger than SQLite's tables
    ],
)
def test_words_are_what_the_index_takes_for_words(words: str) -> None:
    search.rebuild()
    acme = accounts.add_company("Acme")
    body = email(acme, f"École polytechnique, {words} 𞤢𞤣𞤤𞤢𞤥")
    search.catch_up()
    query = search.matching(acme.pk, words)
    assert query is None or found(acme, words) == {body.pk}


@pytest.mark.parametrize("words", ["company", "c", "company1company", "1", ":1"])
def test_the_word_that_keeps_companies_apart_is_found_by_nobody(words: str) -> None:
    search.rebuild()
    acme = accounts.add_company("Acme")
    email(acme, "Wir sehen uns am Montag")
    named = email(acme, f"The {words} that asked")
    search.catch_up()
    for text in (words, words.replace("1", str(acme.pk))):
        query = search.matching(acme.pk, text)
        assert query is not None
        assert found(acme, text) <= {named.pk}
    assert found(acme, words) == {named.pk}


def test_a_word_that_is_asked_for_often_is_one_word() -> None:
    search.rebuild()
    acme = accounts.add_company("Acme")
    email(acme, "Wir sehen uns am Montag")
    search.catch_up()
    assert found(acme, "wir " * 50 + "nirgends") == set()


def test_a_rebuild_and_an_indexer_do_not_wait_for_each_other_for_ever() -> None:
    search.rebuild()
    acme = accounts.add_company("Acme")
    bodies = {email(acme, f"number{number} Montag").pk for number in range(60)}
    rebuilt = Event()

    def index() -> None:
        try:
            while not rebuilt.is_set():
                search.catch_up()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        indexing = thread.submit(index)
        try:
            for _ in range(8):
                search.rebuild()
        finally:
            rebuilt.set()
        indexing.result()
    search.catch_up()
    assert found(acme, "montag") == bodies
