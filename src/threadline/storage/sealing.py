"""Passwords and tokens at rest: authenticated encryption (AES-256-GCM), bound to the mailbox they belong to.

A sealed value is: one format byte, 8 bytes naming the key, 12 bytes nonce, ciphertext with its tag. The key is derived
by HKDF-SHA256 from an installation secret; which one, its name says, so that old secrets work until `keys rotate`.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FORMAT = b"\x01"


class SealBroken(Exception):
    """A stored secret cannot be opened with this installation's keys."""


def _key(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"threadline sealing v1").derive(secret.encode())


def _name(secret: str) -> bytes:
    return hashlib.blake2b(_key(secret), digest_size=8, person=b"threadline-name").digest()


def seal(plain: bytes, *, context: str, secrets: tuple[str, ...]) -> bytes:
    """Seal with the current secret. `context` names the owner; opening with another one fails."""
    nonce = os.urandom(12)
    sealed = AESGCM(_key(secrets[0])).encrypt(nonce, plain, context.encode())
    return FORMAT + _name(secrets[0]) + nonce + sealed


def unseal(sealed: bytes, *, context: str, secrets: tuple[str, ...]) -> bytes:
    """The plain value. Raises SealBroken for a foreign key, another context or a changed byte."""
    sealed = bytes(sealed)
    for secret in secrets:
        if sealed[:1] == FORMAT and sealed[1:9] == _name(secret):
            try:
                return AESGCM(_key(secret)).decrypt(sealed[9:21], sealed[21:], context.encode())
            except InvalidTag:
                raise SealBroken("A stored secret was changed or belongs to another mailbox.") from None
    raise SealBroken("A stored secret was sealed with a key that this installation does not have.")
