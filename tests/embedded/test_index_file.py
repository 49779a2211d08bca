"""The file of the text index beside the embedded store: PostgreSQL has none."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from django.conf import settings
from django.db import connection, transaction

from tests.storage.test_search import email, found
from threadline.services import accounts
from threadline.storage import search

pytestmark = pytest.mark.django_db(transaction=True)


def test_storing_does_not_wait_for_the_indexer() -> None:
    search.rebuild()
    acme = accounts.add_company("Acme")
    with closing(sqlite3.connect(settings.SEARCH_STORE, isolation_level=None)) as indexer:
        indexer.execute("BEGIN IMMEDIATE")
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 0")
        try:
            with transaction.atomic(durable=True):
                body = email(acme, "Montag")
            assert search.behind() == 1
        finally:
            indexer.execute("ROLLBACK")
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 30000")
    search.catch_up()
    assert found(acme, "Montag") == {body.pk}


def test_an_index_of_an_earlier_version_serves_on() -> None:
    search.rebuild()
    with closing(sqlite3.connect(settings.SEARCH_STORE, isolation_level=None)) as index:
        index.executescript(
            "DROP TABLE body_text; CREATE VIRTUAL TABLE body_text USING fts5("
            "scope, subject, people, files, body, content='', tokenize=\"unicode61 remove_diacritics 2\");"
        )
    acme = accounts.add_company("Acme")
    body = email(acme, "Wir sehen uns am Montag", subject="Offer letter")
    search.catch_up()
    assert found(acme, "offer montag") == {body.pk}
    search.rebuild()
    assert found(acme, "offer montag") == {body.pk}
