"""Many rows at once, past the ORM: a first load writes a dozen rows for every email, and building a model object and an
SQL expression for each of their values took most of its time.

A row is a mapping from every column (a field's `attname`) to its value, a text as `str` or as its octets in UTF-8; `id`
only where it was reserved beforehand, because other rows of the batch refer to it. A column that a model gains later is
an error here, not a silent default.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

Row = Mapping[str, Any]
# Rows of one statement: SQLite's driver lets go of Python's lock for each statement and takes it again, and the threads
# that fetch and read want it too. Of the widest table these are a thousand values; 32,766 may be given.
_TOGETHER = 50
_encode_json = msgspec.json.Encoder().encode


def reserve(model: type[Model], count: int) -> Sequence[int]:
    """Ids that nobody else will use. Call it inside the transaction that inserts them."""
    table = model._meta.db_table  # noqa: SLF001  Django documents it as public
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [connection.ops.quote_name(table), count],
            )
            return [number for (number,) in cursor.fetchall()]
        # There is one writer at a time, and AUTOINCREMENT keeps its highest id here, of deleted rows too.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        found = cursor.fetchone()
    first = (found[0] if found else 0) + 1
    return range(first, first + count)


def insert(model: type[Model], rows: Iterable[Row], *, ignore_conflicts: bool = False) -> None:
    """Insert the rows; all of them name the same columns."""
    given = list(rows)
    if not given:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}  # noqa: SLF001
    columns = list(given[0])
    if {*columns, "id"} != set(fields):
        raise TypeError(f"{model.__name__} has the columns {sorted(fields)}; named were {sorted(columns)}")
    kinds = {column: fields[column].get_internal_type() for column in columns}
    prepared = _prepared(given, kinds)
    quote = connection.ops.quote_name
    # Here a field's attname is its column: no model names columns of its own.
    into = f"{quote(model._meta.db_table)} ({', '.join(map(quote, columns))})"  # noqa: SLF001
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not ignore_conflicts:
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for row in prepared:
                    copy.write_row(row)
            return
        with connection.wrap_database_errors:
            one = f"({', '.join(map(_mark, kinds.values()))})"
            _insert_together(cursor, into, one, prepared, "ON CONFLICT DO NOTHING" if ignore_conflicts else "")


def _mark(kind: str) -> str:
    """Where a value goes in a statement. Text may be given as UTF-8: SQLite keeps those octets, and nobody encodes them
    again."""
    if connection.vendor != "sqlite":
        return "%s"
    return "CAST(%s AS TEXT)" if kind == "TextField" else "%s"


def _insert_together(cursor: CursorWrapper, into: str, one: str, rows: Sequence[Sequence[Any]], unless: str) -> None:
    execute, executemany = cursor.execute, cursor.executemany
    if connection.vendor == "sqlite":
        # Past Django's cursor, which looks for its own marks in statements that hold thousands of the driver's.
        driver, one = cursor.cursor, one.replace("%s", "?")
        execute, executemany = partial(sqlite3.Cursor.execute, driver), partial(sqlite3.Cursor.executemany, driver)
    whole = len(rows) - len(rows) % _TOGETHER
    together = f"INSERT INTO {into} VALUES {', '.join([one] * _TOGETHER)} {unless}"  # noqa: S608  names of ours
    for start in range(0, whole, _TOGETHER):
        execute(together, list(chain.from_iterable(rows[start : start + _TOGETHER])))
    executemany(f"INSERT INTO {into} VALUES {one} {unless}", rows[whole:])  # noqa: S608


def update(model: type[Model], rows: Iterable[Row]) -> None:
    """Write rows that exist, by their `id`; all of them name the same columns."""
    given = list(rows)
    if not given:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}  # noqa: SLF001
    columns = [column for column in given[0] if column != "id"]
    kinds = {column: fields[column].get_internal_type() for column in (*columns, "id")}
    quote = connection.ops.quote_name
    values = ", ".join(f"{quote(column)} = {_mark(kinds[column])}" for column in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {quote(model._meta.db_table)} SET {values} WHERE id = %s",  # noqa: S608, SLF001  names of ours
            _prepared(given, kinds),
        )


def _prepared(rows: Sequence[Row], kinds: Mapping[str, str]) -> list[list[Any]]:
    """The values as the driver takes them, row by row."""
    columns = list(kinds)
    values_of = itemgetter(*columns)
    found = [list(values_of(row)) for row in rows] if len(columns) > 1 else [[values_of(row)] for row in rows]
    for place, kind in enumerate(kinds.values()):
        prepare = _preparation(kind)
        if prepare is None:
            continue
        last, written = None, None  # the time of storing is one for all rows, and lists are empty more often than not
        for values in found:
            value = values[place]
            if value is not None:
                if value is not last:
                    last, written = value, prepare(value)
                values[place] = written
    return found


def _preparation(kind: str) -> Callable[[Any], Any] | None:
    if kind == "JSONField":
        return _json
    if kind == "DateTimeField" and connection.vendor == "sqlite":
        return _as_sqlite_writes_it
    if kind == "TextField" and connection.vendor != "sqlite":
        return _decoded
    return None


def _decoded(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _json(value: Any) -> str:
    return _encode_json(value).decode()


def _as_sqlite_writes_it(moment: datetime) -> str:
    """As Django does, which asks for the time zone of the connection for every value: it is UTC here."""
    if moment.tzinfo is UTC:
        return moment.isoformat(" ")[: -len("+00:00")]
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
