"""The file of the text index beside the embedded store: PostgreSQL has none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

from tests.storage.test_search import email, found
from threadline.services import accounts
from threadline.storage import index_file, search
from threadline.storage.models import Body, Company, ToIndex

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


def test_no_word_of_an_email_brings_it_into_another_companys_results() -> None:
    search.rebuild()
    acme, other = accounts.add_company("Acme"), accounts.add_company("Other")
    numbers = search.numbers_of(acme.pk)
    words = f"montag company{acme.pk}company :{acme.pk} \ue000{acme.pk} {numbers.start} {numbers.stop - 1}"
    theirs = {email(other, f"{number} {words}").pk for number in range(3)}
    body = email(acme, "Wir sehen uns am Montag")
    search.catch_up()
    assert found(acme, "montag") == {body.pk}
    assert found(other, "montag") == theirs
    for asked in words.split()[1:]:
        query = search.matching(acme.pk, asked)
        assert query is None or found(acme, asked) == set()


def of_another_version(version: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as index:
            index.executescript(
                "DROP TABLE words; CREATE VIRTUAL TABLE body_text USING fts5("
                "scope, subject, people, files, body, content='', tokenize=\"unicode61 remove_diacritics 2\");"
                f"PRAGMA user_version = {version};"
            )

    change.__name__ = f"version-{version}"
    return change


def damage(path: Path) -> None:
    """Everything but the first page, which says what tables there are."""
    with closing(sqlite3.connect(path)) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x55" * (path.stat().st_size - 4096))


def empty(path: Path) -> None:
    remove(path)
    path.touch()


def scribble(path: Path) -> None:
    remove(path)
    path.write_bytes(b"no database at all" * 1000)


def remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


WAYS = pytest.mark.parametrize("spoil", [damage, empty, scribble, remove])
VERSIONS = pytest.mark.parametrize("spoil", [of_another_version(0), of_another_version(99)])


def an_indexed_company() -> tuple[Company, set[int]]:
    search.rebuild()
    acme = accounts.add_company("Acme")
    bodies = {email(acme, f"number{number} Montag").pk for number in range(30)}
    search.catch_up()
    assert found(acme, "montag") == bodies
    return acme, bodies


@WAYS
@pytest.mark.parametrize("connected", [True, False], ids=["while-connected", "while-nobody-looks"])
def test_an_index_that_is_gone_or_damaged_is_filled_again(spoil: Callable[[Path], None], connected: bool) -> None:
    acme, bodies = an_indexed_company()
    if not connected:
        connection.close()
    spoil(settings.SEARCH_STORE)
    more = email(acme, "another Montag")
    search.catch_up()
    connection.close()
    assert found(acme, "montag") == {*bodies, more.pk}
    assert search.behind() == 0
    assert not ToIndex.objects.exists()


@VERSIONS
def test_an_index_of_another_version_is_filled_again(spoil: Callable[[Path], None]) -> None:
    acme, bodies = an_indexed_company()
    connection.close()
    spoil(settings.SEARCH_STORE)
    more = email(acme, "another Montag")
    assert search.behind() == len(bodies) + 1
    search.catch_up()
    assert found(acme, "montag") == {*bodies, more.pk}


def test_who_finds_the_same_damage_later_leaves_the_file_that_took_its_place() -> None:
    """Whatever the trouble: the file somebody took away meanwhile says nothing of the one that is there."""
    acme, bodies = an_indexed_company()
    used: list[int] = []
    before = sqlite3.connect(index_file.to_read(), uri=True)  # lest another file get the number of this one
    before.execute("SELECT * FROM watermark").fetchall()

    def of_a_file_that_somebody_replaces() -> int:
        used.append(1)
        if len(used) == 1:
            connection.close()
            damage(settings.SEARCH_STORE)
            search.catch_up()
            raise OperationalError("disk I/O error")
        return search.behind()

    assert index_file.or_anew(of_a_file_that_somebody_replaces) == 0
    connection.close()
    assert found(acme, "montag") == bodies
    assert not ToIndex.objects.exists()
    before.close()


@WAYS
def test_a_search_in_an_index_that_cannot_be_used_raises_nothing(spoil: Callable[[Path], None]) -> None:
    acme, bodies = an_indexed_company()
    connection.close()
    spoil(settings.SEARCH_STORE)
    query = search.matching(acme.pk, "montag")
    assert query is not None
    assert search.at_most(query, 1000) == []
    assert search.behind() == len(bodies)
    search.catch_up()
    assert set(search.at_most(query, 1000) or ()) == bodies


@WAYS
def test_a_rebuild_needs_nothing_of_the_file_before(spoil: Callable[[Path], None]) -> None:
    acme, bodies = an_indexed_company()
    spoil(settings.SEARCH_STORE)
    assert search.rebuild() == len(bodies)
    assert found(acme, "montag") == bodies


def test_who_is_killed_before_everything_is_queued_leaves_that_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed() -> None:
        raise Killed

    acme, bodies = an_indexed_company()
    connection.close()
    remove(settings.SEARCH_STORE)
    with monkeypatch.context() as patch:
        patch.setattr(index_file, "all_is_queued", killed)
        with pytest.raises(Killed):
            connection.ensure_connection()
    connection.close()
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as store, store:
        store.execute("DELETE FROM storage_toindex")  # as if it had been killed a moment before
    assert search.behind() == len(bodies)
    search.catch_up()
    assert found(acme, "montag") == bodies


def test_who_is_killed_while_queueing_everything_takes_nothing_off_the_queue() -> None:
    class Killed(BaseException):
        pass

    def killed(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT INTO storage_toindex"):
            raise Killed
        return execute(sql, *rest)

    acme, bodies = an_indexed_company()
    index_file.begin_again()
    more = email(acme, "another Montag")
    connection.close()
    with connection.execute_wrapper(killed), pytest.raises(Killed):
        connection.ensure_connection()
    connection.close()
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as store:
        assert store.execute("SELECT body_id FROM storage_toindex").fetchall() == [(more.pk,)]
    assert index_file.watermark() < 0
    search.catch_up()
    assert found(acme, "montag") == {*bodies, more.pk}


def test_what_was_queued_and_rolled_back_is_queued_again() -> None:
    acme, bodies = an_indexed_company()
    index_file.begin_again()
    with transaction.atomic():
        assert search.behind() == len(bodies)
        transaction.set_rollback(True)
    assert index_file.watermark() < 0
    assert search.catch_up() == len(bodies)
    assert found(acme, "montag") == bodies


def test_who_finds_everything_queued_already_lets_it_be(monkeypatch: pytest.MonkeyPatch) -> None:
    acme, bodies = an_indexed_company()
    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr(index_file, "is_whole", lambda: False)  # as it was a moment ago
        connection.ensure_connection()
    assert not ToIndex.objects.exists()
    assert found(acme, "montag") == bodies


def test_an_indexer_leaves_alone_what_nothing_was_queued_for(monkeypatch: pytest.MonkeyPatch) -> None:
    acme, bodies = an_indexed_company()
    with monkeypatch.context() as patch:
        patch.setattr(search, "_watermark", lambda: 0)  # somebody takes the file away after it was looked at
        index_file.begin_again()
        email(acme, "another Montag")
        assert search.catch_up() == 0
    assert index_file.watermark() < 0
    assert search.catch_up() == len(bodies) + 1


def test_an_index_of_a_later_store_is_filled_again() -> None:
    """Somebody put a backup of the store back, and left the index beside it as it was."""
    acme, bodies = an_indexed_company()
    with index_file.opened() as index:
        index.execute("UPDATE watermark SET queued = queued + 1000000")
    more = email(acme, "another Montag")
    search.catch_up()
    connection.close()
    assert found(acme, "montag") == {*bodies, more.pk}


def test_nothing_is_taken_off_the_queue_before_the_index_is_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_then: list[int] = []
    wait = index_file.wait_for_the_disk

    def watched() -> None:
        queued_then.append(ToIndex.objects.count())
        wait()

    search.rebuild()
    acme = accounts.add_company("Acme")
    email(acme, "Montag")
    monkeypatch.setattr(index_file, "wait_for_the_disk", watched)
    search.catch_up()
    assert queued_then == [1]
    assert not ToIndex.objects.exists()
    search.catch_up()
    assert queued_then == [1], "with nothing new there is nothing to wait for"


def test_trouble_of_the_disk_is_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    acme, bodies = an_indexed_company()
    email(acme, "another Montag")
    before = settings.SEARCH_STORE.stat().st_ino
    with closing(sqlite3.connect(settings.SEARCH_STORE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(index_file, "PATIENCE", 0.05)
        with pytest.raises(OperationalError, match="locked"):
            search.catch_up()
        other.execute("ROLLBACK")
    assert settings.SEARCH_STORE.stat().st_ino == before
    search.catch_up()
    assert len(found(acme, "montag")) == len(bodies) + 1 == Body.objects.count()
