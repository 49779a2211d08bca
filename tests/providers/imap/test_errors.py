"""Every row of the table of refusals meets the answer it was made for; an unknown one asks nothing of anybody."""

import re
from datetime import timedelta

import pytest

from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsUser, ProviderError, Throttled, Transient
from threadline.providers.imap import parse
from threadline.providers.imap.errors import ROWS, Phase, Row, error_for, row_for
from threadline.providers.imap.wire import Frame


def status(text: str) -> parse.Status:
    found = parse.answer(Frame((f"{'*' if text.startswith('BYE') else 'T1'} {text}".encode(),), ()))
    assert isinstance(found, parse.Status)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.example)
def test_each_row_is_the_one_that_answers_its_example(row: Row) -> None:
    found = row_for(status(row.example), row.phase or Phase.COMMAND)
    assert found is not None
    assert (found.error, found.cause) == (row.error, row.cause)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.example)
def test_each_row_says_where_it_is_from_and_speaks_to_a_person(row: Row) -> None:
    assert row.source
    assert row.says.endswith(".")
    assert not re.search(r"\b(?:IMAP4|NO|BAD|EXAMINE)\b", row.says)


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("NO [ALERT] Invalid credentials (Failure)", NeedsUser, Cause.CREDENTIALS_REJECTED),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", Transient, Cause.TOO_MANY_CONNECTIONS),
        ("BYE [ALERT] Too many connections.", Transient, Cause.TOO_MANY_CONNECTIONS),
        ("NO [UNAVAILABLE] Temporary authentication failure.", Transient, Cause.SERVER_TROUBLE),
        ("NO LOGIN failed.", NeedsUser, Cause.CREDENTIALS_REJECTED),
        ("NO Lookup failed", Transient, Cause.UNKNOWN),
        ("BAD Something new under the sun", Transient, Cause.UNKNOWN),
        ("BYE So long", Transient, Cause.CONNECTION_LOST),
    ],
)
def test_more_real_texts(text: str, kind: type[ProviderError], cause: Cause) -> None:
    error = error_for(status(text), Phase.SIGN_IN)
    assert type(error) is kind
    assert error.cause is cause
    assert error.answer == text


def test_an_unknown_text_is_never_certain() -> None:
    assert not error_for(status("NO Nope"), Phase.SIGN_IN).certain


def test_wrong_password_is_only_said_while_signing_in() -> None:
    error = error_for(status("NO [AUTHENTICATIONFAILED] Not now"), Phase.COMMAND)
    assert not isinstance(error, NeedsUser)


def test_the_suggested_delay_is_kept_and_has_an_upper_bound() -> None:
    error = error_for(status("BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds"), Phase.COMMAND)
    assert isinstance(error, Throttled)
    assert error.retry_after == timedelta(milliseconds=92415)
    forever = error_for(status("NO Throttled. Suggested Backoff Time: 999999999999 milliseconds"), Phase.COMMAND)
    assert isinstance(forever, Throttled)
    assert forever.retry_after == timedelta(days=1)


def test_an_alert_before_the_refusal_explains_it() -> None:
    alert = status("NO [WEBALERT https://accounts.google.com/signin] Web login required.")
    error = error_for(status("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"), Phase.SIGN_IN, [alert])
    assert isinstance(error, NeedsUser)
    assert error.cause is Cause.WEB_SIGN_IN_REQUIRED
    assert "https://accounts.google.com/signin" in error.answer
