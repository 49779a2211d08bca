"""Where Microsoft sends people back to: whoever signed in, and administrators who allowed the access.

The query of this address is a secret until it is used: it is shown by no page, named by no log line, and no page that
follows carries it on as its referrer.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from threadline.services.errors import NotTheirs, Refused
from threadline.services.microsoft import approval, signing_in
from threadline.services.microsoft.answers import Returned
from threadline.storage.models import SignIn, User
from threadline.web.settings.endings import Ending, heading, lead_to, status_of, status_of_cause
from threadline.web.settings.microsoft import CONFIRMING, connected, not_connected

_RUN_AGAIN = "You can close this window. The command in the terminal has ended; run it again for a new link."


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take the answer, once, and lead on to an address without it."""
    response = _taken(request, Returned.of(request.GET.dict()))
    response["Referrer-Policy"] = "no-referrer"
    return response


def _taken(request: HttpRequest, returned: Returned) -> HttpResponse:
    user = request.user if isinstance(request.user, User) else None
    row = None
    try:
        row = signing_in.found(returned)
        before = row.mailbox.state if row.mailbox is not None else ""
        if row.purpose == SignIn.Purpose.APPROVE:
            return lead_to(request, _approval(row, returned))
        row = signing_in.finish(row, returned, user=user, session=request.session.session_key or "")
    except Refused as refused:
        return lead_to(request, _not_taken(row, refused, user))
    if not row.session:
        return lead_to(request, _for_a_command(row))
    return _lead_on(request, row, before)


def _not_taken(row: SignIn | None, refused: Refused, user: User | None) -> Ending:
    """Nothing came of this answer. How the mailbox is, only who may finish the sign-in is told."""
    title = "Nothing came of this sign-in"
    then = "You can close this window. Whoever began it in Threadline begins again there."
    if user is not None:
        then = "Begin again in Settings."
    if row is not None and not isinstance(refused, NotTheirs):
        if row.purpose == SignIn.Purpose.APPROVE:
            return Ending("Nothing was changed", refused.sentence, status_of(refused))
        if row.mailbox is not None:
            title = heading(row.address, row.mailbox)
        if row.outcome == SignIn.Outcome.CONNECTED:
            then = "You can close this window."
        elif not row.session:
            then = _RUN_AGAIN
    return Ending(title, f"{refused.sentence} {then}", status_of(refused))


def _lead_on(request: HttpRequest, row: SignIn, before: str) -> HttpResponse:
    """`before`: the state of the mailbox when its owner came back."""
    if row.outcome == SignIn.Outcome.CONNECTED and row.mailbox is not None:
        return connected(request, row.mailbox, row.user, before)
    if row.outcome == SignIn.Outcome.APPROVAL and row.mailbox is not None:
        return redirect("mailbox_for_it", mailbox_id=row.mailbox.pk)
    if row.outcome == SignIn.Outcome.OTHER_ACCOUNT:
        request.session[CONFIRMING] = row.pk
        return redirect("connect_confirm")
    ending = not_connected(
        request,
        row.address,
        row.sentence,
        mailbox=row.mailbox,
        status=status_of_cause(row.cause),
        answer=row.answer,
        declined=_may_need_approval(row),
    )
    return lead_to(request, ending)


def _may_need_approval(row: SignIn) -> bool:
    """Microsoft says the same of who pressed Cancel and of who came back from "Need admin approval"."""
    return row.cause in {"consent_declined", "consent_withdrawn", "access_blocked", "not_assigned"}


def _approval(row: SignIn, returned: Returned) -> Ending:
    """An administrator comes back from Microsoft; usually one who has no account here. Raises Refused."""
    if returned.error or not returned.admin_consent or row.mailbox is None:
        sentence = "Microsoft says that the access was not allowed. Nothing was changed; the link works again."
        return Ending("Not allowed", sentence, 403, answer=returned.description)
    approval.reported(row, returned)
    sentence = (
        "Microsoft reports that your administrator has allowed it; we are checking. Once Microsoft has confirmed it, "
        f"we tell {row.user}, who finishes with one click. You can close this window."
    )
    return Ending("We are checking", sentence, checking=row.mailbox.pk)


def _for_a_command(row: SignIn) -> Ending:
    good = row.outcome == SignIn.Outcome.CONNECTED
    then = "the command in the terminal goes on" if good else "the command in the terminal says what to do then"
    closing = f"You can close this window; {then}."
    sentence = f"{row.sentence} {_RUN_AGAIN if row.outcome == SignIn.Outcome.REFUSED else closing}"
    status = 200 if good or row.outcome == SignIn.Outcome.APPROVAL else status_of_cause(row.cause)
    return Ending("Connected" if good else "Not connected", sentence, status, good=good, answer=row.answer)
