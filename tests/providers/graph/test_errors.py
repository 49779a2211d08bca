"""Every row of the table of Graph's refusals meets the answer it was made for."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.causes import Cause
from threadline.domain.errors import CursorLost, MessageGone, NeedsAdmin, NeedsUser, ProviderError, Throttled, Transient
from threadline.providers.graph.errors import ROWS, Row, claims_of, error_for

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SAID = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "innerError", "x"]), inner),
    max_leaves=8,
)


def meaning(status: int, error: object = None, **headers: str) -> ProviderError:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_for(status, said, {"error": error}, now=NOW)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.codes[0]} {row.status or ''}")
def test_each_row_is_the_one_that_answers_its_example(row: Row) -> None:
    found = meaning(row.status or 400, json.loads(row.example))
    assert (type(found), found.cause) == (row.error, row.cause)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.codes[0]} {row.status or ''}")
def test_each_row_says_where_it_is_from_and_speaks_to_a_person(row: Row) -> None:
    assert row.source
    assert row.says.endswith(".")
    assert not re.search(r"Graph|API|delta|token|HTTP|\b[45]\d\d\b", row.says)
    assert all(code == code.lower() for code in row.codes)


@pytest.mark.parametrize("code", ["SyncStateNotFound", "syncStateNotFound", "resyncRequired", "ResyncRequired"])
def test_a_code_counts_in_any_case(code: str) -> None:
    assert isinstance(meaning(400, {"code": code}), CursorLost)


def test_the_innermost_code_that_is_known_decides() -> None:
    inner = {"code": "SomethingNew", "innerError": {"code": "SyncStateInvalid", "innerError": {"code": "Newer"}}}
    assert isinstance(meaning(400, inner), CursorLost)


def test_the_message_is_never_read() -> None:
    found = meaning(400, {"code": "Odd", "message": "MailboxNotEnabledForRESTAPI SyncStateNotFound throttled"})
    assert (type(found), found.cause, found.certain) == (Transient, Cause.UNKNOWN, False)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, MessageGone), (410, CursorLost), (429, Throttled), (500, Transient), (503, Transient), (509, Transient),
     (403, NeedsAdmin), (401, Transient), (400, Transient), (418, Transient)],
)  # fmt: skip
def test_a_status_without_a_known_code(status: int, kind: type[ProviderError]) -> None:
    assert type(meaning(status)) is kind


def challenge(claims: str) -> str:
    encoded = base64.b64encode(claims.encode()).decode()
    return f'Bearer realm="", authorization_uri="https://x/", error="insufficient_claims", claims="{encoded}"'


def test_a_challenge_is_read_and_what_it_asks_for_is_kept() -> None:
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
    assert claims_of({"www-authenticate": challenge(claims)}) == claims
    found = meaning(401, {"code": "InvalidAuthenticationToken"}, www_authenticate=challenge(claims))
    assert (type(found), found.cause, found.certain) == (NeedsUser, Cause.SECURITY_CHANGE, False)
    plain = meaning(401, {"code": "InvalidAuthenticationToken"})
    assert (type(plain), plain.certain) == (Transient, False)


@pytest.mark.parametrize("value", ["", "Bearer", 'Bearer error="insufficient_claims", claims="%%%"', challenge("{not")])
def test_a_challenge_that_cannot_be_read_asks_for_nothing(value: str) -> None:
    assert claims_of({"www-authenticate": value}) == ""


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("99999999999", 86400), ("Mon, 02 Mar 2026 10:00:30 GMT", 30)]
)
def test_a_delay_is_kept_and_has_an_upper_bound(value: str, seconds: int) -> None:
    found = meaning(429, retry_after=value)
    assert isinstance(found, Throttled)
    assert found.retry_after == timedelta(seconds=seconds)


@given(status=st.integers(400, 599), error=SAID, header=st.text(max_size=40))
def test_whatever_comes_is_an_error_of_ours_and_no_sign_in_to_repeat(status: int, error: object, header: str) -> None:
    found = meaning(status, error, retry_after=header, www_authenticate=header)
    assert isinstance(found, ProviderError)
    if status != 401:
        assert not isinstance(found, NeedsUser) or "insufficient_claims" in found.answer.lower()
