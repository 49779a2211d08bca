"""What the frame of every page shows: where one is, the state of one's mailboxes, who is signed in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from threadline.services import access
from threadline.services.health import describe_mailbox

NEEDS_SOMEONE = {"reauthorise", "admin_needed", "interrupted"}


def frame(request: HttpRequest) -> dict[str, Any]:
    """`frame_mailboxes`: (mailbox, description) of the own ones; `frame_attention`: how many of them need someone."""
    shared = {"demo": settings.DEMO, "support_email": settings.SUPPORT_EMAIL}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return shared
    mailboxes = [
        (mailbox, describe_mailbox(mailbox)) for mailbox in access.own_mailboxes(user).select_related("company")
    ]
    return shared | {
        "frame_mailboxes": mailboxes,
        "frame_attention": sum(mailbox.state in NEEDS_SOMEONE for mailbox, _ in mailboxes),
    }
