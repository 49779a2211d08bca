"""What the pages of the Company section share: their tabs, and who may open which."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.urls import reverse

from threadline.storage.models import User

_TABS = (
    ("company", "Mailboxes", ("member", "admin", "support")),
    ("company_policy", "Policy", ("member", "admin", "support")),
    ("people_import", "People import", ("admin",)),
    ("company_users", "Users", ("admin", "support")),
    ("company_audit", "Audit", ("admin", "support")),
)


def frame(user: User, current: str) -> dict[str, Any]:
    """The context of a tab. Raises PermissionDenied, with a sentence, for those who may not open it."""
    allowed = {name: roles for name, _, roles in _TABS}[current]
    if user.role not in allowed:
        raise PermissionDenied("This page is for the administrators of your company.")
    tabs = [
        {"label": label, "url": reverse(name), "current": name == current}
        for name, label, roles in _TABS
        if user.role in roles
    ]
    return {"section": "company", "company": user.company, "tabs": tabs}


def must_be_admin(user: User) -> None:
    if not user.is_admin:
        raise PermissionDenied("Only an administrator of your company can do this.")
