"""When a refresh is due."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.world import NOON
from threadline.domain.schedule import due_at, next_refresh_at, retry_at, spread_of

DAY = timedelta(hours=24)
INTERVALS = st.timedeltas(timedelta(minutes=1), timedelta(days=7))


def test_the_automatic_refresh_comes_24_hours_after_the_last_completed_one() -> None:
    assert next_refresh_at(NOON, DAY, spread=0) == NOON + DAY


def test_using_the_refresh_button_restarts_the_24_hours() -> None:
    pressed = NOON + timedelta(hours=5)
    assert next_refresh_at(pressed, DAY, spread=0) == pressed + DAY


@given(INTERVALS, st.text())
def test_spreading_makes_it_earlier_by_less_than_a_twentieth_and_never_later(interval: timedelta, mailbox: str) -> None:
    due = next_refresh_at(NOON, interval, spread=spread_of(mailbox))
    assert NOON + interval * 0.95 <= due <= NOON + interval


def test_the_spread_is_fixed_per_mailbox_and_differs_between_mailboxes() -> None:
    spreads = [spread_of(str(number)) for number in range(1000)]
    assert spreads == [spread_of(str(number)) for number in range(1000)]
    assert all(0 <= spread < 0.05 for spread in spreads)
    assert max(spreads) - min(spreads) > 0.04
    busiest = max(sum(1 for spread in spreads if slot * 0.005 <= spread < slot * 0.005 + 0.005) for slot in range(10))
    assert busiest < 200


@pytest.mark.parametrize(("interval", "spread"), [(timedelta(0), 0), (DAY, -0.01), (DAY, 0.06)])
def test_a_senseless_interval_or_spread_is_refused(interval: timedelta, spread: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        next_refresh_at(NOON, interval, spread=spread)


def test_a_failed_refresh_retries_soon_and_does_not_restart_the_clock() -> None:
    retry = retry_at(NOON, 1)
    assert due_at(NOON - DAY, DAY, spread=0, never_before=NOON, retrying_at=retry) == retry
    assert due_at(NOON - DAY, DAY, spread=0, never_before=NOON) == NOON
    assert NOON + timedelta(minutes=1) <= retry <= NOON + timedelta(minutes=1.2)


def test_a_mailbox_never_refreshed_is_due_when_it_was_connected() -> None:
    assert due_at(None, DAY, spread=0, never_before=NOON) == NOON


@given(st.integers(0, 10_000), st.text())
def test_retries_back_off_to_an_hour_and_no_further(failures: int, key: str) -> None:
    wait = retry_at(NOON, failures, key=key) - NOON
    assert timedelta(minutes=1) <= wait <= timedelta(hours=1.2)
    assert wait >= min(timedelta(hours=1), timedelta(minutes=2 ** min(max(failures, 1) - 1, 6)))
    assert retry_at(NOON, failures, key=key) - NOON == wait


@given(st.integers(1, 100), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_retry_is_never_earlier_than_the_provider_asked_for(failures: int, wish: timedelta) -> None:
    assert retry_at(NOON, failures, retry_after=wish) >= NOON + wish


def test_a_provider_cannot_put_us_off_for_more_than_about_a_day() -> None:
    assert retry_at(NOON, 1, retry_after=timedelta(days=365)) <= NOON + timedelta(days=1.2)


def test_mailboxes_that_failed_together_do_not_come_back_together() -> None:
    assert len({retry_at(NOON, 3, key=str(number)) for number in range(100)}) == 100
