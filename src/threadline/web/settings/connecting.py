"""Connecting a mailbox in three steps: the address, what kind of mailbox it is, and signing in.

What was found is kept in the session between the steps. It never holds the password.
"""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from threadline.domain.errors import ProviderError
from threadline.services import access, connect, refresh
from threadline.services.errors import Invalid, Refused
from threadline.services.microsoft.app import is_set_up
from threadline.services.sessions import Credentials
from threadline.storage.models import Mailbox
from threadline.web.requests import SignedIn
from threadline.web.settings import attempts
from threadline.web.settings.forms import AddressForm, SignInForm
from threadline.web.settings.mailboxes import crumbs
from threadline.web.settings.microsoft import KEPT

NAMES = {"imap": "A mailbox with IMAP", "gmail": "Gmail", "graph": "Microsoft 365"}


@login_required
def address(request: SignedIn) -> HttpResponse:
    """Step one. A POST looks for the server, which takes ten seconds at most, and leads to step three."""
    form = AddressForm(request.POST or None, initial={"address": _suggested(request)})
    if request.method == "POST" and form.is_valid():
        try:
            request.session[KEPT] = _found(form.cleaned_data["address"], by_hand="by_hand" in request.POST)
        except Invalid as wrong:
            form.add_error("address", wrong.sentence)
        else:
            return redirect("connect_sign_in")
    return _page(request, {"form": form, "step": 1})


def _suggested(request: SignedIn) -> str:
    if "address" in request.GET:
        return request.GET["address"]
    return "" if access.own_mailboxes(request.user).exists() else request.user.email


def _found(given: str, *, by_hand: bool) -> dict[str, Any]:
    """What is known of this address, as it is kept in the session."""
    if by_hand:
        connect.check(given)
        return {"address": given, "by_hand": True, "server": {"username": given}, "provider": "", "unsure": False}
    began = time.monotonic()
    detection = connect.detect(given)
    server = detection.servers[0] if detection.servers else None
    return {
        "address": detection.address,
        "by_hand": False,
        "provider": detection.provider or "",
        "name": NAMES.get(detection.provider or "", ""),
        "unsure": bool(detection.servers) and not detection.protected,
        "hint": detection.hint,
        "word": _in(time.monotonic() - began),
        "steps": [
            {"source": str(step.source), "outcome": str(step.outcome), "detail": step.detail}
            for step in detection.steps
        ],
        "server": {
            "host": server.host,
            "port": server.port,
            "security": server.security.value,
            "username": server.username,
        }
        if server
        else {"username": detection.address},
    }


def _in(seconds: float) -> str:
    return f"Found in {seconds:.1f} s" if seconds >= 0.1 else "Found at once"


@sensitive_post_parameters("password")
@login_required
def sign_in(request: SignedIn) -> HttpResponse:
    """Step three: where the password goes is shown before it is asked for."""
    found = request.session.get(KEPT)
    if not found:
        return redirect("connect")
    form = SignInForm(request.POST or None, initial=found["server"])
    answer = ""
    if request.method == "POST" and form.is_valid():
        try:
            mailbox = _connect(request, found["address"], form.cleaned_data)
        except Refused as refusal:
            form.refused(refusal)
        except ProviderError as error:
            form.failed(error)
            answer = error.answer
        else:
            del request.session[KEPT]
            refresh.ask_for(mailbox, request.user)
            return _leave(request, reverse("mailbox", args=[mailbox.pk]))
    # Microsoft takes no password from us: the form is only for who keeps the mail elsewhere.
    elsewhere = found["provider"] == "graph" and "host" not in found["server"]
    context = {"found": found, "step": 3, "answer": answer, "elsewhere": elsewhere, "set_up": is_set_up()}
    return _page(request, {"form": form, **context})


def _connect(request: SignedIn, given: str, data: dict[str, Any]) -> Mailbox:
    attempts.count(request.user)
    server = connect.server(data["host"], data["port"], data["security"], data["username"])
    return connect.add(given, request.user, server, Credentials(data["password"]), door="pages")


def _page(request: SignedIn, context: dict[str, Any]) -> HttpResponse:
    template = "settings/connect_steps.html" if request.htmx else "settings/connect.html"
    response = render(request, template, {"section": "settings", "crumbs": crumbs("Connect a mailbox"), **context})
    if request.htmx:
        response["HX-Push-Url"] = request.path
    return response


def _leave(request: SignedIn, url: str) -> HttpResponse:
    if request.htmx:
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)
