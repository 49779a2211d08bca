"""Keeps the sign-in forms from being used to try passwords, and a mail server from locking the account."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache

from threadline.services.errors import Conflict
from threadline.storage.models import User

MOST = 20
WITHIN = timedelta(minutes=10)


def count(user: User) -> None:
    """Count one more attempt of this user. Raises Conflict when there were too many lately."""
    key = f"sign-in-attempts-{user.pk}-{user.created_at.timestamp():.0f}"
    cache.add(key, 0, timeout=WITHIN.total_seconds())
    if cache.incr(key) > MOST:
        raise Conflict(
            f"There were {MOST} attempts within ten minutes. Wait ten minutes, so that the mail server does not lock "
            "the account."
        )
