"""How the pages write times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from threadline.web import times

NOW = datetime(2026, 6, 11, 7, 42, tzinfo=UTC)  # Thursday 09:42 in Stockholm


@pytest.fixture(autouse=True)
def stockholm() -> Iterator[None]:
    with timezone.override(ZoneInfo("Europe/Stockholm")):
        yield


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 6, 11, 6, 52, tzinfo=UTC), "Today 08:52"),
        (datetime(2026, 6, 10, 15, 26, tzinfo=UTC), "Yesterday 17:26"),
        (datetime(2026, 6, 12, 7, 14, tzinfo=UTC), "Tomorrow 09:14"),
        (datetime(2026, 6, 4, 12, 22, tzinfo=UTC), "Thu 4 June 14:22"),
        (datetime(2025, 6, 4, 12, 22, tzinfo=UTC), "4 June 2025, 14:22"),
    ],
)
def test_a_time_is_written_by_its_distance_from_today(moment: datetime, words: str) -> None:
    assert times.full(moment, NOW) == words


def test_the_day_is_the_companys_day_and_not_the_servers() -> None:
    just_after_midnight_in_stockholm = datetime(2026, 6, 10, 22, 5, tzinfo=UTC)
    assert times.full(just_after_midnight_in_stockholm, NOW) == "Today 00:05"


def test_new_years_eve_is_yesterday_on_new_years_day() -> None:
    assert times.full(datetime(2025, 12, 31, 12, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)) == "Yesterday 13:00"


def test_inside_a_sentence_today_is_only_the_clock() -> None:
    assert times.inline(datetime(2026, 6, 11, 7, 14, tzinfo=UTC), NOW) == "09:14"
    assert times.inline(datetime(2026, 6, 12, 7, 14, tzinfo=UTC), NOW) == "tomorrow 09:14"
    assert times.inline(datetime(2026, 6, 4, 12, 22, tzinfo=UTC), NOW) == "Thu 4 June 14:22"


def test_where_seconds_decide_they_are_written() -> None:
    assert times.exact(datetime(2026, 6, 9, 15, 41, 7, tzinfo=UTC), NOW) == "Tue 9 June 2026, 17:41:07"


def test_other_forms() -> None:
    moment = datetime(2026, 4, 2, 9, 6, tzinfo=UTC)
    assert times.clock(moment, NOW) == "11:06"
    assert times.day(moment, NOW) == "2 April"
    assert times.day(moment.replace(year=2025), NOW) == "2 April 2025"
    assert times.dated(moment, NOW) == "2 April 2026, 11:06"
    assert times.heading(moment, NOW) == "Thu 2 April"
