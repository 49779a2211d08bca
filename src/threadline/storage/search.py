"""Full-text search: a derived index that can be thrown away and built again.

Embedded store: FTS5 in a file of its own (`search.sqlite3`), attached for reading as `search`. PostgreSQL: a table with
a `tsvector` and a GIN index. Either is filled from the queue `ToIndex`, which the storing transaction writes; the index
file keeps its own watermark in that queue, in the same transaction as the entries (PostgreSQL takes the entries off the
queue in it), so a killed indexer neither loses nor doubles anything. Indexed is the body, a version of a message: those
never change.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeVar

from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from threadline.storage import index_file
from threadline.storage.models import Body, Participant, ToIndex

T = TypeVar("T")
BATCH = 1_000
_OWN = "\ue000"  # begins the word that says whose an email is, in the index file: no letter of any language
_WORD = re.compile(r"[^\W_]+")
_NOT_A_WORD = re.compile(r"[\W_]+")
TEXT_LIMIT = 200_000  # characters of one mail that are searchable; no human text is longer

# The words of `scope` and the limits of `_documents`, in one statement.
_SQLITE_ENTRIES = """
INSERT INTO body_text(rowid, scope, subject, people, files, body)
SELECT body.id, :own || message.company_id,
    substr(coalesce(body.subject, message.subject), 1, 4000),
    (SELECT substr(group_concat(name || ' ' || as_written, ' '), 1, :limit) FROM store.storage_participant
        WHERE message_id = message.id AND copy_id IS NULL),
    (SELECT substr(group_concat(json_extract(value, '$.name'), ' '), 1, 4000) FROM json_each(body.attachments)),
    substr(body.text, 1, :limit)
