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

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from threadline.storage import index_file
from threadline.storage.models import Body, Participant, ToIndex

T = TypeVar("T")
BATCH = 1_000
MOST_WORDS = 24  # of a question
_OF_ONE_COMPANY = 2**40  # bodies; the index file numbers them company by company
_WORD = re.compile(r"[^\W_]+")
_NOT_A_WORD = re.compile(r"[\W_]+")
TEXT_LIMIT = 200_000  # characters of one mail that are searchable; no human text is longer

# The limits of `_documents`, in one statement. FTS5 likes its documents in the order of their numbers.
_SQLITE_ENTRIES = f"""
WITH queued AS MATERIALIZED (
    SELECT body.id AS body_id, message.id AS message_id, message.company_id * {_OF_ONE_COMPANY} + body.id AS number
    FROM store.storage_toindex AS queue
    JOIN store.storage_body AS body ON body.id = queue.body_id
    JOIN store.storage_message AS message ON message.id = body.message_id
    WHERE queue.id > (SELECT queued FROM watermark) AND queue.id <= :last ORDER BY number
)
INSERT INTO words(rowid, subject, people, files, body)
SELECT queued.number,
    substr(coalesce(body.subject, message.subject), 1, 4000),
    (SELECT substr(group_concat(name || ' ' || as_written, ' '), 1, :limit) FROM store.storage_participant
        WHERE message_id = message.id AND copy_id IS NULL),
    (SELECT substr(group_concat(json_extract(value, '$.name'), ' '), 1, 4000) FROM json_each(body.attachments)),
    substr(body.text, 1, :limit)
FROM queued
CROSS JOIN store.storage_body AS body ON body.id = queued.body_id
CROSS JOIN store.storage_message AS message ON message.id = queued.message_id
"""  # noqa: S608  a number of ours
_POSTGRES = """
CREATE TABLE IF NOT EXISTS search_body (body_id bigint PRIMARY KEY, document tsvector NOT NULL);
CREATE INDEX IF NOT EXISTS search_body_document ON search_body USING gin (document);
"""


