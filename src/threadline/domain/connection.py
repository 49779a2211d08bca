"""The connection of a mailbox: its states, what a failure means for them, and how they read.

The table is in `threadline.domain.connection_states`, the texts in `threadline.domain.connection_texts`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from threadline.domain.causes import Cause
from threadline.domain.connection_states import (
    TRANSITIONS,
    Event,
    Health,
    IllegalTransition,
    State,
    next_state,
)
from threadline.domain.connection_texts import Action, Description, describe, who_acts
from threadline.domain.errors import AccountGone, AppMisconfigured, NeedsAdmin, NeedsUser, ProviderError

__all__ = [
    "GIVE_UP_AFTER",
    "SECOND_ATTEMPT_AFTER",
    "TRANSITIONS",
    "Action",
    "Description",
    "Event",
    "Health",
    "IllegalTransition",
    "State",
    "describe",
    "event_of",
    "next_state",
    "who_acts",
]

# Servers refuse a right password now and then (a backend restarting, a lock after too many devices). So a
# rejection is believed when a second attempt, this much after the first rejection, is rejected as well.
SECOND_ATTEMPT_AFTER = timedelta(minutes=10)
GIVE_UP_AFTER = timedelta(days=1)


def event_of(
    error: ProviderError,
    *,
    failures: int,
    first_failed_at: datetime | None,
    last_failed_at: datetime | None,
    now: datetime,
    while_connecting: bool,
    rejected_at: datetime | None = None,
) -> Event:
    """What a failed attempt means for the connection.

    `failures`, `first_failed_at` and `last_failed_at` describe the failures in a row before this one (0, None, None:
    this is the first). `rejected_at` is when the credentials were first rejected in that row; where the caller does
    not keep it, the first failure of the row stands for it. After `rejected_once` the next attempt must not come
    earlier than SECOND_ATTEMPT_AFTER (give it to `retry_at` as `retry_after`).
    """
    if isinstance(error, NeedsAdmin | AccountGone):
        return Event.ADMIN_NEEDED
    if isinstance(error, AppMisconfigured):
        return Event.APP_AT_FAULT
    if isinstance(error, NeedsUser):
        first = rejected_at or (first_failed_at if failures else None)
        believed = first is not None and now - first >= SECOND_ATTEMPT_AFTER
        # every cause but this one is a definite answer of the provider, and needs no second attempt
        doubtful = error.cause is Cause.CREDENTIALS_REJECTED
        return Event.REJECTED_ONCE if doubtful and not believed and not while_connecting else Event.USER_NEEDED
    began = first_failed_at or last_failed_at
    if failures and began is not None and now - began >= GIVE_UP_AFTER:
        return Event.FAILED_FOR_A_DAY
    return Event.FAILED_FOR_NOW
