"""The panel that makes trouble, in the demo only: each failure and its remedy in a minute."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from threadline.services.errors import NotFound
from threadline.web.requests import SignedIn
from threadline.web.start.control import Sandbox, SandboxRefused
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
            "troubles": [
                {"slug": slug, "trouble": trouble, "button": BACK if slug in switched else trouble.button}
                for slug, trouble in TROUBLES.items()
                if slug != "deliver" and slug != ("start" if state["imap"]["running"] else "stop")
            ],
        }
    except SandboxRefused as refused:
        context["refused"] = str(refused)
    return render(request, "start/demo.html", context)


@login_required
@require_POST
def make(request: SignedIn, trouble: str) -> HttpResponse:
    _only_in_the_demo()
    if trouble not in TROUBLES:
        raise NotFound("There is no such trouble here.")
    try:
        sandbox = Sandbox()
        accounts = [account["address"] for account in sandbox.accounts]
        form = request.POST.dict()
        if form.get("account") not in accounts:
            form["account"] = accounts[0]
        notices.success(request, TROUBLES[trouble].make(sandbox, form))
    except SandboxRefused as refused:
        notices.error(request, str(refused))
    return redirect("demo")


def _only_in_the_demo() -> None:
    if not settings.DEMO:
        raise NotFound("There is nothing to break here: this is not the demo.")