def attach(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """Give every connection to the embedded store the search index beside it."""
    if connection.vendor == "sqlite":
        if not index_file.is_whole():
            _queue_all()
        with connection.cursor() as cursor:
            cursor.execute("ATTACH DATABASE %s AS search", [index_file.to_read()])


def _queue_all() -> None:
    """Queue every body for an index for which nothing was queued yet.

    The file says that it was done only when the store has it for good: whoever is killed in between, or rolled back,
    leaves it to the next. Two who do it at once do it twice.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'storage_toindex'")
        if cursor.fetchone() is None:  # the store itself is being made
            return
        if index_file.or_anew(index_file.watermark) >= 0:  # somebody was quicker
            return
        cursor.execute("DELETE FROM storage_toindex")
        cursor.execute("INSERT INTO storage_toindex (body_id) SELECT id FROM storage_body ORDER BY id")
    transaction.on_commit(index_file.all_is_queued)


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
    _watermark()
    done = _mending(_fill_file)
    if at_least == 1:  # a transaction of the store: not while somebody stores one batch after the other
        _take_off_the_queue()
    return done


def _mending(use: Callable[[], T]) -> T:
    """What `use` makes of the index; of an empty file, when the one there turns out to be unusable."""
    return index_file.or_anew(use, and_then=_attach_anew) if connection.vendor == "sqlite" else use()


def _attach_anew() -> None:
    """Another file is there; everything is queued for it."""
    if not index_file.is_whole():
        _queue_all()
    if not connection.in_atomic_block:
        connection.close()  # it has the unusable file attached; the next one has the other


def _watermark() -> int:
    """How far in the queue the index is filled. Everything is queued for it, also when who made it was killed."""
    if (found := _mending(index_file.watermark)) < 0:
        _queue_all()
        found = _mending(index_file.watermark)
    return found


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
        # Of an index for which not everything is queued nobody must say that it is filled up to anywhere.
        queued, count = index.execute(
            "SELECT max(id), count(*) FROM (SELECT id FROM store.storage_toindex"
            " WHERE id > (SELECT queued FROM watermark WHERE queued >= 0) ORDER BY id LIMIT ?)",
            [BATCH],
        ).fetchone()
        if count:
            index.execute(_SQLITE_ENTRIES, {"last": queued, "limit": TEXT_LIMIT})
            index.execute("UPDATE watermark SET queued = ?", [queued])
        index.execute("COMMIT")
    except BaseException:
        index.execute("ROLLBACK")
        raise
    return int(count)


def _take_off_the_queue() -> None:
    """What is indexed; also what somebody indexed who was killed before taking it off."""
    done = ToIndex.objects.filter(pk__lte=_watermark())
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


def matching(company_id: int, words: str) -> tuple[str, list[Any]] | None:
    """A SQL subquery (and its parameters) of the body ids that hold every word; None when there is no word in it."""
    if connection.vendor == "sqlite":
        terms = list(dict.fromkeys(_tokens(words)))[:MOST_WORDS]
        numbers = numbers_of(company_id)
        every = " AND ".join(f'"{term}"*' for term in terms)
        found = "SELECT rowid - %s FROM search.words WHERE words MATCH %s AND rowid >= %s AND rowid < %s"
        return (found, [numbers.start, every, numbers.start, numbers.stop]) if terms else None
    terms = list(dict.fromkeys(_WORD.findall(_folded(words).lower())))[:MOST_WORDS]
    every = " & ".join(f"'{term}':*" for term in terms)
    asked = "(%s::tsquery && to_tsquery('simple', %s))"  # the first as it stands
    found = f"SELECT body_id FROM search_body WHERE document @@ {asked}"  # noqa: S608
    return (found, [f"'{scope(company_id)}'", every]) if terms else None


def numbers_of(company_id: int) -> range:
    """How the index file numbers the bodies of a company: they are its numbers in the store, from the first of these.
    So no word of any email can bring it into another company's results."""
    return range(company_id * _OF_ONE_COMPANY, (company_id + 1) * _OF_ONE_COMPANY)


def scope(company_id: int) -> str:
    """The word that keeps one company's mail out of another's results on PostgreSQL. Nobody can ask for it or for its
    beginning, nor write it: it begins as no word does."""
    return f":{company_id}"


def _tokens(words: str) -> list[str]:
    """The words as the index has them. What is a letter is for its tokenizer to say, which knows another Unicode than
    Python, and a word that it cuts in two would be a phrase."""
    if words.isascii():
        return _WORD.findall(words.lower())
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f'CREATE VIRTUAL TABLE given USING fts5(words, tokenize="{index_file.TOKENIZER}")')
        memory.execute("CREATE VIRTUAL TABLE tokens USING fts5vocab(given, instance)")
        memory.execute("INSERT INTO given VALUES (?)", [words])
        return [token for (token,) in memory.execute("SELECT term FROM tokens ORDER BY offset")]


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
        index_file.begin_again()
        _queue_all()
        if not connection.in_atomic_block:
            connection.close()  # it may have an unusable file attached
        return catch_up()
    prepare()
    with transaction.atomic(), connection.cursor() as cursor:
        # In the order in which an indexer locks them, so that neither waits for the other for ever.
        cursor.execute("DELETE FROM storage_toindex")
        cursor.execute("TRUNCATE search_body")
        cursor.execute("INSERT INTO storage_toindex (body_id) SELECT id FROM storage_body ORDER BY id")
    return catch_up()


def behind() -> int:
    """How many bodies wait to be indexed."""
    return _waiting().count()


def _waiting() -> QuerySet[ToIndex]:
    waiting = ToIndex.objects.all()
    if connection.vendor == "sqlite":  # there, what is done stays on the queue for a while
        waiting = waiting.filter(pk__gt=_watermark())
    return waiting


def lacks_some_of(company_id: int) -> bool:
    """Whether emails of this company wait to be indexed."""
    return _waiting().filter(body__message__company_id=company_id).exists()
