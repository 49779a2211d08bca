"""Signing and reading JSON Web Tokens (RFC 7519) with RS256 and PS256, as far as Entra uses them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate


class BadToken(Exception):
    """The token is not one of ours, or was changed."""


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url with or without padding; ValueError where it is none."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class SigningKey:
    """The key Entra signs with; made at its first use and kept in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._loaded: rsa.RSAPrivateKey | None = None

    @property
    def _key(self) -> rsa.RSAPrivateKey:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> rsa.RSAPrivateKey:
        if self._file.exists():
            found = serialization.load_pem_private_key(self._file.read_bytes(), None)
            assert isinstance(found, rsa.RSAPrivateKey)  # noqa: S101  (this program wrote the file)
            return found
        made = rsa.generate_private_key(65537, 2048)
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        part = self._file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(pem)
        part.replace(self._file)
        return made

    @property
    def id(self) -> str:
        return b64(hashlib.sha256(self._modulus()).digest()[:20])

    def _modulus(self) -> bytes:
        number = self._key.public_key().public_numbers().n
        return number.to_bytes((number.bit_length() + 7) // 8, "big")

    def public(self, issuer: str) -> dict[str, object]:
        """The entry of the JWKS document."""
        exponent = self._key.public_key().public_numbers().e.to_bytes(3, "big")
        return {
            "kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id,
            "n": b64(self._modulus()), "e": b64(exponent), "issuer": issuer,
        }  # fmt: skip

    def sign(self, claims: Mapping[str, object]) -> str:
        """The token, RS256."""
        head = {"typ": "JWT", "alg": "RS256", "kid": self.id}
        signed = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{b64(signature)}"

    def read(self, token: str) -> dict[str, object]:
        """The claims of a token of ours, whatever its age. BadToken."""
        return _verify(token, self._key.public_key())


def read_with_certificate(token: str, pem: str) -> dict[str, object]:
    """The claims of a token signed by the owner of this certificate. BadToken."""
    key = load_pem_x509_certificate(pem.encode()).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadToken("only RSA certificates")
    return _verify(token, key)


def _verify(token: str, key: rsa.RSAPublicKey) -> dict[str, object]:
    try:
        head_text, claims_text, signature = token.split(".")
        head, claims = json.loads(unb64(head_text)), json.loads(unb64(claims_text))
        signed = f"{head_text}.{claims_text}".encode()
        if head.get("alg") == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            key.verify(unb64(signature), signed, pss, hashes.SHA256())
        elif head.get("alg") == "RS256":
            key.verify(unb64(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise BadToken("unknown algorithm")
    except (ValueError, AttributeError, InvalidSignature):
        raise BadToken("not signed by this key") from None
    if not isinstance(claims, dict):
        raise BadToken("no claims")
    return claims
