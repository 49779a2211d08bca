"""Seals what must not be read from the store: passwords, tokens, and what a sign-in under way carries."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from threadline.config.keyfile import installation_secrets
from threadline.storage.sealing import seal, unseal


def sealed(value: Any, *, context: str) -> bytes:
    """A value that JSON knows, sealed for its owner: opening it as another's fails."""
    return seal(json.dumps(value).encode(), context=context, secrets=_secrets())


def opened(stored: bytes | memoryview, *, context: str) -> Any:
    """Raises `storage.sealing.SealBroken` for a foreign key, another context or a changed byte."""
    return json.loads(unseal(bytes(stored), context=context, secrets=_secrets()))


def _secrets() -> tuple[str, ...]:
    """Read anew each time: `keys rotate` changes the file while other processes run."""
    if settings.KEY_FILE is None:
        environment: tuple[str, ...] = settings.SECRETS
        return environment
    return installation_secrets(settings.KEY_FILE)
