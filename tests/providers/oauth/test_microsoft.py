"""Signing in at the sandbox of Microsoft, through its pages."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.servers.graph_tokens import app_of
from tests.servers.microsoft import REDIRECT, MicrosoftServer
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, NeedsAdmin, NeedsUser, Transient
from threadline.providers.oauth import assertion
from threadline.providers.oauth import microsoft as entra

EVA = "eva@contoso.example"
VERIFIER = "v" * 43


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def begun(app: entra.App, nonce: str = "n") -> str:
    return entra.authorisation_url(
        app, redirect_uri=REDIRECT, state="s", nonce=nonce, challenge=challenge_of(VERIFIER), login_hint=EVA
    )


def signed_in(server: MicrosoftServer, app: entra.App, nonce: str = "n") -> entra.Grant:
    back = parse_qs(urlsplit(server.click_through(begun(app, nonce), EVA)).query)
    assert back["state"] == ["s"]
    return entra.redeem(app, code=back["code"][0], redirect_uri=REDIRECT, verifier=VERIFIER, nonce="n")


def test_the_browser_is_sent_to_ask_for_reading_and_nothing_else() -> None:
    app = entra.App("c", "s", cloud="us_gov", tenant="organizations")
    url = urlsplit(begun(app))
    asked = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == (
        "https",
        "login.microsoftonline.us",
        "/organizations/oauth2/v2.0/authorize",
    )
    assert asked["scope"] == [
        "openid email offline_access https://graph.microsoft.us/User.Read https://graph.microsoft.us/Mail.Read"
    ]
    assert (asked["prompt"], asked["login_hint"]) == (["select_account"], [EVA])
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert "client_secret" not in asked


def test_an_administrator_is_sent_to_their_own_organisation() -> None:
    app = entra.App("c", "s", cloud="china")
    url = entra.admin_consent_url(app, tenant="contoso.example/../x", redirect_uri=REDIRECT, state="s")
    assert url.startswith("https://login.partner.microsoftonline.cn/contoso.example%2F..%2Fx/v2.0/adminconsent?")


def test_no_secret_is_told_by_a_repr() -> None:
    grant = entra.Grant("access", timedelta(hours=1), "refresh", frozenset(), entra.Account("t", "o", "a", "u"))
    said = f"{grant!r} {entra.Renewal('access', timedelta(0), 'refresh', frozenset())!r}"
    said += repr(entra.App("client", "very-secret", certificate="pem"))
    assert not any(word in said for word in ("access", "refresh", "very-secret", "pem"))
    assert entra.Grant.from_json(grant.as_json()) == grant


def test_a_sign_in_names_its_account_and_is_renewed(microsoft: MicrosoftServer) -> None:
    known = microsoft.add_account(EVA)
    app = app_of(microsoft)
    grant = signed_in(microsoft, app)
    assert grant.account.identity == f"{known['tid']}/{known['oid']}"
    assert grant.account.address == EVA
    assert "Mail.Read" in grant.scopes
    renewed = entra.renew(app, grant.refresh_token)
    assert renewed.refresh_token not in {None, grant.refresh_token}
    assert renewed.access_token != grant.access_token


def test_a_code_counts_once_and_with_its_own_verifier_and_nonce(microsoft: MicrosoftServer) -> None:
    microsoft.add_account(EVA)
    app = app_of(microsoft)
    with pytest.raises(Transient, match="cannot be trusted"):
        signed_in(microsoft, app, nonce="of another sign-in")
    back = parse_qs(urlsplit(microsoft.click_through(begun(app), EVA)).query)
    with pytest.raises(AppMisconfigured) as caught:
        entra.redeem(app, code=back["code"][0], redirect_uri=REDIRECT, verifier="w" * 43, nonce="n")
    assert "501481" in caught.value.answer


@pytest.mark.parametrize(
    ("code", "cause"),
    [(50173, Cause.SECURITY_CHANGE), (700082, Cause.UNUSED_90_DAYS), (70043, Cause.SIGN_IN_FREQUENCY)],
)
def test_a_renewal_that_is_refused_says_why(microsoft: MicrosoftServer, code: int, cause: Cause) -> None:
    microsoft.add_account(EVA)
    app = app_of(microsoft)
    grant = signed_in(microsoft, app)
    microsoft.token_error(code)
    with pytest.raises(NeedsUser) as caught:
        entra.renew(app, grant.refresh_token)
    assert caught.value.cause is cause
    assert grant.refresh_token not in caught.value.answer


def test_our_own_secret_is_nobodys_sign_in_to_repeat(microsoft: MicrosoftServer) -> None:
    microsoft.add_account(EVA)
    app = app_of(microsoft)
    grant = signed_in(microsoft, app)
    entra.check_app(app)
    for state, cause in (("expired", Cause.APP_SECRET_EXPIRED), ("replaced", Cause.APP_SECRET_WRONG)):
        microsoft.set_secret(state)
        with pytest.raises(AppMisconfigured) as caught:
            entra.renew(app, grant.refresh_token)
        assert caught.value.cause is cause
        with pytest.raises(AppMisconfigured):
            entra.check_app(app)


def test_an_organisation_knows_the_application_once_somebody_allowed_it(microsoft: MicrosoftServer) -> None:
    microsoft.add_account(EVA)
    microsoft.require_admin_approval(EVA)
    app = app_of(microsoft)
    assert not entra.is_known_to(app, tenant="contoso.example")
    assert not entra.is_known_to(app, tenant="nobody.example")
    microsoft.grant_admin_consent(EVA)
    assert entra.is_known_to(app, tenant="contoso.example")


@pytest.mark.parametrize("action", ["truncate", "break_json", "drop"])
def test_a_broken_answer_of_the_sign_in_asks_nothing_of_anybody(microsoft: MicrosoftServer, action: str) -> None:
    microsoft.add_account(EVA)
    app = app_of(microsoft)
    grant = signed_in(microsoft, app)
    microsoft.fault("oauth2/v2.0/token", action=action)  # type: ignore[arg-type]
    with pytest.raises(Transient):
        entra.renew(app, grant.refresh_token)
    assert entra.renew(app, grant.refresh_token).access_token


def test_a_hung_sign_in_ends_in_time(microsoft: MicrosoftServer) -> None:
    microsoft.add_account(EVA)
    app = app_of(microsoft)
    grant = signed_in(microsoft, app)
    microsoft.fault("oauth2/v2.0/token", action="hang")
    hasty = entra.App(
        app.client_id, app.secret, login_url=app.login_url, graph_url=app.graph_url, tenant="common", timeout=1.0
    )
    with pytest.raises(Transient) as caught:
        entra.renew(hasty, grant.refresh_token)
    assert caught.value.cause is Cause.HOST_SILENT


def pem_of(expires: datetime) -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "threadline")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(expires - timedelta(days=400)).not_valid_after(expires)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private + certificate, certificate


def test_a_certificate_proves_the_installation_instead_of_a_secret(microsoft: MicrosoftServer) -> None:
    microsoft.add_account(EVA)
    pem, certificate = pem_of(datetime.now(UTC) + timedelta(days=30))
    microsoft.set_secret(certificate=certificate)
    plain = app_of(microsoft)
    app = entra.App(
        plain.client_id, certificate=pem, login_url=plain.login_url, graph_url=plain.graph_url, tenant="common"
    )
    assert signed_in(microsoft, app).account.address == EVA
    other, _ = pem_of(datetime.now(UTC) + timedelta(days=30))
    with pytest.raises(AppMisconfigured) as caught:
        entra.check_app(entra.App(app.client_id, certificate=other, login_url=app.login_url, tenant="common"))
    assert caught.value.cause is Cause.APP_SECRET_WRONG


def test_an_assertion_is_signed_as_microsoft_wants_it_and_an_expired_certificate_is_said() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    pem, certificate = pem_of(now + timedelta(days=1))
    token = assertion.client_assertion("client", "https://login.example/token", pem, now=now)
    head = jwt.get_unverified_header(token)
    assert head["alg"] == "PS256"
    assert len(head["x5t#S256"]) == 43
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(token, key, ["PS256"], audience="https://login.example/token", options=options)  # type: ignore[arg-type]
    assert (claims["iss"], claims["sub"]) == ("client", "client")
    with pytest.raises(AppMisconfigured) as caught:
        assertion.client_assertion("client", "a", pem, now=now + timedelta(days=2))
    assert caught.value.cause is Cause.APP_SECRET_EXPIRED
    with pytest.raises(AppMisconfigured):
        assertion.client_assertion("client", "a", "no pem", now=now)


def test_needing_an_administrator_is_said(microsoft: MicrosoftServer) -> None:
    microsoft.add_account(EVA)
    app = app_of(microsoft)
    grant = signed_in(microsoft, app)
    microsoft.token_error(53003)
    with pytest.raises(NeedsAdmin) as caught:
        entra.renew(app, grant.refresh_token)
    assert caught.value.cause is Cause.ACCESS_BLOCKED
