"""The fifth condition, where ids rise and where they do not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from threadline.domain.coverage import covers

BEGAN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(("uid", "covered"), [("6", True), ("7", False), ("70", False), ("x", None)])
def test_where_ids_rise_those_below_the_next_one_were_listed(uid: str, covered: bool | None) -> None:
    assert covers("7", uid, None) is covered


def test_elsewhere_what_was_received_before_the_listing_began_was_listed() -> None:
    assert covers(BEGAN.isoformat(), "AAkA", BEGAN - timedelta(seconds=1)) is True
    assert covers(BEGAN.isoformat(), "AAkA", BEGAN) is False
    assert covers(BEGAN.isoformat(), "AAkA", BEGAN.astimezone(timezone(timedelta(hours=9)))) is False


@pytest.mark.parametrize("reach", ["", "soon", "2026-03-02T10:00:00"])
def test_a_reach_that_is_not_known_says_nothing(reach: str) -> None:
    assert covers(reach, "AAkA", BEGAN) is None


def test_an_email_without_a_time_says_nothing() -> None:
    assert covers(BEGAN.isoformat(), "AAkA", None) is None
