"""Who renews a grant, and what is stored of the answer (I6).

Renewing is: claim the row, ask the provider outside any transaction, store the answer if nobody else has meanwhile. A
claim runs out by itself, in database time: its owner may have been killed. Until the answer is stored the old refresh
token stays, and is still good.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Now

from threadline.storage.models import Grant

CLAIM = timedelta(seconds=40)  # longer than a token endpoint may take to answer


def claim(grant: Grant) -> str:
    """The right to renew this version of the grant; "" where another has it, or it was renewed meanwhile."""
    mine = secrets.token_hex(16)
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=Now())
    taken = Grant.objects.filter(free, pk=grant.pk, version=grant.version).update(
        claim=mine, claimed_until=Now() + CLAIM
    )
    return mine if taken else ""


def store(
    grant: Grant,
    *,
    refresh_token: bytes | None,
    access_token: bytes,
    access_expires_at: datetime,
    now: datetime,
    renew_at: datetime,
) -> bool:
    """Put the answer in place of the version that was read; False where that one is gone. None keeps the old token."""
    values: dict[str, Any] = {
        "version": F("version") + 1,
        "access_token": access_token,
        "access_expires_at": access_expires_at,
        "used_at": now,
        "renew_at": renew_at,
        "claim": "",
        "claimed_until": None,
        "refusal": {},
        "warned": None,
    }
    if refresh_token is not None:
        values |= {"refresh_token": refresh_token, "issued_at": now}
    return bool(Grant.objects.filter(pk=grant.pk, version=grant.version).update(**values))


def release(grant: Grant, mine: str, refusal: dict[str, Any]) -> None:
    """Give the claim back with what the renewal met, for those who wait for it."""
    Grant.objects.filter(pk=grant.pk, claim=mine).update(
        claim="", claimed_until=None, attempts=F("attempts") + 1, refusal=refusal
    )
