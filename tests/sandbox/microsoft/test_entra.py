"""The sign-in and the token endpoint: each test is a sentence the client relies on (Entra's documentation)."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.sandbox.microsoft.conftest import Make, Someone
from tests.servers.microsoft import REDIRECT, MicrosoftServer
from threadline.sandbox.microsoft.aadsts import CODES

CP1 = json.dumps({"access_token": {"xms_cc": {"values": ["cp1"]}}})


def claims_of(token: str) -> dict[str, object]:
    middle = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


def error_of(answer: httpx.Response) -> tuple[int, str, list[int]]:
    body = answer.json()
    return answer.status_code, body["error"], body["error_codes"]


# The sign-in


def test_a_code_is_redeemed_once(server: MicrosoftServer, elin: Someone) -> None:
    code = server.sign_in(elin.address)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    assert server.token(**form).status_code == 200
    assert error_of(server.token(**form)) == (400, "invalid_grant", [54005])


def test_a_code_lives_ten_minutes(server: MicrosoftServer, elin: Someone) -> None:
    code = server.sign_in(elin.address)["code"]
    server.set_clock(timedelta(minutes=11))
    try:
        answer = server.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
    finally:
        server.set_clock(None)
    assert error_of(answer) == (400, "invalid_grant", [70008])


def test_a_code_is_only_for_who_knows_the_verifier(server: MicrosoftServer, elin: Someone) -> None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"right" * 10).digest()).rstrip(b"=").decode()
    code = server.sign_in(elin.address, code_challenge=challenge, code_challenge_method="S256")["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    assert error_of(server.token(**form, code_verifier="wrong" * 10)) == (400, "invalid_grant", [501481])
    assert server.token(**form, code_verifier="right" * 10).status_code == 200


def test_state_and_nonce_come_back(server: MicrosoftServer, elin: Someone) -> None:
    found = server.sign_in(elin.address, state="a state/+", nonce="n-1")
    assert found["state"] == "a state/+"
    answer = server.token(grant_type="authorization_code", code=found["code"], redirect_uri=REDIRECT).json()
    claims = claims_of(answer["id_token"])
    assert claims["nonce"] == "n-1"
    assert (claims["tid"], claims["oid"], claims["aud"]) == (elin.tid, elin.oid, server.client_id)
    assert claims["preferred_username"] == claims["email"] == elin.address


def test_the_id_token_is_signed_with_a_published_key(server: MicrosoftServer, elin: Someone) -> None:
    with httpx.Client(trust_env=False) as client:
        document = client.get(f"{server.login_url}/{elin.tid}/v2.0/.well-known/openid-configuration").json()
        keys = client.get(document["jwks_uri"]).json()["keys"]
    signed, _, signature = elin.tokens["id_token"].rpartition(".")
    assert document["issuer"] == claims_of(elin.tokens["id_token"])["iss"]
    n, e = (int.from_bytes(base64.urlsafe_b64decode(keys[0][name] + "==")) for name in ("n", "e"))
    rsa.RSAPublicNumbers(e, n).public_key().verify(
        base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), SHA256()
    )


def test_there_is_a_refresh_token_only_with_offline_access(server: MicrosoftServer, elin: Someone) -> None:
    assert "refresh_token" in elin.tokens
    without = server.tokens(elin.address, scopes="openid User.Read Mail.Read")
    assert "refresh_token" not in without
    assert "id_token" not in server.tokens(elin.address, scopes="User.Read offline_access")


def test_a_redirect_that_is_not_registered_ends_on_a_page(server: MicrosoftServer, elin: Someone) -> None:
    server.post("redirects", uris=["http://127.0.0.1/back"])
    try:
        assert "code" in server.sign_in(elin.address)
        url = server.authorize_url().replace("%2Fback", "%2Fback2")
        answer = httpx.get(url, trust_env=False)
    finally:
        server.post("redirects", uris=[])
    assert answer.status_code == 400
    assert "AADSTS50011" in answer.text


def test_a_hint_leads_past_the_choice_of_accounts_unless_the_choice_is_asked_for(
    server: MicrosoftServer, elin: Someone
) -> None:
    hinted = httpx.get(server.authorize_url(login_hint=elin.address), trust_env=False)
    assert "<title>Enter password</title>" in hinted.text
    asked = httpx.get(server.authorize_url(login_hint=elin.address, prompt="select_account"), trust_env=False)
    assert "<title>Pick an account</title>" in asked.text


def test_somebody_of_another_tenant_cannot_sign_in_here(server: MicrosoftServer, make: Make) -> None:
    elin, other = make(), make()
    with pytest.raises(AssertionError, match="does not exist in this organization"):
        server.click_through(server.authorize_url(tenant=elin.tid), other.address)


def test_a_wrong_password_stays_on_the_page(server: MicrosoftServer, elin: Someone) -> None:
    with pytest.raises(AssertionError, match="Your account or password is incorrect"):
        server.sign_in(elin.address, "wrong")


def test_who_declines_is_sent_back_with_access_denied(server: MicrosoftServer, make: Make) -> None:
    server.add_account("new@declining.example")
    back = server.click_through(server.authorize_url(), "new@declining.example", consent="cancel")
    found = parse_qs(urlsplit(back).query)
    assert found["error"] == ["access_denied"]
    assert found["error_description"][0].startswith("AADSTS65004")


def test_a_scope_that_does_not_exist_is_refused(server: MicrosoftServer) -> None:
    answer = httpx.get(server.authorize_url("openid Mail.Raed"), trust_env=False)
    assert "error=invalid_scope" in answer.headers["location"]


def test_a_sign_in_that_was_forgotten_says_so(server: MicrosoftServer) -> None:
    answer = httpx.post(f"{server.login_url}/common/login", data={"flow": "gone", "step": "account"}, trust_env=False)
    assert answer.status_code == 400
    assert "begin again" in answer.text


def test_a_silent_sign_in_without_a_session_needs_a_login(server: MicrosoftServer) -> None:
    answer = httpx.get(server.authorize_url(prompt="none"), trust_env=False)
    assert "error=login_required" in answer.headers["location"]


# Administrator consent


@pytest.mark.parametrize(("mode", "code"), [("required", "AADSTS90094"), ("workflow", "AADSTS90095")])
def test_mail_needs_an_administrator_and_nothing_else_does(server: MicrosoftServer, mode: str, code: str) -> None:
    user, admin = f"user@{mode}.example", f"admin@{mode}.example"
    server.add_account(user)
    server.add_account(admin, admin=True)
    server.require_admin_approval(user, mode)
    assert "code" in server.sign_in(user, scopes="openid email offline_access User.Read")
    refused = server.sign_in(user)
    assert refused["error"] == "access_denied"
    assert refused["error_description"].startswith(code)
    tenant = user.partition("@")[2]
    url = f"{server.login_url}/{tenant}/v2.0/adminconsent?client_id={server.client_id}&state=7"
    back = server.click_through(f"{url}&redirect_uri={REDIRECT}&scope=Mail.Read%20User.Read", admin)
    found = parse_qs(urlsplit(back).query)
    assert (found["admin_consent"], found["state"]) == (["True"], ["7"])
    server.grant_admin_consent(user)
    assert "code" in server.sign_in(user)


def test_a_refresh_for_a_scope_without_consent_says_so_until_there_is_consent(server: MicrosoftServer) -> None:
    """How one can notice that an administrator has consented, without the user."""
    server.add_account("probe@probing.example")
    server.require_admin_approval("probe@probing.example")
    token = server.tokens("probe@probing.example", scopes="openid offline_access User.Read")["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "scope": "openid offline_access User.Read Mail.Read"}
    assert error_of(server.token(**form)) == (400, "invalid_grant", [65001])
    server.grant_admin_consent("probe@probing.example")
    answer = server.token(**form)
    assert answer.status_code == 200
    assert "https://graph.microsoft.com/Mail.Read" in answer.json()["scope"].split()


def test_the_application_is_unknown_to_a_tenant_until_somebody_consents(server: MicrosoftServer) -> None:
    known = server.add_account("first@unknown.example")
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    assert error_of(server.token(known["tid"], **form)) == (400, "unauthorized_client", [700016])
    server.tokens("first@unknown.example")
    assert server.token(known["tid"], **form).status_code == 200


# Renewal


def test_each_use_returns_a_new_refresh_token_and_the_old_one_is_not_revoked(elin: Someone) -> None:
    first, second = elin.refresh().json(), elin.refresh().json()
    assert len({elin.tokens["refresh_token"], first["refresh_token"], second["refresh_token"]}) == 3
    assert elin.get("/messages", token=second["access_token"]).status_code == 200


def test_a_refresh_token_dies_after_90_days_without_use_and_lives_for_ever_with_it(
    server: MicrosoftServer, make: Make
) -> None:
    start = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    server.set_clock(start)
    try:
        elin = make()
        token = elin.tokens["refresh_token"]
        for day in range(30, 401, 30):
            server.set_clock(start + timedelta(days=day))
            token = server.token(grant_type="refresh_token", refresh_token=token).json()["refresh_token"]
        assert error_of(elin.refresh()) == (400, "invalid_grant", [700082])
        server.set_clock(start + timedelta(days=390 + 90, seconds=1))
        answer = server.token(grant_type="refresh_token", refresh_token=token)
    finally:
        server.set_clock(None)
    assert error_of(answer) == (400, "invalid_grant", [700082])
    assert "The token was issued on 2027-03-27" in answer.json()["error_description"]


def test_a_refresh_may_ask_for_less(elin: Someone) -> None:
    answer = elin.refresh(scope="User.Read offline_access").json()
    assert answer["scope"] == "https://graph.microsoft.com/User.Read"
    assert elin.get("/messages", token=answer["access_token"]).status_code == 403
    assert elin.get("", token=answer["access_token"]).status_code == 200


def test_a_refresh_may_return_no_new_refresh_token(server: MicrosoftServer, elin: Someone) -> None:
    server.post("rotation", on=False)
    try:
        assert "refresh_token" not in elin.refresh().json()
    finally:
        server.post("rotation", on=True)


def test_a_restart_keeps_tokens_consent_and_mail(make: Make) -> None:
    with MicrosoftServer() as server:
        server.add_account("elin@lasting.example")
        tokens = server.tokens("elin@lasting.example")
        before = (server.login_url, server.client_id, server.client_secret)
        server.restart()
        assert (server.login_url, server.client_id, server.client_secret) == before
        assert server.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).status_code == 200


# What ends a connection


def test_a_password_reset_by_an_administrator_revokes_refresh_tokens(server: MicrosoftServer, elin: Someone) -> None:
    server.change_password(elin.address, "new")
    assert error_of(elin.refresh()) == (400, "invalid_grant", [50173])
    assert "access_token" in server.tokens(elin.address, "new")


def test_a_password_changed_by_its_owner_leaves_a_server_apps_tokens_alive(
    server: MicrosoftServer, elin: Someone
) -> None:
    server.change_password(elin.address, "new", keep_tokens=True)
    assert elin.refresh().status_code == 200


@pytest.mark.parametrize(("demand", "code"), [("required", 50076), ("enroll", 50079)])
def test_a_second_factor_that_is_demanded_ends_renewal_until_it_was_given(
    server: MicrosoftServer, elin: Someone, demand: str, code: int
) -> None:
    server.demand_mfa(elin.address, demand)
    answer = elin.refresh()
    assert error_of(answer) == (400, "invalid_grant", [code])
    assert answer.json()["suberror"] == "basic_action"
    again = server.tokens(elin.address)
    assert server.token(grant_type="refresh_token", refresh_token=again["refresh_token"]).status_code == 200


def test_50076_comes_as_interaction_required_too(server: MicrosoftServer, elin: Someone) -> None:
    server.demand_mfa(elin.address, error="interaction_required")
    assert error_of(elin.refresh()) == (400, "interaction_required", [50076])


def test_consent_that_was_withdrawn_ends_renewal(server: MicrosoftServer, elin: Someone) -> None:
    server.withdraw_consent(elin.address)
    answer = elin.refresh()
    assert error_of(answer) == (400, "invalid_grant", [65001])
    assert answer.json()["suberror"] == "consent_required"


@pytest.mark.parametrize(("state", "code"), [("disabled", 50057), ("deleted", 50034)])
def test_an_account_that_is_gone_ends_renewal(server: MicrosoftServer, elin: Someone, state: str, code: int) -> None:
    server.set_user(elin.address, state=state)
    assert error_of(elin.refresh()) == (400, "invalid_grant", [code])


def test_the_applications_own_faults_are_invalid_client(server: MicrosoftServer, elin: Someone) -> None:
    server.set_secret("expired")
    assert error_of(elin.refresh()) == (401, "invalid_client", [7000222])
    server.set_secret("valid")
    assert error_of(elin.refresh(client_secret="another")) == (401, "invalid_client", [7000215])
    assert error_of(elin.refresh(client_secret="")) == (401, "invalid_client", [7000218])
    assert error_of(elin.refresh(client_id="another")) == (400, "unauthorized_client", [700016])
    assert elin.refresh().status_code == 200


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_can_be_had_on_demand_in_the_bodys_exact_shape(
    server: MicrosoftServer, shared: Someone, code: int
) -> None:
    server.token_error(code, account=shared.address)
    answer = shared.refresh()
    body = answer.json()
    assert body["error_codes"] == [code]
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert body["error_description"].split("\r\n")[1:] == [
        f"Trace ID: {body['trace_id']}", f"Correlation ID: {body['correlation_id']}", f"Timestamp: {body['timestamp']}"
    ]  # fmt: skip
    assert body["error_uri"] == f"https://login.microsoftonline.com/error?code={code}"
    assert set(body) - {"suberror"} == {
        "error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"
    }  # fmt: skip
    assert answer.status_code >= 400
    assert shared.refresh().status_code == 200


@pytest.fixture(scope="module")
def shared(server: MicrosoftServer) -> Someone:
    known = server.add_account("elin@shared-codes.example")
    address = "elin@shared-codes.example"
    return Someone(server, address, server.tokens(address), known["oid"], known["tid"])


# Continuous access evaluation


def test_a_client_that_handles_challenges_gets_long_tokens_that_are_challenged(
    server: MicrosoftServer, make: Make
) -> None:
    elin = make(claims=CP1)
    assert elin.tokens["expires_in"] > 80_000
    server.challenge(elin.address)
    answer = elin.get("/messages")
    assert answer.status_code == 401
    header = answer.headers["www-authenticate"]
    assert 'error="insufficient_claims"' in header
    claims = json.loads(base64.b64decode(header.partition('claims="')[2].partition('"')[0]))
    without = elin.refresh(claims=CP1).json()["access_token"]
    assert elin.get("/messages", token=without).status_code == 401
    claims["access_token"]["xms_cc"] = {"values": ["cp1"]}
    with_them = elin.refresh(claims=json.dumps(claims)).json()["access_token"]
    assert elin.get("/messages", token=with_them).status_code == 200


def test_a_client_that_does_not_is_never_challenged(server: MicrosoftServer, elin: Someone) -> None:
    server.revoke(elin.address)
    assert elin.get("/messages").status_code == 200
    assert error_of(elin.refresh()) == (400, "invalid_grant", [50173])


def test_an_access_token_expires(server: MicrosoftServer, elin: Someone) -> None:
    server.set_clock(timedelta(hours=2))
    try:
        answer = elin.get("/messages")
    finally:
        server.set_clock(None)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert answer.json()["error"]["message"] == "Lifetime validation failed, the token is expired."


def test_a_user_who_is_gone_is_unknown_to_graph(server: MicrosoftServer, elin: Someone) -> None:
    server.set_user(elin.address, state="deleted")
    answer = elin.get("/messages")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ErrorInvalidUser")


def test_autodiscover_knows_who_is_on_exchange_online(server: MicrosoftServer, elin: Someone) -> None:
    address = f"{server.login_url}/autodiscover/autodiscover.json"
    with httpx.Client(trust_env=False) as client:
        found = client.get(address, params={"Email": elin.address, "Protocol": "ActiveSync"})
        other = client.get(address, params={"Email": "x@elsewhere.example", "Protocol": "ActiveSync"})
    assert found.json()["Protocol"] == "ActiveSync"
    assert other.status_code == 404
