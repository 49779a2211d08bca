"""Settings > Email connection: the status cards, one mailbox, refreshing and disconnecting it."""

from __future__ import annotations

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from threadline.services import access, connect, verify
from threadline.services import refresh as refreshing
from threadline.services.errors import Conflict
from threadline.storage.models import Copy, Mailbox
from threadline.web import letters
from threadline.web.requests import SignedIn
from threadline.web.settings.cards import cards_of, may_change


def crumbs(last: str, mailbox: Mailbox | None = None) -> list[dict[str, str]]:
    """Email connection > the mailbox > the page."""
    path = [{"label": "Email connection", "url": reverse("settings")}]
    if mailbox is not None:
        path.append({"label": mailbox.address, "url": reverse("mailbox", args=[mailbox.pk])})
    return [*path, {"label": last}]


@login_required
def overview(request: SignedIn) -> HttpResponse:
    mailboxes = access.own_mailboxes(request.user).select_related("company", "owner")
    cards = cards_of(mailboxes, request.user)
    return render(request, "settings/overview.html", {"section": "settings", "cards": cards})


@login_required
def one(request: SignedIn, mailbox_id: int) -> HttpResponse:
    """One status card: the own one, and for administrators and support a colleague's."""
    mailbox = access.connection_shown_to(request.user, mailbox_id)
    [card] = cards_of([mailbox], request.user, may_change=may_change(request.user, mailbox))
    own = mailbox.owner_id == request.user.pk
    context = {
        "section": "settings" if own else "company",
        "card": card,
        "mailbox": mailbox,
        "own": own,
        "crumbs": crumbs(mailbox.address)
        if own
        else [{"label": "Company", "url": reverse("company")}, {"label": mailbox.address}],
    }
    return render(request, "settings/mailbox.html", context)


@login_required
def progress(request: SignedIn, mailbox_id: int) -> HttpResponse:
    """The panel over a card, asked for every other second while a refresh runs; the page is loaded anew at its end."""
    mailbox = access.connection_shown_to(request.user, mailbox_id)
    if not request.htmx:
        return redirect("mailbox", mailbox_id=mailbox.pk)
    [card] = cards_of([mailbox], request.user)
    response = render(request, "settings/progress.html", {"card": card})
    if not card["busy"]:
        response["HX-Refresh"] = "true"
    return response


@login_required
@require_POST
def refresh(request: SignedIn, mailbox_id: int) -> HttpResponse:
    mailbox = access.connection_for(request.user, mailbox_id)
    try:
        refreshing.ask_for(mailbox, request.user)
    except Conflict as refused:
        notices.error(request, refused.sentence)
    return redirect("mailbox", mailbox_id=mailbox.pk)


@login_required
@require_POST
def check(request: SignedIn, mailbox_id: int) -> HttpResponse:
    """Compare everything with the mail server now; the card shows the result."""
    mailbox = access.connection_for(request.user, mailbox_id)
    try:
        verify.ask_for(mailbox)
    except Conflict as refused:
        notices.error(request, refused.sentence)
    return redirect("mailbox", mailbox_id=mailbox.pk)


@login_required
def for_it(request: SignedIn, mailbox_id: int) -> HttpResponse:
    """A message to the IT administrator, ready to send."""
    mailbox = access.connection_for(request.user, mailbox_id)
    letter = letters.for_it(mailbox, request.user)
    context = {
        "section": "settings",
        "mailbox": mailbox,
        "letter": letter,
        "crumbs": crumbs("Message for IT", mailbox),
    }
    return render(request, "settings/for_it.html", context)


@login_required
def disconnect(request: SignedIn, mailbox_id: int) -> HttpResponse:
    mailbox = access.connection_for(request.user, mailbox_id)
    if mailbox.state == "disconnected":
        notices.info(request, f"{mailbox.address} is not connected.")
        return redirect("mailbox", mailbox_id=mailbox.pk)
    if request.method == "POST":
        connect.disconnect(mailbox, user=request.user, door="pages")
        notices.success(
            request,
            f"{mailbox.address} is disconnected and its {_secret(mailbox)} is forgotten. Its emails and every profile "
            "stay.",
        )
        return redirect("mailbox", mailbox_id=mailbox.pk)
    held = Copy.objects.filter(mailbox=mailbox).count()
    context = {
        "section": "settings",
        "mailbox": mailbox,
        "lost": [f"New emails stop coming in. Our access ends and the stored {_secret(mailbox)} is forgotten."],
        "stays": [
            f"{held:,} email{'' if held == 1 else 's'} and every profile stay as they are.",
            "The mailbox itself is not changed in any way.",
            "Connect again later with the same account: the gap is filled, and nothing comes twice.",
            *_stays_at_microsoft(mailbox),
        ],
        "crumbs": crumbs("Disconnect", mailbox),
    }
    return render(request, "settings/disconnect.html", context)


def _secret(mailbox: Mailbox) -> str:
    return "sign-in" if mailbox.provider == "graph" else "password"


def _stays_at_microsoft(mailbox: Mailbox) -> list[str]:
    """Microsoft has no way for a program to hand a sign-in back; without what we forget it is worth nothing."""
    if mailbox.provider != "graph":
        return []
    said = (
        "Microsoft goes on listing Threadline among the apps you have allowed. To take that back as well: "
        "myaccount.microsoft.com, or your IT administrator."
    )
    return [said]
