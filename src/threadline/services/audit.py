"""Writes down what people did, so that it can be looked up."""

from __future__ import annotations

from typing import Any

from threadline.clock import now
from threadline.storage.models import AuditEntry, User


def record(
    company_id: int,
    user: User | None,
    door: str,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """`door` is "pages", "command" or "worker"; `detail` holds no secrets and no mail text."""
    AuditEntry.objects.create(
        company_id=company_id,
        user=user,
        door=door,
        action=action,
        subject=subject[:300],
        detail=detail or {},
        at=now(),
    )
