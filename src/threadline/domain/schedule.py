"""When the next automatic refresh of a mailbox is due, and when a failed one is tried again.

The clock runs from the last *completed* refresh, whichever door started it: the button restarts it, a
failure does not. Nothing here draws random numbers: the same mailbox is always due at the same time, and a
test needs no luck.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

MOST_SPREAD = 0.05
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
LONGEST_WISH = timedelta(days=1)  # a provider's Retry-After beyond this is taken for an error
MOST_JITTER = 0.2


def spread_of(mailbox_id: str) -> float:
    """How much earlier than the interval this mailbox is due, as a part of it: fixed, in [0, 0.05)."""
    return MOST_SPREAD * _fraction("spread", mailbox_id)


def next_refresh_at(last_completed: datetime, interval: timedelta, *, spread: float) -> datetime:
    """When the automatic refresh is due: the interval after the last completed one, or up to 5 % earlier."""
    if interval <= timedelta(0):
        raise ValueError(f"The refresh interval is {interval}; expected a time longer than nothing")
    if not 0 <= spread <= MOST_SPREAD:
        raise ValueError(f"The spread is {spread}; expected a part between 0 and {MOST_SPREAD}")
    return last_completed + timedelta(seconds=interval.total_seconds() * (1 - spread))


def retry_at(failed_at: datetime, failures: int, *, retry_after: timedelta | None = None, key: str = "") -> datetime:
    """When to try again after `failures` failures in a row, the last at `failed_at`.

    Doubling from one minute to one hour, and up to a fifth later, so that many mailboxes that failed
    together do not come back together (`key`, for instance the mailbox's id, tells them apart). Never
    earlier than the provider asked for.
    """
    doublings = min(max(failures, 1) - 1, 10)
    delay = min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)
    if retry_after is not None:
        delay = max(delay, min(retry_after, LONGEST_WISH))
    jitter = MOST_JITTER * _fraction("retry", key, failed_at.isoformat(), str(failures))
    return failed_at + delay * (1 + jitter)


def due_at(
    last_completed: datetime | None,
    interval: timedelta,
    *,
    spread: float,
    never_before: datetime,
    retrying_at: datetime | None = None,
) -> datetime:
    """When the worker starts the next refresh: a pending retry decides, then the schedule.

    A mailbox that never completed one is due at `never_before`, when it was connected.
    """
    if retrying_at is not None:
        return retrying_at
    return next_refresh_at(last_completed, interval, spread=spread) if last_completed else never_before


def _fraction(*parts: str) -> float:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
