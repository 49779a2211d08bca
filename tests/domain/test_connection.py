"""The connection's table, what failures mean, and how states read."""

from datetime import datetime, timedelta
from itertools import product

import pytest

from tests.domain.world import NOON
from threadline.domain.cause_texts import CAUSE_TEXTS, cause_clause
from threadline.domain.causes import Cause, Who
from threadline.domain.connection import (
    TRANSITIONS,
    Action,
    Event,
    Health,
    IllegalTransition,
    State,
    describe,
    event_of,
    next_state,
    who_acts,
)
from threadline.domain.connection_texts import STATE_TEXTS
from threadline.domain.errors import (
    AccountGone,
    AppMisconfigured,
    CursorLost,
    MessageGone,
    MessageUnreadable,
    NeedsAdmin,
    NeedsUser,
    ProviderError,
    Throttled,
    Transient,
)

MINUTE = timedelta(minutes=1)
SUPPORT = "help@agency.example"
TRANSIENT = [Transient(), Throttled(), ProviderError(), CursorLost(), MessageGone(), MessageUnreadable()]


def event(
    error: ProviderError,
    *,
    failures: int = 0,
    since: datetime | None = None,
    connecting: bool = False,
    rejected_at: datetime | None = None,
) -> Event:
    return event_of(
        error,
        failures=failures,
        first_failed_at=since,
        last_failed_at=since,
        now=NOON,
        while_connecting=connecting,
        rejected_at=rejected_at,
    )


def test_every_pair_of_state_and_event_has_a_state_or_is_refused() -> None:
    for state, happened in product(State, Event):
        if happened in TRANSITIONS[state]:
            assert next_state(state, happened) is TRANSITIONS[state][happened]
        else:
            with pytest.raises(IllegalTransition, match=f"that is {state.value} cannot be {happened.value}"):
                next_state(state, happened)


def test_every_state_is_reached_from_connecting_and_can_be_left() -> None:
    reached, waiting = {State.CONNECTING}, [State.CONNECTING]
    while waiting:
        for target in TRANSITIONS[waiting.pop()].values():
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    assert reached == set(State) == set(TRANSITIONS)
    for state in State:
        assert set(TRANSITIONS[state].values()) - {state}


def test_every_event_changes_something_somewhere() -> None:
    for happened in Event:
        assert any(TRANSITIONS[state].get(happened, state) is not state for state in State), happened


def test_no_transient_failure_ever_leads_to_signing_in_again() -> None:
    for state, happened in product(State, (Event.FAILED_FOR_NOW, Event.REJECTED_ONCE, Event.FAILED_FOR_A_DAY)):
        target = TRANSITIONS[state].get(happened)
        assert target is not State.REAUTHORISE or state is State.REAUTHORISE


def test_a_late_report_never_brings_a_disconnected_mailbox_back() -> None:
    for happened in set(Event) - {Event.BEGUN, Event.DISCONNECTED}:
        with pytest.raises(IllegalTransition):
            next_state(State.DISCONNECTED, happened)


def test_a_completed_refresh_ends_every_trouble() -> None:
    for state in set(State) - {State.DISCONNECTED}:
        assert next_state(state, Event.REFRESHED) is State.CONNECTED


def test_an_unfinished_sign_in_again_interrupts_nothing_while_all_is_well() -> None:
    assert next_state(State.CONNECTED, Event.BEGUN) is State.CONNECTED


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
def test_a_timeout_never_asks_the_user_to_sign_in(error: ProviderError) -> None:
    for hours in range(0, 200, 4):
        happened = event(error, failures=hours, since=NOON - timedelta(hours=hours))
        assert happened in {Event.FAILED_FOR_NOW, Event.FAILED_FOR_A_DAY}
        assert (happened is Event.FAILED_FOR_A_DAY) == (hours >= 24)


def test_wrong_credentials_while_connecting_are_said_at_once() -> None:
    assert event(NeedsUser(), connecting=True) is Event.USER_NEEDED


def test_wrong_credentials_later_are_believed_after_a_second_attempt_ten_minutes_after_the_first() -> None:
    assert event(NeedsUser()) is Event.REJECTED_ONCE
    early, due = NOON - 9 * MINUTE, NOON - 10 * MINUTE
    assert event(NeedsUser(), failures=1, since=early, rejected_at=early) is Event.REJECTED_ONCE
    assert event(NeedsUser(), failures=5, since=early, rejected_at=early) is Event.REJECTED_ONCE
    assert event(NeedsUser(), failures=1, since=due, rejected_at=due) is Event.USER_NEEDED


def test_a_timeout_hours_ago_does_not_count_as_the_first_rejection() -> None:
    hours_ago = NOON - timedelta(hours=5)
    assert event(NeedsUser(), failures=7, since=hours_ago, rejected_at=NOON - MINUTE) is Event.REJECTED_ONCE


def test_without_its_own_time_the_first_failure_of_the_row_stands_for_the_first_rejection() -> None:
    assert event(NeedsUser(), failures=1, since=NOON - 11 * MINUTE) is Event.USER_NEEDED


@pytest.mark.parametrize("cause", [Cause.PASSWORD_EXPIRED, Cause.APP_PASSWORD_REQUIRED, Cause.WEB_SIGN_IN_REQUIRED])
def test_a_definite_answer_of_the_provider_decides_at_once(cause: Cause) -> None:
    assert event(NeedsUser(cause=cause)) is Event.USER_NEEDED


