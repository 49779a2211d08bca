"""Every row of the table of Entra's refusals meets the answer it was made for; `error` bounds what a number may say."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.causes import Cause
from threadline.domain.errors import (
    AccountGone,
    AppMisconfigured,
    NeedsAdmin,
    NeedsUser,
    ProviderError,
    Throttled,
    Transient,
)
from threadline.providers.oauth.errors import BY_ERROR, ROWS, Row, meaning_of, refused

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def token_answer(code: int, error: str, **more: object) -> ProviderError:
    said = f"AADSTS{code}: Something.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 2026-03-02 10:00:00Z"
    body = {"error": error, "error_description": said, "error_codes": [code], **more}
    return refused(400, {}, body, now=NOW)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.codes[0]))
def test_each_row_is_the_one_that_answers_its_example(row: Row) -> None:
    code = int(re.findall(r"AADSTS(\d+)", row.example)[0])
    body = {"error": row.example_error, "error_description": row.example, "error_codes": [code]}
    found = refused(400, {}, body, now=NOW)
    assert (type(found), found.cause, found.certain) == (row.error, row.cause, row.certain or row.error is Throttled)
    assert code in row.codes
    assert f"AADSTS{code}" in found.answer


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.codes[0]))
def test_each_row_says_where_it_is_from_and_speaks_to_a_person(row: Row) -> None:
    assert row.source
    assert row.says.endswith(".")
    assert not re.search(r"AADSTS|OAuth|token|grant|tenant|\d{4}", row.says)


def test_no_code_stands_in_two_rows() -> None:
    codes = [code for row in ROWS for code in row.codes]
    assert len(codes) == len(set(codes))


# What the documentation of Microsoft's codes says, each code by itself.
@pytest.mark.parametrize(
    ("codes", "kind", "cause"),
    [
        ("50173 50132 50133", NeedsUser, Cause.SECURITY_CHANGE),
        ("700082", NeedsUser, Cause.UNUSED_90_DAYS),
        ("70008 70000 50089", NeedsUser, Cause.SIGN_IN_EXPIRED),
        ("70043", NeedsUser, Cause.SIGN_IN_FREQUENCY),
        ("50076 50079 50072 50074 50078 50158", NeedsUser, Cause.MFA_REQUIRED),
        ("50055 50144", NeedsUser, Cause.PASSWORD_EXPIRED),
        ("50126", NeedsUser, Cause.CREDENTIALS_REJECTED),
        ("50053", NeedsUser, Cause.ACCOUNT_LOCKED),
        ("65001", NeedsUser, Cause.CONSENT_WITHDRAWN),
        ("65004", NeedsUser, Cause.CONSENT_DECLINED),
        ("50020 16000 50177", NeedsUser, Cause.GUEST_ACCOUNT),
        ("90094 90095 90008 650056 650057 500011 700016", NeedsAdmin, Cause.ADMIN_APPROVAL),
        ("50105", NeedsAdmin, Cause.NOT_ASSIGNED),
        ("7000112 70001", NeedsAdmin, Cause.APP_DISABLED),
        ("53000 53001 530003", NeedsAdmin, Cause.DEVICE_REQUIRED),
        ("53003 530032 530035 50131 53004 53010 53011", NeedsAdmin, Cause.ACCESS_BLOCKED),
        ("50057", NeedsAdmin, Cause.ACCOUNT_DISABLED),
        ("50034 51004", AccountGone, Cause.ACCOUNT_GONE),
        ("7000215 700027 7000218 70002", AppMisconfigured, Cause.APP_SECRET_WRONG),
        ("7000222", AppMisconfigured, Cause.APP_SECRET_EXPIRED),
        ("700084 50011 501481 54005 9002313 70011 50196", AppMisconfigured, Cause.APP_MISCONFIGURED),
        ("50033 50087 90006 90012 90024 90033 90090", Transient, Cause.SERVER_TROUBLE),
        ("90055", Throttled, Cause.THROTTLED),
    ],
)
def test_every_code_that_microsoft_documents(codes: str, kind: type[ProviderError], cause: Cause) -> None:
    for code in map(int, codes.split()):
        for error in ("invalid_grant", "interaction_required"):
            found = token_answer(code, error)
            assert isinstance(found, kind), code
            assert found.cause is cause, code


@pytest.mark.parametrize("code", [7000215, 7000222, 700027, 7000218, 70002, 50173, 50076, 700082, 99])
def test_a_refusal_of_our_own_client_is_never_anybodys_sign_in_to_repeat(code: int) -> None:
    assert isinstance(token_answer(code, "invalid_client"), AppMisconfigured)


@given(code=st.integers(1000, 999_999_999))
def test_trouble_at_microsoft_is_never_anything_but_that(code: int) -> None:
    for error in ("temporarily_unavailable", "server_error"):
        assert isinstance(token_answer(code, error), Transient)
    body = {"error": "invalid_grant", "error_codes": [code]}
    assert isinstance(refused(503, {}, body, now=NOW), Transient)


@given(error=st.text(max_size=30), said=st.text(max_size=200), code=st.integers(0, 10**9))
def test_an_error_and_a_number_that_nobody_knows_ask_nothing_of_anybody(error: str, said: str, code: int) -> None:
    if error in BY_ERROR or any(code in row.codes for row in ROWS) or "AADSTS" in said:
        return
    found = meaning_of(error, said, [code])
    assert type(found) is Transient
    assert not found.certain


def test_a_number_that_nobody_knows_is_as_its_error_says() -> None:
    found = token_answer(123456789, "invalid_grant")
    assert (type(found), found.cause) == (NeedsUser, Cause.SIGN_IN_EXPIRED)


def test_a_security_change_is_likely_and_not_certain() -> None:
    assert not token_answer(50173, "invalid_grant", suberror="bad_token").certain


def test_what_comes_back_through_the_browser_is_read_by_the_same_table() -> None:
    found = meaning_of("access_denied", "AADSTS65004: User declined to consent to access the app.", subcode="cancel")
    assert (type(found), found.cause) == (NeedsUser, Cause.CONSENT_DECLINED)
    assert "cancel" in found.answer
    asked = meaning_of("consent_required", "AADSTS90094: Admin consent is required.")
    assert (type(asked), asked.cause) == (NeedsAdmin, Cause.ADMIN_APPROVAL)


@pytest.mark.parametrize("wait", ["120", "Mon, 02 Mar 2026 10:02:00 GMT"])
def test_a_delay_is_kept(wait: str) -> None:
    found = refused(429, {"retry-after": wait}, {}, now=NOW)
    assert isinstance(found, Throttled)
    assert found.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("body", [{}, {"error": 7}, {"error": None, "error_codes": "x"}])
def test_an_answer_that_is_no_refusal_is_trouble(body: dict[str, object]) -> None:
    assert type(refused(400, {}, body, now=NOW)) is Transient