FROM store.storage_toindex AS queue
JOIN store.storage_body AS body ON body.id = queue.body_id
JOIN store.storage_message AS message ON message.id = body.message_id
WHERE queue.id > (SELECT queued FROM watermark) AND queue.id <= :last ORDER BY queue.id
"""
_POSTGRES = """
CREATE TABLE IF NOT EXISTS search_body (body_id bigint PRIMARY KEY, document tsvector NOT NULL);
CREATE INDEX IF NOT EXISTS search_body_document ON search_body USING gin (document);
"""


def attach(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """Give every connection to the embedded store the search index beside it."""
    if connection.vendor == "sqlite":
        whole = index_file.is_whole()
        with connection.cursor() as cursor:
            if not whole and _queue_all(cursor):
                index_file.all_is_queued()
            cursor.execute("ATTACH DATABASE %s AS search", [index_file.to_read()])


def _queue_all(cursor: CursorWrapper) -> bool:
    """Queue every body; False while the store itself is being made."""
    cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'storage_toindex'")
    if cursor.fetchone() is None:
        return False
    cursor.execute("DELETE FROM storage_toindex")
    cursor.execute("INSERT INTO storage_toindex (body_id) SELECT id FROM storage_body ORDER BY id")
    return True


def prepare(**_: object) -> None:
    """Make the index where there is none yet. Safe to call at any time."""
    if connection.vendor == "sqlite":
        index_file.is_whole()
        return
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRES)


def catch_up(*, at_least: int = 1) -> int:
    """Index everything queued, if at least so many bodies are; returns how many were indexed.

    Called twice at once, one works and the other finds nothing.
    """
    if at_least > 1 and behind() < at_least:
        return 0
    if connection.vendor != "sqlite":
        return _until_done(_postgres_step)
    done = _mending(_fill_file)
    if at_least == 1:  # a transaction of the store: not while somebody stores one batch after the other
        _take_off_the_queue()
    return done


def _mending(use: Callable[[], T]) -> T:
    """What `use` makes of the index file; of an empty one, when the file turns out to be unusable."""
    seen = index_file.identity() if connection.vendor == "sqlite" else None
    try:
        return use()
    except DatabaseError as error:
        if connection.vendor != "sqlite" or not index_file.is_damage(error):
            raise
        index_file.put_aside(error, seen)
        index_file.is_whole()
        with connection.cursor() as cursor:
            if _queue_all(cursor):
                index_file.all_is_queued()
        if not connection.in_atomic_block:
            connection.close()  # it has the unusable file attached; the next one has the other
        return use()


def _fill_file() -> int:
    with index_file.opened() as index:
        index.execute("ATTACH DATABASE ? AS store", [str(connection.settings_dict["NAME"])])
        beyond = index.execute(
            "SELECT queued FROM watermark WHERE queued >"
            " coalesce((SELECT seq FROM store.sqlite_sequence WHERE name = 'storage_toindex'), 0)"
        ).fetchone()
        if beyond:
            raise index_file.OfAnotherStore(f"it is filled up to {beyond[0]}, beyond the end of the queue")
        return _until_done(lambda: _file_step(index))


def _until_done(step: Callable[[], int]) -> int:
    done = 0
    while indexed := step():
        done += indexed
        if indexed < BATCH:
            break
    return done


def _file_step(index: sqlite3.Connection) -> int:
    """One statement reads the bodies and writes the entries: SQLite does it without Python, and beside it."""
    index.execute("BEGIN")
    try:
        # Writing first locks this file and not the store, which is only read.
        index.execute("UPDATE watermark SET queued = queued")
        # Writers to the embedded store come one after the other, so queue numbers appear in their order.
        queued, count = index.execute(
            "SELECT max(id), count(*) FROM"
            " (SELECT id FROM store.storage_toindex WHERE id > (SELECT queued FROM watermark) ORDER BY id LIMIT ?)",
            [BATCH],
        ).fetchone()
        if count:
            index.execute(_SQLITE_ENTRIES, {"last": queued, "limit": TEXT_LIMIT, "own": _OWN})
            index.execute("UPDATE watermark SET queued = ?", [queued])
        index.execute("COMMIT")
    except BaseException:
        index.execute("ROLLBACK")
        raise
    return int(count)


def _take_off_the_queue() -> None:
    """What is indexed; also what somebody indexed who was killed before taking it off."""
    done = ToIndex.objects.filter(pk__lte=_mending(index_file.watermark))
    if done.exists():
        index_file.wait_for_the_disk()
        done.delete()


def _postgres_step() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM storage_toindex WHERE id IN"
            " (SELECT id FROM storage_toindex ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING body_id",
            [BATCH],
        )
        body_ids = [body_id for (body_id,) in cursor.fetchall()]
        if body_ids:
            cursor.executemany(
                "INSERT INTO search_body (body_id, document) VALUES (%s,"
                " array_to_tsvector(ARRAY[%s]) || setweight(to_tsvector('simple', %s), 'A')"
                " || setweight(to_tsvector('simple', %s), 'B') || to_tsvector('simple', %s)"
                " || to_tsvector('simple', %s))"
                " ON CONFLICT (body_id) DO UPDATE SET document = excluded.document",
                [(number, own, *map(_folded, texts)) for number, own, *texts in _documents(body_ids)],
            )
    return len(body_ids)


def _folded(text: str) -> str:
    """Bare words without diacritics: PostgreSQL takes an address or a link for one word, and é for another letter."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return _NOT_A_WORD.sub(" ", plain)


def _documents(ids: Sequence[int]) -> list[tuple[int, str, str, str, str, str]]:
    """(body id, scope, subject, people, file names, text) of every one of these bodies that still exists."""
    bodies = Body.objects.filter(pk__in=ids).values_list(
        "pk", "message_id", "message__company_id", Coalesce("subject", "message__subject"), "attachments", "text"
    )
    rows = {row[0]: row[1:] for row in bodies}
    people: dict[int, list[str]] = {}
    named = Participant.objects.filter(message__in={row[0] for row in rows.values()}, copy=None)
    for message_id, name, address in named.values_list("message_id", "name", "as_written"):
        people.setdefault(message_id, []).append(f"{name} {address}")
    documents = []
    for body_id, (message_id, company_id, subject, attachments, text) in rows.items():
        files = " ".join(part["name"] for part in attachments)
        names = " ".join(people.get(message_id, ()))[:TEXT_LIMIT]
        documents.append((body_id, scope(company_id), subject[:4000], names, files[:4000], text[:TEXT_LIMIT]))
    return documents


