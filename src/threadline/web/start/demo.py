"""The panel that makes trouble, in the demo only: each failure and its remedy in a minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from threadline.services import access
from threadline.services.errors import NotFound
from threadline.storage.models import User
from threadline.web.requests import SignedIn
from threadline.web.start import microsoft_troubles
from threadline.web.start.control import Sandbox, SandboxRefused
from threadline.web.start.microsoft_troubles import MICROSOFT_TROUBLES
from threadline.web.start.troubles import TROUBLES

BACK = "Back to normal"


@login_required
def panel(request: SignedIn) -> HttpResponse:
    _only_in_the_demo()
    context: dict[str, Any] = {"section": "settings"}
    try:
        sandbox = Sandbox()
        state = sandbox.get("state")
        switched = {slug for slug, on in (("throttle", state["throttle"] != "off"), ("delay", state["delay_ms"])) if on}
        context |= {
            "state": state,
            "accounts": sandbox.get("accounts")["accounts"],
            "people": sandbox.get("people")["people"],
            "templates": sandbox.get("templates")["templates"],
            "deliver": TROUBLES["deliver"],
            "mailboxes": (mailboxes := _mailboxes(sandbox)),
            "mailbox": _likely(mailboxes, request.user),
            "troubles": [
                {"slug": slug, "trouble": trouble, "button": BACK if slug in switched else trouble.button}
                for slug, trouble in TROUBLES.items()
                if slug != "deliver" and slug != ("start" if state["imap"]["running"] else "stop")
            ],
        }
        if sandbox.has_microsoft:
            on = microsoft_troubles.switched(sandbox)
            context["microsoft_accounts"] = sandbox.get("microsoft/accounts")["accounts"]
            context["microsoft_troubles"] = [
                {"slug": slug, "trouble": trouble, "button": BACK if slug in on else trouble.button}
                for slug, trouble in MICROSOFT_TROUBLES.items()
            ]
    except SandboxRefused as refused:
        context["refused"] = str(refused)
    return render(request, "start/demo.html", context)


@login_required
@require_POST
def make(request: SignedIn, trouble: str) -> HttpResponse:
    _only_in_the_demo()
    known = {**TROUBLES, **MICROSOFT_TROUBLES}
    if trouble not in known:
        raise NotFound("There is no such trouble here.")
    try:
        sandbox = Sandbox()
        accounts = _mailboxes(sandbox) if trouble == "deliver" else [one["address"] for one in sandbox.accounts]
        form = request.POST.dict()
        if form.get("account") not in accounts:
            form["account"] = _likely(accounts, request.user)
        notices.success(request, known[trouble].make(sandbox, form))
    except SandboxRefused as refused:
        notices.error(request, str(refused))
    return redirect("demo")


def _mailboxes(sandbox: Sandbox) -> list[str]:
    """Every account that mail can be delivered to."""
    everywhere = list(sandbox.accounts)
    if sandbox.has_microsoft:
        everywhere += sandbox.get("microsoft/accounts")["accounts"]
    return [account["address"] for account in everywhere]


def _likely(accounts: Sequence[str], user: User) -> str:
    """The mailbox that is meant: one that this user has connected, where there is one."""
    own = access.own_mailboxes(user).exclude(state="disconnected").values_list("address_key", flat=True)
    connected = set(own)
    return next((address for address in accounts if address in connected), accounts[0])


def _only_in_the_demo() -> None:
    if not settings.DEMO:
        raise NotFound("There is nothing to break here: this is not the demo.")
