"""How a sign-in at Microsoft ended, as a page at an address of its own.

The address that Microsoft sends browsers to has a code and a state in its query. Nothing is shown there: what came of
it goes into a signed cookie for a few minutes, and the browser goes on to a clean address that can be loaded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.connection import State
from threadline.services.errors import Conflict, Invalid, NotFound, NotTheirs, Refused
from threadline.services.microsoft import approval
from threadline.storage.models import Mailbox
from threadline.web.frame import is_approved
from threadline.web.settings.mailboxes import crumbs

COOKIE, COOKIE_PATH, KEPT_FOR = "microsoft_ended", "/oauth/microsoft/", 600  # seconds
LONGEST_ANSWER = 1000  # characters of Microsoft's own words: a cookie has room for 4,096 bytes
STATUSES: Mapping[type[Refused], int] = {NotFound: 404, Invalid: 400, NotTheirs: 403, Conflict: 409}
_NOBODYS = "What this page told is not kept any longer. Open Threadline to see how the mailbox is."
_HEADINGS: Mapping[State, str] = {
    State.CONNECTED: "{} stays connected",
    State.DELAYED: "{} stays connected",
    State.CONNECTING: "{} is not connected yet",
    State.REAUTHORISE: "{} is still waiting for a sign-in",
    State.ADMIN_NEEDED: "{} is still waiting for your IT administrator",
    State.INTERRUPTED: "The connection of {} is still interrupted",
    State.DISCONNECTED: "{} is still not connected",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the page says. `again`: where to try again; `checking`: the mailbox whose approval is being looked for."""

    title: str
    sentence: str
    status: int = 200
    good: bool = False
    answer: str = ""
    again: str = ""
    back: str = ""
    needs_approval: bool = False
    checking: int = 0


def heading(address: str, mailbox: Mailbox | None) -> str:
    """True of the mailbox as it is now: a sign-in that came to nothing leaves it as it was."""
    if mailbox is None or not mailbox.identity:
        return f"{address} is not connected"
    return _HEADINGS[State(mailbox.state)].format(mailbox.address)


def status_of(refused: Refused) -> int:
    return next((status for kind, status in STATUSES.items() if isinstance(refused, kind)), 400)


def status_of_cause(cause: str) -> int:
    """Refused by Microsoft is 403; what it or this installation cannot do now, 503; by a rule of ours, 409."""
    if not cause:
        return STATUSES[Conflict]
    return 403 if CAUSE_TEXTS[Cause(cause)].who in {Who.YOU, Who.IT_ADMIN} else 503


def lead_to(request: HttpRequest, ending: Ending) -> HttpResponse:
    """Away from the address with the code in it, to the page that says how it ended."""
    kept = asdict(ending) | {"answer": ending.answer[:LONGEST_ANSWER], "reader": request.user.pk}
    response = HttpResponseRedirect(reverse("microsoft_ended"))
    response.set_cookie(
        COOKIE,
        signing.dumps(kept, salt=COOKIE, compress=True),
        max_age=KEPT_FOR,
        path=COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",  # the way here began at Microsoft
    )
    return response


@never_cache
@require_GET
def ended(request: HttpRequest) -> HttpResponse:
    """The page, for whoever came back, and for a while."""
    try:
        kept: dict[str, Any] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=COOKIE, max_age=KEPT_FOR)
    except signing.BadSignature:
        raise NotFound(_NOBODYS) from None
    if kept.pop("reader") != request.user.pk:
        raise NotFound(_NOBODYS)
    return show(request, Ending(**kept))


def show(request: HttpRequest, ending: Ending) -> HttpResponse:
    """The page itself; a stranger, such as an administrator who has no account here, sees it without the frame."""
    context: dict[str, Any] = {"section": "settings", "crumbs": crumbs(ending.title), **asdict(ending)}
    if ending.checking:
        context |= _how_far(ending)
    template = "ended" if request.user.is_authenticated else "ended_bare"
    response = render(request, f"settings/microsoft_{template}.html", context, status=ending.status)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _how_far(ending: Ending) -> dict[str, Any]:
    """What an administrator reads: what Microsoft has said to the browser is not yet what it says to us."""
    mailbox = Mailbox.objects.select_related("owner").filter(pk=ending.checking).first()
    if mailbox is not None and approval.waits(mailbox):
        return {"looks_again": True}
    if mailbox is None or not (is_approved(mailbox) or mailbox.state in {State.CONNECTED.value, State.DELAYED.value}):
        return {"title": "Nothing is left to do", "sentence": "Nobody waits for this approval any more."}
    return {
        "title": "Thank you, that was all",
        "sentence": "Microsoft has confirmed it: Threadline may read the mailboxes of those in your organisation who "
        "sign in to it. Who waited for it has been told and finishes with one click. You can close this window.",
        "good": True,
    }
