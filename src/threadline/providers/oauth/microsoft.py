"""Microsoft Entra ID, v2.0 endpoints: the authorisation code flow with PKCE, and renewal.

A refresh token is replaced at every use, and ends after 90 days without one. It is the caller's to store the new one
before the access token is used (I6). Times come from `threadline.clock`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, NeedsUser, ProviderError, Transient
from threadline.providers.guarded_http import guarded_client
from threadline.providers.oauth import assertion, errors
from threadline.providers.oauth.app import CLOUDS, App
from threadline.providers.oauth.errors import meaning_of
from threadline.providers.oauth.identity import Account, Keys, account_of

__all__ = [
    "CLOUDS",
    "Account",
    "App",
    "Grant",
    "Renewal",
    "admin_consent_url",
    "authorisation_url",
    "check_app",
    "is_known_to",
    "meaning_of",
    "redeem",
    "renew",
]
_LONGEST = timedelta(days=2)  # tokens of continuous access evaluation live up to 28 hours
# What we can do: be told that a token has ended before its time, and replay what is wanted of the next one.
CAPABILITIES = '{"access_token":{"xms_cc":{"values":["cp1"]}}}'
_NOT_KNOWN_THERE = ("AADSTS700016", "AADSTS90002")  # nobody there has allowed it; there is no such organisation
_keys = Keys()


@dataclass(frozen=True, slots=True, repr=False)
class Renewal:
    """What a renewal gave. `refresh_token` is None where the earlier one stays good. Its repr tells nothing."""

    access_token: str
    expires_in: timedelta
    refresh_token: str | None
    scopes: frozenset[str]

    def __repr__(self) -> str:
        return "Renewal(...)"


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """What a sign-in gave, and whose it was. Its repr tells nothing."""

    access_token: str
    expires_in: timedelta
    refresh_token: str
    scopes: frozenset[str]
    account: Account

    def __repr__(self) -> str:
        return "Grant(...)"

    def as_json(self) -> dict[str, Any]:
        """All of it, tokens too: to be sealed."""
        return {
            "access_token": self.access_token,
            "expires_in": self.expires_in.total_seconds(),
            "refresh_token": self.refresh_token,
            "scopes": sorted(self.scopes),
            "account": asdict(self.account),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Grant:
        return cls(
            access_token=value["access_token"],
            expires_in=timedelta(seconds=value["expires_in"]),
            refresh_token=value["refresh_token"],
            scopes=frozenset(value["scopes"]),
            account=Account(**value["account"]),
        )


def authorisation_url(
    app: App, *, redirect_uri: str, state: str, nonce: str, challenge: str, login_hint: str = "", claims: str = ""
) -> str:
    """Where a browser begins the sign-in. `challenge` is that of PKCE (RFC 7636), by S256."""
    asked = {
        "client_id": app.client_id,
        "response_type": "code",
        "response_mode": "query",
        "redirect_uri": redirect_uri,
        "scope": app.scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "prompt": "select_account",
        "login_hint": login_hint,
        "claims": claims,
    }
    said = {name: value for name, value in asked.items() if value}
    return f"{_tenant_url(app, app.tenant)}/oauth2/v2.0/authorize?{urlencode(said, quote_via=quote)}"


def admin_consent_url(app: App, *, tenant: str, redirect_uri: str, state: str) -> str:
    """Where an administrator allows the access for all of an organisation. `tenant` is its id or one of its domains.

    Everything that a sign-in asks for is among it, so that nobody is asked a second time.
    """
    said = {
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "scope": app.scopes,
        "state": state,
    }
    return f"{_tenant_url(app, tenant)}/v2.0/adminconsent?{urlencode(said, quote_via=quote)}"


def redeem(app: App, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Grant:
    """The tokens for the code that came back through the browser; the account is checked and always given."""
    answer = _ask(
        app,
        app.tenant,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "scope": app.scopes,
            "claims": CAPABILITIES,
        },
    )
    url = f"{_tenant_url(app, app.tenant)}/discovery/v2.0/keys"
    account = account_of(
        str(answer.get("id_token", "")),
        key_for=lambda kid: _keys.get(f"{url} {app.client_id}", kid, lambda: _get(app, url), now=now()),
        client_id=app.client_id,
        nonce=nonce,
        login=app.login,
        now=now(),
    )
    given = _renewal(answer)
    if given.refresh_token is None:
        raise _withheld("offline_access")
    return Grant(given.access_token, given.expires_in, given.refresh_token, given.scopes, account)


def renew(app: App, refresh_token: str, *, claims: str = "") -> Renewal:
    """A new access token. `claims` is what the resource wanted of it, when it rejected the last one (CAE)."""
    asked = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "scope": app.scopes,
        "claims": claims or CAPABILITIES,
    }
    return _renewal(_ask(app, app.tenant, asked))


def is_known_to(app: App, *, tenant: str) -> bool:
    """Whether an organisation has allowed the application at all: only then does it get a token of its own there.

    Such a token may do nothing; no permission of that kind is registered. Raises ProviderError for anything else.
    """
    try:
        _ask(app, tenant, {"grant_type": "client_credentials", "scope": f"{CLOUDS[app.cloud].graph_url}/.default"})
    except ProviderError as refused:
        if any(code in refused.answer for code in _NOT_KNOWN_THERE):
            return False
        raise
    return True


def check_app(app: App) -> None:
    """Raises AppMisconfigured where Microsoft does not take this installation for who it says it is; Transient too."""
    try:
        is_known_to(app, tenant=app.tenant)
    except AppMisconfigured as refused:
        if refused.cause is not Cause.APP_MISCONFIGURED:
            raise
    except Transient:
        raise
    except ProviderError:  # it is about an organisation or an account: the application itself was let in
        return


def _renewal(answer: Mapping[str, Any]) -> Renewal:
    token, lives = answer.get("access_token"), answer.get("expires_in")
    # Some answers have had the number as text.
    if not isinstance(token, str) or not token or not re.fullmatch(r"\d{1,7}", str(lives)):
        raise Transient("Microsoft's answer to the sign-in was not understood. We try again by ourselves.")
    scopes = frozenset(word.rpartition("/")[2] for word in str(answer.get("scope", "")).split())
    if scopes and "Mail.Read" not in scopes:
        raise _withheld("Mail.Read")
    renewal = answer.get("refresh_token")
    return Renewal(
        access_token=token,
        expires_in=min(timedelta(seconds=int(str(lives))), _LONGEST),
        refresh_token=renewal if isinstance(renewal, str) and renewal else None,
        scopes=scopes,
    )


def _withheld(what: str) -> NeedsUser:
    return NeedsUser(
        "You are signed in, but the permission to read mail was not given. Sign in again and allow what is asked for.",
        cause=Cause.PERMISSION_WITHHELD,
        answer=f"not granted: {what}",
    )


# --- asking -----------------------------------------------------------------------------------------------------------


def _tenant_url(app: App, tenant: str) -> str:
    return f"{app.login}/{quote(tenant, safe='')}"


def _ask(app: App, tenant: str, form: Mapping[str, str]) -> Mapping[str, Any]:
    url = f"{_tenant_url(app, tenant)}/oauth2/v2.0/token"
    proven = {"client_id": app.client_id}
    if app.certificate:
        signed = assertion.client_assertion(app.client_id, url, app.certificate, now=now())
        proven |= {"client_assertion_type": assertion.TYPE, "client_assertion": signed}
    else:
        proven["client_secret"] = app.secret
    with guarded_client(app.allowed, app.timeout) as client:
        try:
            # A redirect would carry the secret away.
            answer = client.post(url, data={**proven, **form}, follow_redirects=False)
        except httpx.HTTPError as error:
            raise _not_understood() from error
    if answer.status_code == 200:
        return _read(answer)
    raise errors.refused(answer.status_code, answer.headers, _read(answer, may_fail=True), now=now())


def _get(app: App, url: str) -> Mapping[str, Any]:
    with guarded_client(app.allowed, app.timeout) as client:
        try:
            answer = client.get(url, follow_redirects=False)
        except httpx.HTTPError as error:
            raise _not_understood() from error
    if answer.status_code != 200:
        raise Transient("Microsoft did not hand out the keys of its sign-in. Try again in a few minutes.")
    return _read(answer)


def _read(answer: httpx.Response, *, may_fail: bool = False) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if may_fail:
        return {}
    raise _not_understood()


def _not_understood() -> Transient:
    return Transient("Microsoft's sign-in did not answer as it should. We try again by ourselves.")
