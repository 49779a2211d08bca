"""What can be done about a mailbox: the one thing to do now, and what else."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from threadline.storage.models import Mailbox
from threadline.web.frame import is_approved


def acts_of(mailbox: Mailbox) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The one thing to do now, and what else can be done."""
    icon = "windows" if mailbox.provider == "graph" else "key"
    sign_in = {"text": "Sign in again", "icon": icon, "url": reverse("mailbox_sign_in", args=[mailbox.pk])}
    refresh = {
        "text": "Refresh",
        "icon": "refresh",
        "url": reverse("mailbox_refresh", args=[mailbox.pk]),
        "post": True,
    }
    again = refresh | {"text": "Check again"}
    check = {"text": "Check now", "icon": "check", "url": reverse("mailbox_check", args=[mailbox.pk]), "post": True}
    folders = {"text": "Folders", "icon": "folder", "url": reverse("mailbox_folders", args=[mailbox.pk])}
    leave = {"text": "Disconnect…", "url": reverse("mailbox_disconnect", args=[mailbox.pk]), "quiet": True}
    anew = sign_in | {"text": "Sign in again…", "icon": "", "quiet": True}
    ask_it = {"text": "Message for IT", "icon": "shield", "url": reverse("mailbox_for_it", args=[mailbox.pk])}
    support = {"text": "Contact support", "icon": "lifebuoy", "url": reverse("support")}
    by_state: dict[str, tuple[dict[str, Any] | None, list[dict[str, Any]]]] = {
        "connected": (None, [refresh, check, folders, anew, leave]),
        "delayed": (None, [refresh | {"text": "Try now"}, check, folders, anew, leave]),
        "reauthorise": (sign_in, [folders, leave]),
        "connecting": (sign_in | {"text": "Finish signing in"}, [leave | {"text": "Give up…"}]),
        "admin_needed": (ask_it, [again, anew, leave]),
        "interrupted": (support, [again, anew, leave]),
        "disconnected": (sign_in | {"text": "Connect again"}, []),
    }
    if is_approved(mailbox):
        return sign_in | {"text": "Finish connecting"}, [leave | {"text": "Give up…"}]
    if mailbox.state == "connecting" and mailbox.who == "it_administrator":
        # Whoever has heard of the approval before us need not wait until we notice.
        return ask_it, [sign_in | {"text": "It is approved: continue"}, leave | {"text": "Give up…"}]
    return by_state[mailbox.state]
