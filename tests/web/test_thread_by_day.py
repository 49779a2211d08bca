"""The thread line by day: what is drawn where."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.web.thread_by_day import STEP, TALLEST, Break, Day, lay_out

TODAY = date(2026, 6, 11)
FIRST = TODAY - timedelta(days=89)
NINETY = [Day(FIRST + timedelta(days=n), received=n % 5, sent=n % 3) for n in range(90)]


def texts(breaks: list[Break]) -> list[str]:
    return [label.text for label in lay_out(NINETY, breaks).labels]


def test_without_breaks_the_line_is_whole() -> None:
    drawing = lay_out(NINETY)
    assert drawing.whole == ((0, 900),)
    assert drawing.caps == ()
    assert drawing.width == 90 * STEP


def test_an_open_break_draws_nothing_between_its_caps_and_says_for_how_long() -> None:
    drawing = lay_out(NINETY, [Break(date(2026, 6, 3), TODAY)])
    assert drawing.whole == ((0, 810),)
    assert drawing.stitched == ()
    assert drawing.caps == (810, 899)
    assert all(bar.x < 810 for bar in drawing.bars)
    assert "open, 9 days" in [label.text for label in drawing.labels]


def test_a_mended_break_is_stitched_and_its_days_are_recovered() -> None:
    drawing = lay_out(NINETY, [Break(date(2026, 5, 12), date(2026, 5, 19), recovered=214)])
    left = (date(2026, 5, 12) - FIRST).days * STEP
    assert drawing.stitched == ((left, left + 80),)
    assert [bar.x for bar in drawing.bars if bar.recovered] == [left + STEP * n + 3 for n in range(8)]
    assert "12–19 May" in [label.text for label in drawing.labels]


def test_a_break_that_began_before_the_first_day_starts_at_the_edge() -> None:
    drawing = lay_out(NINETY, [Break(FIRST - timedelta(days=9), FIRST + timedelta(days=1), recovered=0)])
    assert drawing.stitched == ((0, 20),)


def test_a_break_outside_the_days_is_not_drawn() -> None:
    assert lay_out(NINETY, [Break(FIRST - timedelta(days=9), FIRST - timedelta(days=2), recovered=3)]).caps == ()


def test_a_break_of_one_day_names_the_day() -> None:
    assert "5 May" in texts([Break(date(2026, 5, 5), date(2026, 5, 5), recovered=1)])


def test_no_month_is_left_out_when_it_begins_under_the_label_of_the_first_day() -> None:
    first = date(2026, 8, 26)
    labels = [label.text for label in lay_out([Day(first + timedelta(days=n)) for n in range(90)]).labels]
    assert labels == ["26 August", "Today", "September", "October", "November"]


def test_one_email_is_seen_beside_a_thousand() -> None:
    drawing = lay_out([Day(TODAY, received=1000, sent=1)])
    assert drawing.bars[0].received == TALLEST
    assert drawing.bars[0].sent >= 2


def test_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        lay_out([])


@given(
    st.lists(
        st.tuples(st.integers(-20, 95), st.integers(0, 30), st.booleans()).map(
            lambda t: Break(
                FIRST + timedelta(days=t[0]), FIRST + timedelta(days=t[0] + t[1]), recovered=5 if t[2] else None
            )
        ),
        max_size=5,
    )
)
def test_labels_never_overlap_and_everything_stays_inside(breaks: list[Break]) -> None:
    drawing = lay_out(NINETY, breaks)
    for row in {label.y for label in drawing.labels}:
        spans = sorted(label.span for label in drawing.labels if label.y == row)
        assert all(left[1] < right[0] for left, right in pairwise(spans))
    assert all(0 < cap < drawing.width for cap in drawing.caps)
    assert all(0 <= left < right <= drawing.width for left, right in (*drawing.whole, *drawing.stitched))
