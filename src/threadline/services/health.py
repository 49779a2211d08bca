"""The state of a mailbox's connection: moved by what refreshes and people do, by the one table in the domain."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings

from threadline import clock
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.connection import SECOND_ATTEMPT_AFTER, Event, Health, State, event_of, next_state
from threadline.domain.connection_texts import STATE_TEXTS, Description, describe
from threadline.domain.errors import AppMisconfigured, NeedsUser, ProviderError, Throttled
from threadline.domain.schedule import next_refresh_at, retry_at, spread_of
from threadline.services import installation
from threadline.services.policy import policy_of
from threadline.storage.models import ConnectionEvent, Mailbox

# What is written when the connection moves. The rest of a mailbox is others' to change while a refresh runs: its lease,
# and what people ask for meanwhile.
OF_THE_CONNECTION = (
    "state", "cause", "certain", "who", "since", "retry_at", "answer", "failures", "first_failed_at", "last_failed_at",
    "rejected_at", "last_refresh_at", "next_refresh_at", "history_complete_at", "gap_since",
)  # fmt: skip
STOPPED = {State.REAUTHORISE, State.ADMIN_NEEDED, State.INTERRUPTED, State.DISCONNECTED}
ADMIN_PROBE = timedelta(hours=6)  # how often we look whether an administrator has acted


def health_of(mailbox: Mailbox) -> Health:
    return Health(
        state=State(mailbox.state),
        cause=Cause(mailbox.cause) if mailbox.cause else None,
        certain=mailbox.certain,
        who=Who(mailbox.who),
        since=mailbox.since,
        retry_at=mailbox.retry_at,
    )


def describe_mailbox(mailbox: Mailbox) -> Description:
    """The texts of a mailbox's connection, for a page."""
    return describe(
        health_of(mailbox),
        provider=mailbox.provider,
        support_email=settings.SUPPORT_EMAIL,
        zone=mailbox.company.zone,
        now=clock.now(),
    )


def describe_now(mailbox: Mailbox) -> Description:
    """The same with what of this installation holds the mailbox up, which its own state does not know."""
    said, fault = describe_mailbox(mailbox), installation.fault_for(mailbox)
    if fault is None:
        return said
    text = CAUSE_TEXTS[Cause(fault.cause)]
    return replace(said, sentence=text.sentence(), next_step=text.next_step)


def move(
    mailbox: Mailbox,
    event: Event,
    *,
    now: datetime,
    cause: Cause | None = None,
    certain: bool = True,
    text: str = "",
    answer: str = "",
) -> None:
    """Apply an event: the new state, its cause, who must act and since when; kept in the connection's history."""
    before = State(mailbox.state)
    after = next_state(before, event)
    changed = (before.value, mailbox.cause) != (after.value, cause.value if cause else "")
    if before is not after:
        mailbox.since = now
    if after in STOPPED and before not in STOPPED and mailbox.gap_since is None and mailbox.last_refresh_at:
        mailbox.gap_since = mailbox.last_refresh_at
    mailbox.state, mailbox.cause, mailbox.certain = after.value, cause.value if cause else "", certain
    mailbox.who = _who(after, cause).value
    mailbox.answer = answer[:2000]
    mailbox.save(update_fields=OF_THE_CONNECTION)
    if changed:
        ConnectionEvent.objects.create(
            mailbox=mailbox,
            at=now,
            event=event.value,
            before=before.value,
            after=after.value,
            cause=mailbox.cause,
            certain=certain,
            text=text[:500],
            answer=mailbox.answer,
        )


def _who(state: State, cause: Cause | None) -> Who:
    if state in {State.CONNECTED, State.DELAYED}:
        return Who.NOBODY
    if state in {State.CONNECTING, State.ADMIN_NEEDED} and cause is not None:
        return CAUSE_TEXTS[cause].who
    return STATE_TEXTS[state].who


def refreshed(mailbox: Mailbox, *, now: datetime) -> None:
    """A refresh completed: all is well, and the clock of the automatic refresh starts again."""
    _read_again(mailbox)
    if mailbox.state == State.DISCONNECTED.value:
        return  # disconnected while it ran: what was stored stays, the connection does not come back
    mailbox.failures, mailbox.first_failed_at, mailbox.last_failed_at, mailbox.rejected_at = (
        0,
        None,
        None,
        None,
    )
    mailbox.retry_at = None
    mailbox.last_refresh_at = now
    mailbox.history_complete_at = mailbox.history_complete_at or now
    interval = policy_of(mailbox.company).refresh_interval
    mailbox.next_refresh_at = next_refresh_at(now, interval, spread=spread_of(str(mailbox.pk)))
    move(mailbox, Event.REFRESHED, now=now, text="Refresh completed")


def failed(mailbox: Mailbox, error: ProviderError, *, now: datetime) -> None:
    """A refresh failed: what that means for the connection, and when it is tried again."""
    _read_again(mailbox)
    if mailbox.state == State.DISCONNECTED.value:
        return
    if isinstance(error, AppMisconfigured) and mailbox.provider != "imap":
        # This installation's own fault (services.installation) says nothing about any mailbox: only its turn is later.
        mailbox.next_refresh_at = now + installation.RETRY_AFTER
        mailbox.save(update_fields=["next_refresh_at"])
        return
    event = event_of(
        error,
        failures=mailbox.failures,
        first_failed_at=mailbox.first_failed_at,
        last_failed_at=mailbox.last_failed_at,
        now=now,
        while_connecting=mailbox.state == State.CONNECTING.value,
        rejected_at=mailbox.rejected_at,
    )
    mailbox.failures += 1
    mailbox.first_failed_at = mailbox.first_failed_at or now
    mailbox.last_failed_at = now
    if isinstance(error, NeedsUser):
        mailbox.rejected_at = mailbox.rejected_at or now
    after = next_state(State(mailbox.state), event)
    mailbox.retry_at = mailbox.next_refresh_at = _retry(mailbox, error, event, after, now)
    move(
        mailbox,
        event,
        now=now,
        cause=error.cause,
        certain=error.certain,
        text=str(error),
        answer=error.answer,
    )


def _read_again(mailbox: Mailbox) -> None:
    """What people and other workers may have changed while a refresh ran counts, not what was read at its start."""
    mailbox.refresh_from_db(fields=["state", "cause", "since", "gap_since", "who", "certain", "answer"])


def _retry(mailbox: Mailbox, error: ProviderError, event: Event, after: State, now: datetime) -> datetime | None:
    if after is State.REAUTHORISE:
        return None
    if after is State.ADMIN_NEEDED:
        return now + ADMIN_PROBE
    wish = error.retry_after if isinstance(error, Throttled) else None
    due = retry_at(now, mailbox.failures, retry_after=wish, key=str(mailbox.pk))
    return max(due, now + SECOND_ATTEMPT_AFTER) if event is Event.REJECTED_ONCE else due
