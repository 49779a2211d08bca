"""The words that bind a sign-in to who began it: state, nonce and the PKCE verifier (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_word() -> str:
    """An unguessable word of 43 characters that need no quoting."""
    return secrets.token_urlsafe(32)


def digest_of(word: str) -> str:
    """What is kept of a word that travels through browsers."""
    return hashlib.sha256(word.encode()).hexdigest()


def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2, method S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")
