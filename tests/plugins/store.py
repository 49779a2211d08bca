"""The store between two tests: emptied, and not made anew.

Django ends a test that commits by emptying every table and then making each content type and permission again, which
takes twenty times as long as the emptying, and there are thousands of tests. Those two tables are the same for every
test: they stay as the migrations made them, and only tables that hold something are emptied. The numbers of rows go on,
as they do with Django's own.

The embedded store does not wait for the disk at each commit here: no test cuts the power, and a process that is killed
loses nothing that it wrote. What a program of its own does to its own data is not touched by this.
"""

import os
from functools import cache

_KEPT = {"django_content_type", "auth_permission"}


def pytest_configure() -> None:
    if os.environ["THREADLINE_TEST_DATABASE"] == "none":
        return
    from django.conf import settings  # noqa: PLC0415  # stays out of a run with --database=none
    from django.test import TransactionTestCase  # noqa: PLC0415

    TransactionTestCase._fixture_teardown = empty  # type: ignore[attr-defined]  # not among its published names
    options = settings.DATABASES["default"].get("OPTIONS", {})
    if "init_command" in options:
        options["init_command"] += "; PRAGMA synchronous=OFF"


def empty(_: object) -> None:
    """In place of a test case's own way to leave nothing behind."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        holding = []
        for table in _tables():
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
            if cursor.fetchone()[0]:
                holding.append(table)
    if holding and connection.vendor == "postgresql":
        connection.ops.execute_sql_flush([f"TRUNCATE {', '.join(holding)} CASCADE"])
    elif holding:
        with connection.constraint_checks_disabled():
            connection.ops.execute_sql_flush([f"DELETE FROM {table}" for table in holding])


@cache
def _tables() -> tuple[str, ...]:
    from django.db import connection  # noqa: PLC0415

    names = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - _KEPT
    return tuple(connection.ops.quote_name(name) for name in sorted(names))
