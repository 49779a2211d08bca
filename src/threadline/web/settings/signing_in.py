"""Signing in to a mailbox again, in place: cursors stay, the gap is filled, nothing comes twice."""

from __future__ import annotations

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from threadline.domain.errors import ProviderError
from threadline.services import access, connect, health, refresh
from threadline.services.errors import Refused
from threadline.services.sessions import Credentials
from threadline.web.requests import SignedIn
from threadline.web.settings import attempts, microsoft
from threadline.web.settings.forms import SignInForm
from threadline.web.settings.mailboxes import crumbs
from threadline.web.wording import says_signed_in


@sensitive_post_parameters("password")
@login_required
def sign_in(request: SignedIn, mailbox_id: int) -> HttpResponse:
    mailbox = access.connection_for(request.user, mailbox_id)
    if mailbox.provider == "graph":
        return microsoft.to_microsoft(request, mailbox.settings.get("account") or mailbox.address, mailbox)
    stored = {name: mailbox.settings.get(name, "") for name in ("host", "port", "security", "username")}
    before = mailbox.state
    form = SignInForm(request.POST or None, initial=stored)
    answer = ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            attempts.count(request.user)
            server = connect.server(data["host"], data["port"], data["security"], data["username"])
            connect.reconnect(mailbox, Credentials(data["password"]), server=server, user=request.user, door="pages")
        except Refused as refusal:
            form.refused(refusal)
        except ProviderError as error:
            form.failed(error)
            answer = error.answer
        else:
            refresh.ask_for(mailbox, request.user)
            notices.success(request, says_signed_in(mailbox, before))
            return redirect("mailbox", mailbox_id=mailbox.pk)
    context = {
        "section": "settings",
        "mailbox": mailbox,
        "form": form,
        "answer": answer,
        "description": health.describe_mailbox(mailbox),
        "crumbs": crumbs("Sign in again", mailbox),
    }
    return render(request, "settings/sign_in.html", context)
