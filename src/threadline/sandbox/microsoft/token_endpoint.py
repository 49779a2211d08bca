"""The token endpoint: codes, refresh tokens and the application's own secret are exchanged for tokens, or refused."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from threadline.sandbox.microsoft.aadsts import EntraError, refusal
from threadline.sandbox.microsoft.database import seconds
from threadline.sandbox.microsoft.directory import KNOWN_SCOPES, Directory, scopes_of
from threadline.sandbox.microsoft.jose import BadToken, SigningKey, b64, read_with_certificate
from threadline.sandbox.microsoft.tokens import Tokens, asked_moment
from threadline.sandbox.microsoft.web import Answer, Request, as_json

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_SECOND_FACTOR = (50074, 50076, 50078, 50079)


@dataclass(slots=True)
class TokenFault:
    """A refusal of the token endpoint that was asked for: `count` times, for this user or for everybody."""

    code: int
    user: str = ""  # oid
    count: int = 1
    error: str = ""  # said as this OAuth error instead of the code's own


@dataclass(slots=True)
class EntraFaults:
    """What the token endpoint was told to do wrong."""

    tokens: list[TokenFault] = field(default_factory=list)
    mfa_error: str = ""  # "interaction_required": 5007x said as that
    rotate: bool = True  # False: a refresh returns no new refresh token


class TokenEndpoint:
    """Answers `/oauth2/v2.0/token` of every tenant."""

    def __init__(self, directory: Directory, tokens: Tokens, key: SigningKey, now: Callable[[], datetime]) -> None:
        self.faults = EntraFaults()
        self._directory = directory
        self._tokens = tokens
        self._key = key
        self._now = now

    def answer(self, request: Request, tenant: str) -> Answer:
        """Tokens, or the refusal."""
        form = request.form
        as_error = ""
        try:
            tid = self._directory.tenant_id(tenant)
            self._check_client(form, request)
            grant = form.get("grant_type", "")
            if grant == "authorization_code":
                body = self._by_code(form, request.base, tid)
            elif grant == "refresh_token":
                body = self._by_refresh(form, request.base, tid)
            elif grant == "client_credentials":
                body = self._by_secret(request.base, tid)
            else:
                raise EntraError(70003, grant=grant) if grant else EntraError(900144, field="grant_type")
        except EntraError as problem:
            if problem.code in _SECOND_FACTOR:
                as_error = self.faults.mfa_error
            forced = problem.more.get("as_error")
            return refusal(problem, self._now(), as_error=str(forced) if forced else as_error)
        return as_json(body, headers=_NO_STORE)

    def _check_client(self, form: dict[str, str], request: Request) -> None:
        client = form.get("client_id", "")
        secret = form.get("client_secret", "")
        if "authorization" in request.headers:
            client, secret = _basic(request.headers["authorization"])
        if not client:
            raise EntraError(900144, field="client_id")
        if client != self._directory.client_id:
            raise EntraError(700016, client=client, tenant="the directory")
        if form.get("client_assertion"):
            self._check_assertion(form, request.base)
        elif not secret:
            raise EntraError(7000218)
        elif secret != self._directory.client_secret:
            raise EntraError(7000215, client=client)
        elif self._directory.db.get("secret_expired", False):
            raise EntraError(7000222, client=client)

    def _check_assertion(self, form: dict[str, str], base: str) -> None:
        """RFC 7523: signed by a registered certificate, for this endpoint, still valid."""
        if form.get("client_assertion_type") != _ASSERTION:
            raise EntraError(9002313)
        registered = self._directory.db.get("certificates")
        for pem in registered if isinstance(registered, list) else []:
            try:
                claims = read_with_certificate(form["client_assertion"], str(pem))
            except BadToken:
                continue
            expires, audience = claims.get("exp"), str(claims.get("aud"))
            named = {claims.get("iss"), claims.get("sub")} == {self._directory.client_id}
            if (
                named
                and isinstance(expires, int | float)
                and expires > seconds(self._now())
                and audience.startswith(base)
            ):
                return
        raise EntraError(700027)

    def _by_code(self, form: dict[str, str], base: str, tid: str) -> dict[str, object]:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise EntraError(900144, field=name)
        found = self._tokens.redeem(form["code"], form["redirect_uri"], form.get("code_verifier", ""))
        user = found.user
        self._check_user(user, tid)
        self._forced(user)
        satisfied = max(seconds(self._now()), int(user["satisfied"]))
        body = self._tokens.answer(
            user, found.scopes, base, satisfied=satisfied, mfa=user["mfa"] != "off", nonce=found.nonce,
            claims=form.get("claims", ""),
        )  # fmt: skip
        return body | self._client_info(form, user)

    def _by_refresh(self, form: dict[str, str], base: str, tid: str) -> dict[str, object]:
        if not form.get("refresh_token"):
            raise EntraError(900144, field="refresh_token")
        row = self._tokens.refresh_row(form["refresh_token"])
        user = self._directory.user(row["oid"])
        if user is None:
            raise EntraError(50034)
        self._check_user(user, tid)
        self._forced(user)
        if user["mfa"] != "off" and not row["mfa"]:
            raise EntraError(50079 if user["mfa"] == "enroll" else 50076)
        remembered = frozenset(row["scope"].split())
        asked = scopes_of(form.get("scope", "")) or remembered
        if unknown := asked - KNOWN_SCOPES:
            raise EntraError(70011, scope=min(unknown))
        consented = self._directory.consented(user)
        if ".default" in asked:
            asked = asked - {".default"} | consented
        if not consented or not asked - {"offline_access"} <= consented:
            raise EntraError(65001, client=self._directory.client_id)
        # Entra gives a new refresh token whether or not offline_access is asked for again.
        body = self._tokens.answer(
            user, asked | {"offline_access"}, base, claims=form.get("claims", ""), mfa=bool(row["mfa"]),
            satisfied=max(row["satisfied"], asked_moment(form.get("claims", ""))), granted=remembered | asked,
        )  # fmt: skip
        if not self.faults.rotate:
            del body["refresh_token"]
        return body | self._client_info(form, user)

    def _by_secret(self, base: str, tid: str) -> dict[str, object]:
        """The application for itself, which no permission was given to: that it works says that a tenant knows it."""
        tenant = self._directory.tenant(tid) if tid else None
        if tenant is None or not tenant["known_app"]:
            raise EntraError(700016, client=self._directory.client_id, tenant=tid or "common")
        now = seconds(self._now())
        token = self._key.sign(
            {
                "aud": "https://graph.microsoft.com", "iss": f"{base}/{tid}/v2.0", "iat": now, "nbf": now,
                "exp": now + 3599, "appid": self._directory.client_id, "oid": tid, "tid": tid, "idtyp": "app",
                "roles": [], "sat": now,
            }
        )  # fmt: skip
        return {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}

    def _check_user(self, user: sqlite3.Row, tid: str) -> None:
        if tid and user["tid"] != tid:
            raise EntraError(50034)
        if user["state"] != "active":
            raise EntraError(50034 if user["state"] == "deleted" else 50057)

    def _forced(self, user: sqlite3.Row) -> None:
        for fault in self.faults.tokens:
            if fault.user in ("", user["oid"]) and fault.count:
                fault.count -= 1
                self.faults.tokens = [one for one in self.faults.tokens if one.count]
                more: dict[str, object] = {"as_error": fault.error} if fault.error else {}
                raise EntraError(fault.code, client=self._directory.client_id, **more)

    @staticmethod
    def _client_info(form: dict[str, str], user: sqlite3.Row) -> dict[str, object]:
        if form.get("client_info") != "1":
            return {}
        return {"client_info": b64(json.dumps({"uid": user["oid"], "utid": user["tid"]}).encode())}


def _basic(header: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
    except ValueError:
        raise EntraError(9002313) from None
    return name, secret
