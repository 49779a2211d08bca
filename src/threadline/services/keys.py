"""A new key for everything that is sealed. Interrupted anywhere, everything can still be opened; then run it again."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from threadline.config import keyfile
from threadline.services import sessions
from threadline.services.errors import Invalid

_RUNNING = (
    "A running `threadline serve` goes on working. It signs sessions with the new key from its next start; "
    "everybody signs in again then."
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """`next_step` is what the operator does now."""

    resealed: int
    next_step: str


def rotate() -> Rotation:
    """Seal everything with a new key: one made here, or the first of THREADLINE_SECRET_KEY."""
    if settings.KEY_FILE is None:
        return _rotate_environment()
    old = keyfile.installation_secrets(settings.KEY_FILE)
    new = keyfile.new_secret()
    keyfile.write(settings.KEY_FILE, (new, *old))
    resealed = sessions.reseal_all()
    keyfile.write(settings.KEY_FILE, (new,))
    return Rotation(resealed, _RUNNING)


def _rotate_environment() -> Rotation:
    if len(settings.SECRETS) < 2:
        raise Invalid(
            "THREADLINE_SECRET_KEY holds one key only. Put a new one in front of it, separated by a space, "
            "then run this again.",
            field="THREADLINE_SECRET_KEY",
        )
    resealed = sessions.reseal_all()
    return Rotation(
        resealed,
        "Now take the old key out of THREADLINE_SECRET_KEY and restart `threadline serve` and every worker. "
        "Everybody signs in again after that.",
    )