@pytest.mark.parametrize(
    ("error", "happened"),
    [
        (NeedsAdmin(), Event.ADMIN_NEEDED),
        (AccountGone(), Event.ADMIN_NEEDED),
        (AppMisconfigured(), Event.APP_AT_FAULT),
    ],
    ids=str,
)
def test_other_failures_say_who_must_act(error: ProviderError, happened: Event) -> None:
    assert event(error) is happened
    assert event(error, connecting=True) is happened


def test_every_event_that_a_failure_can_mean_is_possible_while_connecting_and_afterwards() -> None:
    errors = [*TRANSIENT, NeedsUser(), NeedsAdmin(), AccountGone(), AppMisconfigured()]
    for error, state in product(errors, set(State) - {State.DISCONNECTED}):
        next_state(state, event(error, connecting=state is State.CONNECTING))


@pytest.mark.parametrize("state", State)
def test_every_state_has_an_owner_a_word_an_icon_a_sentence_and_a_next_step(state: State) -> None:
    assert STATE_TEXTS[state].who in Who
    for cause in [None, *Cause]:
        for certain in (True, False):
            said = describe(Health(state, cause, certain), provider="imap", support_email=SUPPORT)
            assert said.word
            assert said.icon
            assert said.sentence.endswith(".")
            assert said.next_step.endswith(".")
            assert "{" not in said.word + said.sentence + said.next_step


def test_icons_tell_states_apart() -> None:
    assert len({text.icon for text in STATE_TEXTS.values()}) == len(State)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_says_what_happened_what_it_means_who_acts_and_what_is_next(cause: Cause) -> None:
    text = CAUSE_TEXTS[cause]
    assert text.clause
    assert not text.clause.endswith(".")
    assert text.meaning.endswith(".")
    assert text.next_step.endswith(".")
    assert text.who in Who
    assert "_" not in text.sentence() + text.next_step  # a sentence, not a code
    assert text.sentence()[0].isupper()
    assert text.sentence(certain=False).startswith("Likely ")
    assert cause_clause(cause.value) == text.clause


def test_a_cause_that_nobody_has_to_mend_asks_nothing_of_anyone() -> None:
    for text in CAUSE_TEXTS.values():
        if text.who is Who.NOBODY:
            assert text.next_step.startswith("Nothing needs to be done.")


def test_interrupted_names_the_support_address_and_what_to_send() -> None:
    said = describe(Health(State.INTERRUPTED, Cause.RETRIES_EXHAUSTED), provider="imap", support_email=SUPPORT)
    assert said.word == "Connection interrupted, contact support"
    for part in (SUPPORT, "name", "company", "what is wrong", "screenshot", "recording"):
        assert part in said.next_step
    assert said.action is Action.CONTACT_SUPPORT


def test_delayed_says_when_it_is_tried_again() -> None:
    said = describe(Health(State.DELAYED, Cause.THROTTLED, retry_at=NOON), provider="gmail", support_email=SUPPORT)
    assert said.word == "Connected, catching up (retry at 14 Mar 2026, 12:00 UTC)"


def test_a_retry_that_is_near_is_said_by_its_clock_alone() -> None:
    health = Health(State.DELAYED, Cause.THROTTLED, retry_at=NOON)
    for before, said in ((timedelta(minutes=5), "12:00"), (timedelta(days=1), "14 Mar 2026, 12:00 UTC")):
        word = describe(health, provider="gmail", support_email=SUPPORT, now=NOON - before).word
        assert word == f"Connected, catching up (retry at {said})"


def test_connecting_names_the_provider_or_the_administrator() -> None:
    assert describe(Health(State.CONNECTING), provider="graph", support_email="").word == "Waiting for Microsoft"
    waiting = Health(State.CONNECTING, who=Who.IT_ADMIN)
    assert describe(waiting, provider="graph", support_email="").word == "Waiting for your administrator's approval"


def test_signing_in_again_says_likely_only_where_the_provider_did_not_say() -> None:
    health = Health(State.REAUTHORISE, Cause.CREDENTIALS_REJECTED, certain=False)
    assert describe(health, provider="imap", support_email="").sentence.startswith("Likely the mail server rejected")


def test_a_single_rejection_does_not_ask_for_a_new_password_yet() -> None:
    health = Health(State.DELAYED, Cause.CREDENTIALS_REJECTED)
    said = describe(health, provider="imap", support_email="")
    assert "once more" in said.sentence
    assert said.next_step.startswith("Nothing needs to be done")
    assert who_acts(State.DELAYED, Cause.CREDENTIALS_REJECTED) is Who.NOBODY


def test_a_delay_that_does_not_mend_itself_says_who_can_mend_it() -> None:
    health = Health(State.DELAYED, Cause.CERTIFICATE_INVALID)
    assert "renew its certificate" in describe(health, provider="imap", support_email="").next_step
    assert who_acts(State.DELAYED, Cause.CERTIFICATE_INVALID) is Who.IT_ADMIN


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("cause", [None, *Cause])
def test_who_acts_follows_the_state(state: State, cause: Cause | None) -> None:
    who = who_acts(state, cause)
    fixed = {
        State.CONNECTED: Who.NOBODY,
        State.REAUTHORISE: Who.YOU,
        State.ADMIN_NEEDED: Who.IT_ADMIN,
        State.INTERRUPTED: Who.OPERATOR,
        State.DISCONNECTED: Who.YOU,
    }
    assert who is fixed.get(state, who)
    if state is State.DELAYED and cause in {
        None,
        Cause.THROTTLED,
        Cause.HOST_UNKNOWN,
        Cause.HOST_SILENT,
        Cause.UNKNOWN,
    }:
        assert who is Who.NOBODY
