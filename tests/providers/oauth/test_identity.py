"""Nothing of an id_token is believed that was not checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from threadline.domain.errors import Transient
from threadline.providers.oauth.identity import Account, Keys, account_of

LOGIN = "https://login.example"
CLIENT = "11111111-2222-3333-4444-555555555555"
TID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPrivateKey = KEY, **more: object) -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": "k1", **more}


def claims(**changed: object) -> dict[str, object]:
    usual = {
        "iss": f"{LOGIN}/{TID}/v2.0",
        "aud": CLIENT,
        "nonce": "n",
        "exp": int((NOW + timedelta(hours=1)).timestamp()),
        "nbf": int(NOW.timestamp()),
        "iat": int(NOW.timestamp()),
        "tid": TID,
        "oid": "o",
        "preferred_username": "eva@contoso.example",
        "email": "eva.berg@contoso.example",
        "name": "Eva",
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def signed(key: rsa.RSAPrivateKey = KEY, /, **changed: object) -> str:
    return jwt.encode(claims(**changed), key, algorithm="RS256", headers={"kid": "k1"})


def read(token: str, key: Mapping[str, Any] | None = None, nonce: str = "n") -> Account:
    found = key or jwk()
    return account_of(token, key_for=lambda _: found, client_id=CLIENT, nonce=nonce, login=LOGIN, now=NOW)


def test_the_account_is_the_pair_of_organisation_and_object() -> None:
    account = read(signed())
    assert account.identity == f"{TID}/o"
    assert (account.address, account.username) == ("eva.berg@contoso.example", "eva@contoso.example")
    assert read(signed(email=None)).address == "eva@contoso.example"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": f"{LOGIN}/99999999-bbbb-cccc-dddd-eeeeeeeeeeee/v2.0"},
        {"iss": "https://login.evil.example/" + TID + "/v2.0"},
        {"tid": "99999999-bbbb-cccc-dddd-eeeeeeeeeeee"},
        {"tid": "../x"},
        {"aud": "another application"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": int((NOW - timedelta(minutes=6)).timestamp())},
        {"nbf": int((NOW + timedelta(minutes=6)).timestamp())},
        {"exp": None},
        {"exp": "soon"},
        {"oid": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_of_this_sign_in_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Transient, match="cannot be trusted"):
        read(signed(**changed))


def unsigned() -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'kid': 'k1'})}.{part(claims())}."


def by_the_public_key_as_a_secret() -> str:
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    # PyJWT refuses to make such a token, so it is put together by hand.
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    seal = base64.urlsafe_b64encode(hmac.new(pem, head + b"." + body, hashlib.sha256).digest()).rstrip(b"=")
    return b".".join([head, body, seal]).decode()


@pytest.mark.parametrize(
    "make",
    [
        unsigned,
        by_the_public_key_as_a_secret,
        lambda: signed(OTHER_KEY),
        lambda: signed()[:-4] + "AAAA",
        lambda: "",
        lambda: "a.b.c",
        lambda: jwt.encode(claims(), KEY, algorithm="RS384", headers={"kid": "k1"}),
    ],
    ids=["unsigned", "HMAC", "another key", "changed", "empty", "no token", "another algorithm"],
)
def test_a_signature_that_does_not_hold_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises(Transient, match="cannot be trusted"):
        read(make())


def test_a_key_of_one_organisation_signs_for_no_other() -> None:
    read(signed(), jwk(issuer=f"{LOGIN}/{{tenantid}}/v2.0"))
    with pytest.raises(Transient, match="cannot be trusted"):
        read(signed(), jwk(issuer=f"{LOGIN}/99999999-bbbb-cccc-dddd-eeeeeeeeeeee/v2.0"))


def test_an_empty_nonce_of_ours_accepts_nothing() -> None:
    with pytest.raises(Transient, match="cannot be trusted"):
        read(signed(nonce=""), nonce="")


class TestKeys:
    def test_they_are_asked_for_once_a_day_and_when_one_is_not_among_them(self) -> None:
        keys, asked = Keys(), []

        def ask() -> dict[str, Any]:
            asked.append(1)
            return {"keys": [jwk(), "odd", {"kid": "ec", "kty": "EC"}]}

        assert keys.get("u", "k1", ask, now=NOW)["kid"] == "k1"
        keys.get("u", "k1", ask, now=NOW + timedelta(hours=23))
        assert len(asked) == 1
        keys.get("u", "k1", ask, now=NOW + timedelta(hours=25))
        assert len(asked) == 2
        with pytest.raises(Transient):
            keys.get("u", "new", ask, now=NOW + timedelta(hours=25))
        assert len(asked) == 3

    def test_a_document_that_is_none_has_no_keys(self) -> None:
        with pytest.raises(Transient):
            Keys().get("u", "k1", lambda: {"keys": "none"}, now=NOW)
