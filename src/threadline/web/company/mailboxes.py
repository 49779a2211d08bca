"""Company > Mailboxes: every mailbox with its state, who must act, and what comes next."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from threadline.domain.cause_texts import cause_clause
from threadline.services import access
from threadline.services.health import describe_mailbox
from threadline.storage.models import Mailbox, User
from threadline.web import letters
from threadline.web.company.frame import frame
from threadline.web.requests import SignedIn
from threadline.web.settings.cards import URGENCY, accounted_for, may_change, who_acts
from threadline.web.settings.known import Known, known_of

GROUPS = (
    ("act", "Someone must act", "warning"),
    ("coming", "On its way", "clock"),
    ("fine", "Nothing to do", "check"),
)


@login_required
def mailboxes(request: SignedIn) -> HttpResponse:
    user = request.user
    shown = list(access.connections_of(user).select_related("owner", "company"))
    known = known_of(shown)
    rows = sorted(
        (_row(mailbox, user, known[mailbox.pk]) for mailbox in shown),
        key=lambda row: (row["order"], row["mailbox"].address_key),
    )
    wanted = request.GET.get("show", "")
    context = {
        **frame(user, "company"),
        "rows": [row for row in rows if wanted in {"", row["group"]}],
        "filters": _filters(rows, wanted),
        "sees_all": user.role != "member",
        "any": bool(rows),
    }
    return render(request, "company/mailboxes.html", context)


def group_of(mailbox: Mailbox, known: Known) -> str:
    if mailbox.state == "disconnected":
        return "fine"
    if mailbox.who != "nobody":
        return "act"
    loaded = mailbox.history_complete_at is not None and mailbox.gap_since is None
    return "fine" if mailbox.state == "connected" and loaded and not known.busy else "coming"


def _filters(rows: list[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    here = reverse("company")
    every = {"label": "All", "count": len(rows), "url": here, "current": wanted == ""}
    return [
        every,
        *(
            {
                "label": label,
                "icon": icon,
                "count": sum(row["group"] == group for row in rows),
                "url": f"{here}?show={group}",
                "current": wanted == group,
            }
            for group, label, icon in GROUPS
        ),
    ]


def _row(mailbox: Mailbox, user: User, known: Known) -> dict[str, Any]:
    group = group_of(mailbox, known)
    local, _, domain = mailbox.address.rpartition("@")
    return {
        "mailbox": mailbox,
        "local": local,
        "domain": f"@{domain}",
        "own": mailbox.owner_id == user.pk,
        "group": group,
        "order": ([name for name, _, _ in GROUPS].index(group), URGENCY.index(mailbox.state)),
        "word": describe_mailbox(mailbox).word.partition(" (retry")[0],
        "cause": _cause(mailbox),
        "who": "" if group != "act" else who_acts(mailbox, user),
        "check": known.check,
        "missing": max(0, known.check.on_server - known.check.accounted_for) if known.check else 0,
        "accounted_for": accounted_for(known),
        "held": known.held,
        "last": mailbox.last_refresh_at,
        "busy": known.busy,
        "act": _act(mailbox, user, group),
    }


def _cause(mailbox: Mailbox) -> str:
    if not mailbox.cause or mailbox.state == "connected":
        return ""
    clause = cause_clause(mailbox.cause)
    return (clause[:1].upper() + clause[1:]) + ("" if mailbox.certain else " (likely)")


def _act(mailbox: Mailbox, user: User, group: str) -> dict[str, str] | None:
    """The next step beside the state; None where there is nothing to do for this reader."""
    own = mailbox.owner_id == user.pk
    sign_in = reverse("mailbox_sign_in", args=[mailbox.pk])
    if mailbox.state == "disconnected":
        return {"text": "Connect again", "url": sign_in} if own else None
    if group != "act" or not may_change(user, mailbox):
        return None
    if mailbox.who == "operator":
        return {"text": "Contact support", "url": reverse("support")}
    if mailbox.who == "it_administrator":
        return {"text": "Message for IT", "url": reverse("mailbox_for_it", args=[mailbox.pk])}
    if own:
        return {"text": "Sign in again", "url": sign_in}
    return {"text": f"Remind {mailbox.owner.get_short_name()}…", "url": letters.reminder(mailbox, user).mailto}
