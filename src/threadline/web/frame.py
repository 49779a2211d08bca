"""What the frame of every page shows: the state of one's mailboxes, and how many need someone."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from threadline.services import access
from threadline.services.health import describe_mailbox
from threadline.storage.models import Mailbox

# The one that needs someone most stands for all of them.
URGENCY = ("interrupted", "reauthorise", "admin_needed", "connecting", "delayed", "connected", "disconnected")
NEEDS_SOMEONE = {"interrupted", "reauthorise", "admin_needed"}


def is_approved(mailbox: Mailbox) -> bool:
    """Its administrator has allowed it, and its owner is a click away from having it connected."""
    return mailbox.state == "connecting" and mailbox.cause == "approval_given"


def frame(request: HttpRequest) -> dict[str, Any]:
    """`frame`: state, word and address of the foot of the rail; attention: how many mailboxes need someone.

    `approved`: a mailbox that its administrator has allowed meanwhile, for the banner over every page.
    """
    shared = {"demo": settings.DEMO, "support_email": settings.SUPPORT_EMAIL}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return shared
    mailboxes = list(access.own_mailboxes(user).select_related("company"))
    approved = next((mailbox for mailbox in mailboxes if is_approved(mailbox)), None)
    attention = sum(mailbox.state in NEEDS_SOMEONE or is_approved(mailbox) for mailbox in mailboxes)
    if not mailboxes:
        return shared | {"frame": {"attention": 0}}
    first = min(mailboxes, key=lambda mailbox: URGENCY.index(mailbox.state))
    address = first.address
    if len(mailboxes) > 1:
        connected = sum(mailbox.state in {"connected", "delayed"} for mailbox in mailboxes)
        address = f"{connected} of {len(mailboxes)} connected"
    word = f"{attention} need attention" if attention > 1 else describe_mailbox(first).word
    return shared | {
        "approved": approved,
        "frame": {
            "state": "attention" if attention > 1 else first.state,
            "word": word,
            "address": address,
            "attention": attention,
        },
    }
