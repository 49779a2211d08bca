"""Proving who this installation is by its certificate (RFC 7523 section 2.2; Microsoft identity platform, "Certificate
credentials")."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIVES = timedelta(minutes=10)
_EARLIER = timedelta(minutes=2)  # our clock may be ahead of Microsoft's


def client_assertion(client_id: str, audience: str, pem: str, *, now: datetime) -> str:
    """A signed word of this installation for `audience`, the token endpoint. Raises AppMisconfigured."""
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
    except (ValueError, TypeError) as error:
        raise AppMisconfigured(
            "The certificate of this installation cannot be read: the file has to hold a private key without a "
            "password, and the certificate.",
            cause=Cause.APP_SECRET_WRONG,
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise AppMisconfigured(
            "The certificate of this installation has no RSA key, and Microsoft takes no other.",
            cause=Cause.APP_SECRET_WRONG,
        )
    if certificate.not_valid_after_utc <= now:
        raise AppMisconfigured(
            f"The certificate of this installation expired on {certificate.not_valid_after_utc:%d %B %Y}.",
            cause=Cause.APP_SECRET_EXPIRED,
        )
    print_of_it = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode("ascii")
    claims = {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "iat": int(now.timestamp()),
        "nbf": int((now - _EARLIER).timestamp()),
        "exp": int((now + _LIVES).timestamp()),
    }
    return jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": print_of_it})
