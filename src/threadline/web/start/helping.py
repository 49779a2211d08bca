"""Support, when a connection is interrupted, and Help: the conditions, the states, security changes, refreshing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render

from threadline.domain.connection_states import Health, State
from threadline.domain.connection_texts import STATE_TEXTS, WHAT_TO_SEND, describe
from threadline.services import access
from threadline.services.health import describe_mailbox
from threadline.services.microsoft.app import client_id, is_set_up, redirect_uri
from threadline.services.policy import policy_of
from threadline.storage.models import Mailbox
from threadline.web import letters
from threadline.web.conditions import five_conditions
from threadline.web.requests import SignedIn
from threadline.web.settings.cards import URGENCY

OPERATOR = "the administrator of this installation"
PERMISSIONS = (
    ("Mail.Read", "read the mail of whoever signs in"),
    ("User.Read", "their name and address"),
    ("offline_access", "stay connected while they are away"),
    ("openid", "know who signed in"),
    ("email", "know their address"),
)
WHO = {
    "nobody": "Nobody",
    "you": "You",
    "it_administrator": "Your IT administrator",
    "operator": "Support",
}


@login_required
def support(request: SignedIn) -> HttpResponse:
    """Whom to write to, what to send, and the three steps to try first."""
    own = access.own_mailboxes(request.user).select_related("company", "owner")
    mailboxes = sorted(own, key=lambda mailbox: URGENCY.index(mailbox.state))
    context = {
        "section": "support",
        "whom": settings.SUPPORT_EMAIL or OPERATOR,
        "what_to_send": WHAT_TO_SEND,
        "letter": letters.for_support(request.user, mailboxes, settings.SUPPORT_EMAIL),
        "rows": [_row(mailbox) for mailbox in mailboxes],
        "worst": mailboxes[0] if mailboxes else None,
    }
    return render(request, "start/support.html", context)


def _row(mailbox: Mailbox) -> dict[str, Any]:
    return {"mailbox": mailbox, "description": describe_mailbox(mailbox)}


@login_required
def help_page(request: SignedIn) -> HttpResponse:
    policy = policy_of(request.user.company)
    states = [
        {
            "name": state.value,
            "described": describe(
                Health(state, who=STATE_TEXTS[state].who),
                provider="the mail provider",
                support_email=settings.SUPPORT_EMAIL or OPERATOR,
            ),
            "who": WHO[STATE_TEXTS[state].who.value],
        }
        for state in State
    ]
    minutes = int(policy.refresh_interval.total_seconds() // 60)
    context = {
        "section": "support",
        "conditions": five_conditions(policy),
        "states": states,
        "interval": f"{minutes // 60} hours" if minutes % 60 == 0 and minutes > 60 else f"{minutes} minutes",
    }
    return render(request, "start/help.html", context)


@login_required
def microsoft_page(request: SignedIn) -> HttpResponse:
    """How the operator registers this installation with Microsoft, with the values to enter."""
    context = {
        "section": "support",
        "redirect_uri": redirect_uri(),
        "set_up": is_set_up(),
        "client_id": client_id(),
        "permissions": PERMISSIONS,
    }
    return render(request, "start/microsoft.html", context)
