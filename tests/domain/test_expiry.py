"""When a sign-in will end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from threadline.domain.expiry import Basis, forecast, warning

SIGNED_IN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def test_an_unused_sign_in_ends_after_ninety_days() -> None:
    found = forecast(granted_at=SIGNED_IN, used_at=SIGNED_IN)
    assert (found.at, found.basis) == (SIGNED_IN + days(90), Basis.UNUSED_90_DAYS)


def test_every_use_starts_the_ninety_days_anew() -> None:
    found = forecast(granted_at=SIGNED_IN, used_at=SIGNED_IN + days(400))
    assert found.at == SIGNED_IN + days(490)


def test_an_organisation_that_asked_every_thirty_days_will_likely_ask_again() -> None:
    found = forecast(granted_at=SIGNED_IN, used_at=SIGNED_IN + days(7), lasted=[days(30), days(31)])
    assert (found.at, found.basis, found.times) == (SIGNED_IN + days(30.5), Basis.POLICY, 2)


@pytest.mark.parametrize("lasted", [[days(30)], [days(30), days(60)], [timedelta(hours=1), timedelta(hours=1)]])
def test_what_happened_once_or_without_rhythm_foretells_nothing(lasted: list[timedelta]) -> None:
    assert forecast(granted_at=SIGNED_IN, used_at=SIGNED_IN, lasted=lasted).basis is Basis.UNUSED_90_DAYS


def test_a_sign_in_that_outlived_the_rhythm_is_measured_by_its_use_again() -> None:
    found = forecast(granted_at=SIGNED_IN, used_at=SIGNED_IN + days(40), lasted=[days(30), days(30)])
    assert (found.at, found.basis) == (SIGNED_IN + days(130), Basis.UNUSED_90_DAYS)


@pytest.mark.parametrize(
    ("left", "stage"),
    [(20, None), (14.1, None), (14, 14), (8, 14), (7, 7), (3.5, 7), (3, 3), (2, 3), (1, 1), (0.2, 1), (-1, 1)],
)
def test_the_end_is_announced_fourteen_seven_three_and_one_days_before(left: float, stage: int | None) -> None:
    assert warning(SIGNED_IN + days(left), SIGNED_IN) == stage
