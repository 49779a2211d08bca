"""Whether what the latest check found still stands, or a refresh or a check has failed since."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max

from threadline.domain.connection import State
from threadline.storage.models import Mailbox, Refresh, Verification

_CONNECTED = {State.CONNECTED.value, State.DELAYED.value}
_NOT_COMPLETE = {"failed", "partial"}
BECAUSE_REFRESH = "because the last refresh did not complete"


def doubt(mailbox: Mailbox, check: Verification) -> str:
    """Why the check does not speak for now, as the second half of a sentence; "" where it does."""
    ended = mailbox.refreshes.exclude(trigger="verify").filter(finished_at__isnull=False)
    failed = failed_checks([mailbox]).get(mailbox.pk)
    return doubt_of(mailbox.state, check, ended.order_by("-started_at").first(), failed)


def doubt_of(state: str, check: Verification, last: Refresh | None, check_failed_at: datetime | None) -> str:
    """The same of what is known already. `last` is the latest refresh that has ended, however it did."""
    if state == State.INTERRUPTED.value:
        return "not checked since, because the connection is interrupted"
    if state not in _CONNECTED:
        return "not checked since, because the mailbox is not connected"
    if last is not None and last.outcome in _NOT_COMPLETE and (last.finished_at or last.started_at) > check.checked_at:
        return f"not checked since, {BECAUSE_REFRESH}"
    if state == State.DELAYED.value:  # checked after the failure: what a refresh has not listed yet did not count
        return f"newer emails come later, {BECAUSE_REFRESH}"
    if check_failed_at is not None and check_failed_at > check.checked_at:
        return "not checked since, because the last check did not complete"
    return ""


def failed_checks(mailboxes: Iterable[Mailbox]) -> dict[int, datetime]:
    """When a check of each mailbox failed last, by the mailbox's key."""
    failed = Refresh.objects.filter(mailbox__in=[mailbox.pk for mailbox in mailboxes], trigger="verify")
    found = failed.order_by().values("mailbox").annotate(latest=Max("finished_at"))
    return {row["mailbox"]: row["latest"] for row in found if row["latest"] is not None}


def in_words(accounted_for: int, on_server: int, at: str, because: str) -> str:
    """ "740 of 740 accounted for when last checked, 01:41; not checked since, because …"; `because` is a doubt."""
    return f"{accounted_for:,} of {on_server:,} accounted for when last checked, {at}; {because}"