def scope(company_id: int) -> str:
    """The word that keeps one company's mail out of another's results. Nobody can ask for it or for its beginning: it
    begins as no word does."""
    return f"{_OWN if connection.vendor == 'sqlite' else ':'}{company_id}"


def matching(company_id: int, words: str) -> tuple[str, list[Any]] | None:
    """A SQL subquery (and its parameters) of the body ids that hold every word; None when there is no word in it."""
    sqlite_words = connection.vendor == "sqlite"
    terms = (_tokens(words) if sqlite_words else _WORD.findall(_folded(words).lower()))[:12]
    if not terms:
        return None
    if sqlite_words:
        every = " AND ".join(f'"{term}"*' for term in terms)
        query = f'"{scope(company_id)}" AND {every}'
        return "SELECT rowid FROM search.body_text WHERE body_text MATCH %s", [query]
    every = " & ".join(f"'{term}':*" for term in terms)
    asked = "(%s::tsquery && to_tsquery('simple', %s))"  # the first as it stands
    return f"SELECT body_id FROM search_body WHERE document @@ {asked}", [f"'{scope(company_id)}'", every]  # noqa: S608


def _tokens(words: str) -> list[str]:
    """The words as the index has them. What is a letter is for its tokenizer to say, which knows another Unicode than
    Python, and a word that it cuts in two would be a phrase."""
    if words.isascii():
        return _WORD.findall(words.lower())
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f'CREATE VIRTUAL TABLE given USING fts5(words, tokenize="{index_file.TOKENIZER}")')
        memory.execute("CREATE VIRTUAL TABLE tokens USING fts5vocab(given, instance)")
        memory.execute("INSERT INTO given VALUES (?)", [words])
        found = [token for (token,) in memory.execute("SELECT term FROM tokens ORDER BY offset")]
        return [token for token in found if not token.startswith(_OWN)]


def at_most(query: tuple[str, list[Any]], count: int) -> list[int] | None:
    """The body ids of a query as `matching` makes it; None when there are more than so many."""
    sql, parameters = query
    found = _mending(lambda: _answers(f"{sql} LIMIT %s", [*parameters, count + 1]))
    return found if len(found) <= count else None


def _answers(sql: str, parameters: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [number for (number,) in cursor.fetchall()]


def gathered(query: tuple[str, list[Any]]) -> tuple[str, list[Any]]:
    """The same query, its answers kept until the next one: asked three times for a page, they are read once."""
    if connection.vendor != "sqlite":
        return query
    _mending(lambda: _gather(*query))
    return "SELECT id FROM temp.found", []


def _gather(sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS found (id INTEGER PRIMARY KEY)")
        cursor.execute("DELETE FROM temp.found")
        cursor.execute(f"INSERT INTO temp.found {sql}", parameters)


def rebuild() -> int:
    """Throw the index away and fill it again; returns how many bodies were indexed."""
    if connection.vendor == "sqlite":
        index_file.take_away()
        index_file.is_whole()
    else:
        prepare()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE search_body")
    with transaction.atomic():
        ToIndex.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO storage_toindex (body_id) SELECT id FROM storage_body ORDER BY id")
    if connection.vendor == "sqlite":
        index_file.all_is_queued()
        if not connection.in_atomic_block:
            connection.close()  # it has the index that was thrown away attached
    return catch_up()


def behind() -> int:
    """How many bodies wait to be indexed."""
    return _waiting().count()


def _waiting() -> QuerySet[ToIndex]:
    waiting = ToIndex.objects.all()
    if connection.vendor == "sqlite":  # there, what is done stays on the queue for a while
        waiting = waiting.filter(pk__gt=_mending(index_file.watermark))
    return waiting


def lacks_some_of(company_id: int) -> bool:
    """Whether emails of this company wait to be indexed."""
    return _waiting().filter(body__message__company_id=company_id).exists()
