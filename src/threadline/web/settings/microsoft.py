"""Connecting with Microsoft: the way to its sign-in, and what to do when an administrator has to allow it first.

The way to Microsoft is a link and not a form: our content policy lets forms lead nowhere but here.
"""

from __future__ import annotations

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from threadline.domain.errors import ProviderError
from threadline.services import refresh
from threadline.services.connect import sentence_while_connecting
from threadline.services.errors import Refused
from threadline.services.microsoft import approval, signing_in, storing
from threadline.storage.models import Mailbox, SignIn, User
from threadline.web.requests import SignedIn
from threadline.web.settings import attempts
from threadline.web.settings.endings import Ending, heading, show, status_of, status_of_cause
from threadline.web.settings.mailboxes import crumbs
from threadline.web.wording import says_signed_in

KEPT = "connecting"  # the address of step one, as `connecting` keeps it in the session
CONFIRMING = "confirming"


@login_required
@require_GET
def go(request: SignedIn) -> HttpResponse:
    """Step three for a Microsoft mailbox: on to Microsoft, for the address of step one."""
    found = request.session.get(KEPT)
    if not found:
        return redirect("connect")
    return to_microsoft(request, found["address"], None)


def to_microsoft(request: SignedIn, address: str, mailbox: Mailbox | None) -> HttpResponse:
    """Begin a sign-in and lead the browser there; a page with a sentence where that cannot be."""
    try:
        attempts.count(request.user)
        session = request.session.session_key or ""
        begun = signing_in.begin(request.user, address, mailbox=mailbox, session=session, door="pages")
    except Refused as refused:
        return _show_refusal(request, address, refused, mailbox)
    except ProviderError as error:
        ending = not_connected(
            request,
            address,
            sentence_while_connecting(error),
            mailbox=mailbox,
            status=status_of_cause(error.cause.value),
            answer=error.answer,
        )
        return show(request, ending)
    return HttpResponseRedirect(begun.url)


def connected(request: HttpRequest, mailbox: Mailbox, user: User, before: str = "") -> HttpResponse:
    """On to the mailbox, whose emails come in now. `before`: its state before the sign-in; "" where it is new."""
    request.session.pop(KEPT, None)
    refresh.ask_for(mailbox, user)
    notices.success(request, says_signed_in(mailbox, before))
    return redirect("mailbox", mailbox_id=mailbox.pk)


@login_required
def confirm(request: SignedIn) -> HttpResponse:
    """Somebody typed one address and signed in as another: which mailbox is meant?"""
    row = SignIn.objects.filter(pk=request.session.get(CONFIRMING, 0), user=request.user).first()
    if row is None or row.outcome != SignIn.Outcome.OTHER_ACCOUNT:
        return redirect("settings")
    if request.method == "POST":
        try:
            mailbox = signing_in.confirm(row)
        except Refused as refused:
            return _show_refusal(request, row.address, refused)
        del request.session[CONFIRMING]
        return connected(request, mailbox, request.user)
    signed_in = storing.kept(row).account.address
    context = {
        "section": "settings",
        "row": row,
        "signed_in": signed_in,
        "crumbs": crumbs("Another account"),
    }
    return render(request, "settings/other_account.html", context)


@login_required
@require_POST
def needs_approval(request: SignedIn) -> HttpResponse:
    """Microsoft showed "Need admin approval", and the way back told us nothing: the owner says so."""
    found = request.session.get(KEPT)
    if not found or found.get("provider") != "graph":
        return redirect("connect")
    try:
        mailbox = approval.wait(
            request.user, found["address"], mailbox=storing.known(request.user, found["address"]), door="pages"
        )
    except Refused as refused:
        return _show_refusal(request, found["address"], refused)
    return redirect("mailbox_for_it", mailbox_id=mailbox.pk)


def _show_refusal(request: SignedIn, address: str, refused: Refused, mailbox: Mailbox | None = None) -> HttpResponse:
    ending = not_connected(request, address, refused.sentence, mailbox=mailbox, status=status_of(refused))
    return show(request, ending)


def not_connected(
    request: HttpRequest,
    address: str,
    sentence: str,
    *,
    status: int,
    mailbox: Mailbox | None = None,
    answer: str = "",
    declined: bool = False,
) -> Ending:
    """That a sign-in came to nothing, with the way to try again. `mailbox`: the one that was to be connected again."""
    begun = bool(request.session.get(KEPT))
    again = reverse("mailbox_sign_in", args=[mailbox.pk]) if mailbox else reverse("connect_microsoft")
    return Ending(
        heading(address, mailbox),
        sentence,
        status,
        answer=answer,
        again=again if mailbox or begun else reverse("connect"),
        needs_approval=declined and mailbox is None,
        back=reverse("mailbox", args=[mailbox.pk]) if mailbox else reverse("connect"),
    )
