"""The connection of a mailbox: one table, `state x event -> state`.

A pair that is missing in the table is an error of ours and raises `IllegalTransition`. In particular there
is no way from a transient failure to `reauthorise`: a timeout never asks anyone to sign in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from threadline.domain.causes import Cause, Who
from threadline.domain.errors import ThreadlineError


class State(Enum):
    """The value is the word in the API and on the command line."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DELAYED = "delayed"
    REAUTHORISE = "reauthorise"
    ADMIN_NEEDED = "admin_needed"
    INTERRUPTED = "interrupted"
    DISCONNECTED = "disconnected"


class Event(Enum):
    """What happens to a connection."""

    BEGUN = "begun"  # somebody began to connect, or to connect again
    AUTHORISED = "authorised"  # the provider accepted the sign-in
    REFRESHED = "refreshed"  # a refresh completed
    FAILED_FOR_NOW = "failed_for_now"  # network, throttling, trouble at the provider, an unknown answer
    REJECTED_ONCE = "rejected_once"  # wrong credentials, to be confirmed by one more attempt
    USER_NEEDED = "user_needed"  # the credentials are rejected for good
    ADMIN_NEEDED = "admin_needed"
    APP_AT_FAULT = "app_at_fault"
    FAILED_FOR_A_DAY = "failed_for_a_day"
    DISCONNECTED = "disconnected"  # by the user


class IllegalTransition(ThreadlineError):
    """This event cannot happen in this state."""


_BLOCKING: Mapping[Event, State] = {
    Event.USER_NEEDED: State.REAUTHORISE,
    Event.ADMIN_NEEDED: State.ADMIN_NEEDED,
    Event.APP_AT_FAULT: State.INTERRUPTED,
}
_ANY: Mapping[Event, State] = {
    **_BLOCKING,
    Event.AUTHORISED: State.CONNECTED,
    Event.REFRESHED: State.CONNECTED,
    Event.DISCONNECTED: State.DISCONNECTED,
}


def _and_stays(state: State, *events: Event) -> Mapping[Event, State]:
    return dict.fromkeys(events, state)


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.CONNECTING: {
        **_ANY,
        **_and_stays(State.CONNECTING, Event.BEGUN, Event.FAILED_FOR_NOW),
        Event.FAILED_FOR_A_DAY: State.INTERRUPTED,
    },
    State.CONNECTED: {
        **_ANY,
        Event.BEGUN: State.CONNECTED,  # signing in again while all is well interrupts nothing
        Event.FAILED_FOR_NOW: State.DELAYED,
        Event.REJECTED_ONCE: State.DELAYED,
        Event.FAILED_FOR_A_DAY: State.INTERRUPTED,
    },
    State.DELAYED: {
        **_ANY,
        Event.BEGUN: State.CONNECTING,
        **_and_stays(State.DELAYED, Event.FAILED_FOR_NOW, Event.REJECTED_ONCE),
        Event.FAILED_FOR_A_DAY: State.INTERRUPTED,
    },
    # A failure of less weight does not hide what somebody has to do.
    State.REAUTHORISE: {
        **_ANY,
        Event.BEGUN: State.CONNECTING,
        **_and_stays(State.REAUTHORISE, Event.FAILED_FOR_NOW, Event.REJECTED_ONCE, Event.FAILED_FOR_A_DAY),
    },
    State.ADMIN_NEEDED: {
        **_ANY,
        Event.BEGUN: State.CONNECTING,
        **_and_stays(State.ADMIN_NEEDED, Event.FAILED_FOR_NOW, Event.REJECTED_ONCE, Event.FAILED_FOR_A_DAY),
    },
    State.INTERRUPTED: {
        **_ANY,
        Event.BEGUN: State.CONNECTING,
        **_and_stays(State.INTERRUPTED, Event.FAILED_FOR_NOW, Event.REJECTED_ONCE, Event.FAILED_FOR_A_DAY),
    },
    # The credentials are forgotten: whatever a refresh still reports after that must not bring the
    # connection back.
    State.DISCONNECTED: {
        Event.BEGUN: State.CONNECTING,
        Event.DISCONNECTED: State.DISCONNECTED,
    },
}


def next_state(state: State, event: Event) -> State:
    """The state after the event."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"A connection that is {state.value} cannot be {event.value}.") from None


@dataclass(frozen=True, slots=True)
class Health:
    """How a connection is, why, and since when."""

    state: State
    cause: Cause | None = None
    certain: bool = True
    who: Who = Who.NOBODY
    since: datetime | None = None
    retry_at: datetime | None = None
