"""What an older version stored is there after the step to this one, and after the step back."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

WHEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PAGES = ["", "<p>Hello</p>", "<p>caf\u00e9 \U0001f4e7</p>\r\n", "<td>wide</td>" * 30_000]


def step(name: str | None) -> Apps:
    """Bring the store to this migration, None for the latest; its models as they were then."""
    executor = MigrationExecutor(connection)
    targets = [("storage", name)] if name else executor.loader.graph.leaf_nodes("storage")
    executor.migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    step(None)


def message_of(apps: Apps, number: int) -> Any:
    companies = apps.get_model("storage", "Company").objects
    company, _ = companies.get_or_create(name="Northgate", defaults={"created_at": WHEN})
    conversation = apps.get_model("storage", "Conversation").objects.create(company=company)
    return apps.get_model("storage", "Message").objects.create(
        company=company, conversation=conversation, key=f"{number:032x}", at=WHEN, created_at=WHEN
    )


@pytest.mark.usefixtures("restored")
def test_html_is_packed_and_unpacked() -> None:
    older = step("0008_awaited_texts")
    body = older.get_model("storage", "Body")
    for number, html in enumerate(PAGES):
        body.objects.create(message_id=message_of(older, number).pk, digest=str(number), text="kept", html=html)

    newer = step("0009_packed_html").get_model("storage", "Body")
    packed = dict(newer.objects.values_list("digest", "packed_html"))
    assert [len(packed[str(number)]) > 0 for number in range(len(PAGES))] == [False, True, True, True]
    assert len(packed["3"]) < 1000
    assert set(newer.objects.values_list("text", flat=True)) == {"kept"}

    again = step("0008_awaited_texts").get_model("storage", "Body")
    assert list(again.objects.order_by("digest").values_list("html", flat=True)) == PAGES


@pytest.mark.usefixtures("restored")
def test_what_postgresql_indexed_under_the_old_word_of_its_company_is_indexed_again() -> None:
    older = step("0010_departed_copies")
    body = older.get_model("storage", "Body").objects.create(
        message_id=message_of(older, 1).pk, digest="1", text="Montag"
    )
    postgres = connection.vendor == "postgresql"
    if postgres:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO search_body VALUES (%s, to_tsvector('simple', 'company1company Montag'))", [body.pk]
            )
    queue = step(None).get_model("storage", "ToIndex")
    assert list(queue.objects.values_list("body_id", flat=True)) == ([body.pk] if postgres else [])
