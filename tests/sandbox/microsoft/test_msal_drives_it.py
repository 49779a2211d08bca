"""The official msal completes the code flow and the silent renewal, over TLS, with secret and with certificate."""

from __future__ import annotations

import base64
import datetime as dt
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.servers import process
from tests.servers.certificates import Authority
from tests.servers.microsoft import REDIRECT, MicrosoftServer

pytestmark = pytest.mark.xdist_group("msal")  # what they share is made once

SCOPES = ["Mail.Read", "User.Read", "email"]
ADDRESS = "elin@northgate-365.example"


@dataclass
class Tls:
    """The server and what a client must trust."""

    server: MicrosoftServer
    ca_file: Path
    tid: str

    def app(self, **more: Any) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            self.server.client_id,
            oidc_authority=f"{self.server.login_url}/{self.tid}/v2.0",
            **({"client_credential": self.server.client_secret} | more),
        )

    def sign_in(self, app: msal.ConfidentialClientApplication) -> dict[str, Any]:
        flow = app.initiate_auth_code_flow(
            SCOPES, REDIRECT, login_hint=ADDRESS, prompt="select_account", response_mode="form_post"
        )
        back = self.server.click_through(flow["auth_uri"], ADDRESS)
        answer = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        found: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, answer)
        return found


@pytest.fixture(scope="module")
def tls() -> Iterator[Tls]:
    with process.private_folder("tl-ca-") as folder, pytest.MonkeyPatch.context() as environment:
        authority = Authority(folder)
        pair = authority.pair("valid")
        pem = folder / "both.pem"
        pem.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
        # Stands above msal's own `verify` where the machine sets it.
        environment.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))
        with MicrosoftServer(tls=pem) as server:
            server.trust = ssl.create_default_context(cafile=str(authority.ca_file))
            known = server.add_account(ADDRESS)
            yield Tls(server, authority.ca_file, known["tid"])


def test_msal_signs_in_with_pkce_and_a_nonce_and_reads_the_id_token(tls: Tls) -> None:
    found = tls.sign_in(tls.app())
    assert "error" not in found, found
    claims = found["id_token_claims"]
    assert claims["preferred_username"] == claims["email"] == ADDRESS
    assert claims["tid"] == tls.tid
    assert claims["iss"] == f"{tls.server.login_url}/{tls.tid}/v2.0"
    assert claims["aud"] == tls.server.client_id
    assert claims["nonce"]
    assert found["refresh_token"]
    assert 3_599 <= found["expires_in"] <= 5_400


def test_msal_renews_silently_with_a_refresh_token(tls: Tls) -> None:
    app = tls.app()
    first = tls.sign_in(app)
    account = app.get_accounts()[0]
    again = app.acquire_token_silent(["Mail.Read", "User.Read"], account, force_refresh=True)
    assert again
    assert again["access_token"] != first["access_token"]
    assert again["refresh_token"] != first["refresh_token"]


def test_msal_is_told_to_ask_the_user_when_the_password_was_changed(tls: Tls) -> None:
    app = tls.app()
    tls.sign_in(app)
    tls.server.revoke(ADDRESS)
    said = app.acquire_token_silent_with_error(["Mail.Read"], app.get_accounts()[0], force_refresh=True)
    assert said
    assert (said["error"], said["suberror"], said["error_codes"]) == ("invalid_grant", "bad_token", [50173])


def test_msal_signs_in_with_a_certificate_instead_of_a_secret(tls: Tls) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Threadline")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=30)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    credential = {"private_key": private, "public_certificate": pem}
    refused = tls.sign_in(tls.app(client_credential=credential))
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [700027])
    tls.server.set_secret("valid", certificate=pem)
    assert "access_token" in tls.sign_in(tls.app(client_credential=credential))


def test_msal_answers_a_claims_challenge(tls: Tls) -> None:
    app = tls.app(client_capabilities=["cp1"])
    found = tls.sign_in(app)
    assert found["expires_in"] > 80_000
    tls.server.challenge(ADDRESS)
    challenged = _me(tls, found["access_token"])
    assert challenged.status_code == 401
    header = challenged.headers["www-authenticate"]
    assert 'error="insufficient_claims"' in header
    carried = re.search(r'claims="([^"]+)"', header)
    assert carried
    claims = base64.b64decode(carried[1]).decode()
    again = app.acquire_token_silent(["Mail.Read", "User.Read"], app.get_accounts()[0], claims_challenge=claims)
    assert again
    assert _me(tls, again["access_token"]).status_code == 200


def _me(tls: Tls, token: str) -> httpx.Response:
    with httpx.Client(verify=ssl.create_default_context(cafile=str(tls.ca_file)), trust_env=False) as client:
        return client.get(f"{tls.server.graph_url}/v1.0/me", headers={"Authorization": f"Bearer {token}"})
