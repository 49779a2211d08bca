"""Whose sign-in it was: the id_token, checked before anything of it is believed (OpenID Connect Core section 3.1.3.7).

Keys are kept for a day, and asked for anew when a token names one that is not among them: Microsoft changes them
without notice.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from threadline.domain.causes import Cause
from threadline.domain.errors import ProviderError, Transient

_SKEW = timedelta(minutes=5)
_KEPT = timedelta(days=1)
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed in. The account is the pair of `tid` and `oid`; names and addresses may change, or be lent."""

    tid: str
    oid: str
    address: str  # the mail address, or the name of the sign-in where Microsoft says no address
    username: str  # the name of the sign-in (UPN)
    name: str = ""

    @property
    def identity(self) -> str:
        return f"{self.tid}/{self.oid}"


class Keys:
    """The public keys by which tokens are checked, by the address they come from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[datetime, Mapping[str, Mapping[str, Any]]]] = {}

    def get(self, url: str, kid: str, ask: Callable[[], Mapping[str, Any]], *, now: datetime) -> Mapping[str, Any]:
        """The JWK with this name. Raises Transient when there is none."""
        with self._lock:
            asked_at, keys = self._kept.get(url, (datetime.min.replace(tzinfo=UTC), {}))
        if kid not in keys or not timedelta(0) <= now - asked_at < _KEPT:
            keys = _by_name(ask())
            with self._lock:
                self._kept[url] = (now, keys)
        if kid not in keys:
            raise _unbelieved("it is signed by a key that is not among those published")
        return keys[kid]


def _by_name(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    listed = document.get("keys")
    keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    return {str(key["kid"]): key for key in keys if key.get("kid") and key.get("kty") == "RSA"}


def account_of(
    token: str, *, key_for: Callable[[str], Mapping[str, Any]], client_id: str, nonce: str, login: str, now: datetime
) -> Account:
    """The account of an id_token. `key_for` finds a key by its name; `login` is the address of the sign-in.

    Raises Transient where the token is not one that this sign-in of ours could have got.
    """
    try:
        key = key_for(str(jwt.get_unverified_header(token).get("kid", "")))
        claims = jwt.decode(
            token,
            jwt.PyJWK.from_dict(dict(key), algorithm="RS256").key,
            algorithms=["RS256"],
            audience=client_id,
            # Times are compared below, with our clock.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["exp", "iss", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _unbelieved(str(error)) from error
    tid, oid = str(claims.get("tid", "")).lower(), str(claims.get("oid", ""))
    issuer = f"{login}/{tid}/v2.0"
    if not _TENANT.fullmatch(tid) or claims.get("iss") != issuer:
        raise _unbelieved("it is from somebody else")
    # A key of the shared document may be one organisation's alone.
    if str(key.get("issuer", issuer)).replace("{tenantid}", tid) != issuer:
        raise _unbelieved("its key is another organisation's")
    if not nonce or claims.get("nonce") != nonce:
        raise _unbelieved("it belongs to another sign-in")
    if not _is_current(claims, now):
        raise _unbelieved("its time is over, or the clock of this computer is wrong")
    if not oid:
        raise _unbelieved("it names no account")
    username = str(claims.get("preferred_username", ""))
    return Account(
        tid, oid, address=str(claims.get("email") or username), username=username, name=str(claims.get("name", ""))
    )


def _is_current(claims: Mapping[str, Any], now: datetime) -> bool:
    try:
        ends = float(claims["exp"])
        begins = float(claims.get("nbf", 0))
    except (TypeError, ValueError):
        return False
    moment, skew = now.timestamp(), _SKEW.total_seconds()
    return begins - skew <= moment <= ends + skew


def _unbelieved(why: str) -> ProviderError:
    return Transient(
        "The answer of the sign-in cannot be trusted, so nothing was connected. Sign in once more.",
        cause=Cause.SERVER_TROUBLE,
        answer=f"id_token: {why}"[:500],
    )
