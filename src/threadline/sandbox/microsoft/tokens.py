"""Issuing tokens and reading them: codes, access tokens, refresh tokens and id_tokens.

Refresh tokens: each use gives a new one and leaves the old one alive; each dies 90 days after it was issued.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from threadline.sandbox.microsoft.aadsts import EntraError
from threadline.sandbox.microsoft.database import Database, seconds
from threadline.sandbox.microsoft.directory import Directory
from threadline.sandbox.microsoft.jose import BadToken, SigningKey, b64

CODE_SECONDS = 600
REFRESH_SECONDS = 90 * 86_400
_IDENTITY = frozenset({"openid", "profile", "email", "offline_access"})
_SHOWN = _IDENTITY - {"offline_access"}
_GRAPH = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class SignIn:
    """What an authorization code stands for."""

    user: sqlite3.Row
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str  # S256, "" where none was sent
    nonce: str


@dataclass(frozen=True, slots=True)
class Access:
    """A valid access token, read."""

    user: sqlite3.Row
    scopes: frozenset[str]
    app: str
    cae: bool  # the client said that it handles claims challenges
    satisfied: int


class InvalidAccessToken(Exception):
    """The access token is not valid; the sentence is Graph's."""


class Tokens:
    """Issues and reads."""

    def __init__(self, db: Database, directory: Directory, key: SigningKey, now: Callable[[], datetime]) -> None:
        self._db = db
        self._directory = directory
        self._key = key
        self._now = now

    def code(self, found: SignIn) -> str:
        """A new authorization code."""
        made = "1.A" + secrets.token_urlsafe(120)
        self._db.run(
            "insert into code (code, oid, scope, redirect_uri, challenge, nonce, issued, used)"
            " values (?, ?, ?, ?, ?, ?, ?, 0)",
            made, found.user["oid"], " ".join(sorted(found.scopes)), found.redirect_uri, found.challenge, found.nonce,
            seconds(self._now()),
        )  # fmt: skip
        return made

    def redeem(self, code: str, redirect_uri: str, verifier: str) -> SignIn:
        """What the code stands for; once, within ten minutes, by who started it. EntraError."""
        row = self._db.one("select * from code where code = ?", code)
        if row is None:
            raise EntraError(70000)
        if row["used"]:
            raise EntraError(54005)
        if seconds(self._now()) - row["issued"] > CODE_SECONDS:
            raise EntraError(70008)
        if row["redirect_uri"] != redirect_uri:
            raise EntraError(500112, uri=redirect_uri)
        if row["challenge"] and b64(hashlib.sha256(verifier.encode()).digest()) != row["challenge"]:
            raise EntraError(501481)
        self._db.run("update code set used = 1 where code = ?", code)
        user = self._directory.user(row["oid"])
        if user is None:
            raise EntraError(50034)
        return SignIn(user, frozenset(row["scope"].split()), redirect_uri, row["challenge"], row["nonce"])

    # -- refresh tokens ------------------------------------------------------------------------------------

    def refresh_row(self, token: str) -> sqlite3.Row:
        """A refresh token that can be used. EntraError says why it cannot."""
        row = self._db.one("select * from refresh where token = ?", token)
        if row is None:
            raise EntraError(70000)
        if row["dead"]:
            raise EntraError(row["dead"])
        if seconds(self._now()) - row["issued"] > REFRESH_SECONDS:
            issued = datetime.fromtimestamp(row["issued"], UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
            raise EntraError(700082, issued=issued)
        return row

    def _refresh_token(self, user: sqlite3.Row, scopes: frozenset[str], satisfied: int, *, mfa: bool) -> str:
        made = "1.AXQ" + secrets.token_urlsafe(600)
        self._db.run(
            "insert into refresh (token, oid, scope, issued, mfa, satisfied, dead) values (?, ?, ?, ?, ?, ?, 0)",
            made, user["oid"], " ".join(sorted(scopes)), seconds(self._now()), mfa, satisfied,
        )  # fmt: skip
        return made

    # -- the answer of the token endpoint ------------------------------------------------------------------

    def answer(
        self, user: sqlite3.Row, scopes: frozenset[str], base: str, *, satisfied: int, mfa: bool,
        nonce: str = "", claims: str = "", granted: frozenset[str] | None = None,
    ) -> dict[str, object]:  # fmt: skip
        """Access token, and refresh and id token as the scopes ask. `granted` is what the refresh token remembers."""
        cae = "cp1" in _capabilities(claims)
        for_graph = scopes - _IDENTITY
        lifetime = 86_399 if cae else 3_599 + secrets.randbelow(1_800)
        now = seconds(self._now())
        access = self._key.sign(
            {
                "aud": _GRAPH, "iss": f"{base}/{user['tid']}/v2.0", "iat": now, "nbf": now, "exp": now + lifetime,
                "appid": self._directory.client_id, "oid": user["oid"], "tid": user["tid"], "ver": "1.0",
                "scp": " ".join(sorted(for_graph)), "sub": b64(hashlib.sha256(user["oid"].encode()).digest()),
                "upn": user["upn"], "uti": b64(secrets.token_bytes(16)), "sat": satisfied,
                **({"xms_cc": ["cp1"]} if cae else {}),
            }
        )  # fmt: skip
        body: dict[str, object] = {
            "token_type": "Bearer",
            "scope": " ".join([*(f"{_GRAPH}/{one}" for one in sorted(for_graph)), *sorted(scopes & _SHOWN)]),
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": access,
        }  # fmt: skip
        if "offline_access" in scopes:
            body["refresh_token"] = self._refresh_token(user, granted or scopes, satisfied, mfa=mfa)
        if "openid" in scopes:
            body["id_token"] = self._id_token(user, scopes, base, nonce)
        return body

    def _id_token(self, user: sqlite3.Row, scopes: frozenset[str], base: str, nonce: str) -> str:
        now = seconds(self._now())
        claims: dict[str, object] = {
            "aud": self._directory.client_id, "iss": f"{base}/{user['tid']}/v2.0", "iat": now, "nbf": now,
            "exp": now + 3_600, "oid": user["oid"], "tid": user["tid"], "ver": "2.0", "uti": str(uuid.uuid4()),
            "sub": b64(hashlib.sha256(f"{user['oid']}{self._directory.client_id}".encode()).digest()),
            "rh": "1." + secrets.token_hex(12), "name": user["name"], "preferred_username": user["upn"],
        }  # fmt: skip
        if "email" in scopes:
            claims["email"] = user["mail"]
        if nonce:
            claims["nonce"] = nonce
        return self._key.sign(claims)

    # -- the gate of Graph ---------------------------------------------------------------------------------

    def read_access(self, token: str) -> Access:
        """The access token of a request. InvalidAccessToken."""
        try:
            claims = self._key.read(token)
        except BadToken:
            raise InvalidAccessToken("IDX14100: JWT is not well formed, there are no dots (.).") from None
        if claims.get("aud") != _GRAPH:
            raise InvalidAccessToken("Access token validation failure. Invalid audience.")
        expires = claims["exp"]
        if not isinstance(expires, int) or expires <= seconds(self._now()):
            raise InvalidAccessToken("Lifetime validation failed, the token is expired.")
        user = self._directory.user(str(claims["oid"]))
        if user is None:
            raise InvalidAccessToken("The identity of the calling application could not be established.")
        satisfied = claims.get("sat")
        assert isinstance(satisfied, int)  # noqa: S101  (this program signed it)
        scopes = frozenset(str(claims.get("scp", "")).split())
        return Access(user, scopes, str(claims["appid"]), "xms_cc" in claims, satisfied)


def _claims(text: str) -> dict[str, object]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        raise EntraError(9002313) from None
    inner = found.get("access_token", {}) if isinstance(found, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _capabilities(claims: str) -> list[str]:
    named = _claims(claims).get("xms_cc")
    values = named.get("values") if isinstance(named, dict) else None
    return [str(one) for one in values] if isinstance(values, list) else []


def asked_moment(claims: str) -> int:
    """The `nbf` of a claims challenge that is replayed, 0 without one."""
    named = _claims(claims).get("nbf")
    value = named.get("value") if isinstance(named, dict) else None
    return int(value) if isinstance(value, str | int) and str(value).isdecimal() else 0
