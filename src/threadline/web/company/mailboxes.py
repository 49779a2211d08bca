"""Company > Mailboxes: every mailbox with its state, who must act, and what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from threadline.domain.cause_texts import CAUSE_TEXTS, cause_clause
from threadline.domain.causes import Cause
from threadline.services import access, installation
from threadline.services.health import describe_mailbox
from threadline.services.microsoft import standing
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.storage.models import InstallationFault, Mailbox, Refresh, User
from threadline.web import letters
from threadline.web.company.frame import frame
from threadline.web.frame import is_approved
from threadline.web.requests import SignedIn, number
from threadline.web.settings.cards import URGENCY, may_change, who_acts
from threadline.web.settings.known import Known, known_of
from threadline.web.wording import capitalised

GROUPS = (
    ("act", "Someone must act", "warning"),
    ("coming", "On its way", "clock"),
    ("fine", "Nothing to do", "check"),
)
_ORDER = {group: place for place, (group, _, _) in enumerate(GROUPS)}
PAGE = 50


@login_required
def mailboxes(request: SignedIn) -> HttpResponse:
    user = request.user
    places, wanted = _in_order(user), request.GET.get("show", "")
    chosen = [place for place in places if wanted in {"", place.group}]
    page = number(request, "page", 1)
    here = chosen[(page - 1) * PAGE : page * PAGE]
    loaded = access.connections_of(user).select_related("owner", "company").in_bulk([place.pk for place in here])
    known = known_of(list(loaded.values()))
    fault = installation.fault()
    rows = [_row(loaded[place.pk], user, known[place.pk], place.group, fault) for place in here if place.pk in loaded]
    context = {
        **frame(user, "company"),
        "rows": rows,
        "filters": _filters(places, wanted),
        "sees_all": user.role != "member",
        "any": bool(places),
        "newer_url": _page_url(wanted, page - 1) if page > 1 else "",
        "older_url": _page_url(wanted, page + 1) if len(chosen) > page * PAGE else "",
        "pages": f"{(page - 1) * PAGE + 1:,} to {(page - 1) * PAGE + len(here):,} of {len(chosen):,}",
        "concerns": _concerns(user),
    }
    return render(request, "company/mailboxes.html", context)


def _concerns(user: User) -> list[standing.Concern]:
    if user.role == "member":
        return []
    not_watched = standing.not_watched(user.company)
    return [*standing.concerns(), *([not_watched] if not_watched else [])]


def _page_url(wanted: str, page: int) -> str:
    return f"{reverse('company')}?{urlencode(({'show': wanted} if wanted else {}) | {'page': page})}"


@dataclass(frozen=True, slots=True)
class _Place:
    """A mailbox as far as its place in the list goes: of a thousand, no more is read than this."""

    pk: int
    group: str
    order: tuple[int, int, str]


def _in_order(user: User) -> list[_Place]:
    """All mailboxes this reader sees, those that need somebody first."""
    mailboxes = access.connections_of(user)
    running = set(
        Refresh.objects.filter(mailbox__in=mailboxes.filter(lease_until__gte=Now()).order_by(), finished_at=None)
        .order_by()
        .values_list("mailbox_id", flat=True)
    )
    columns = (
        *("pk", "address_key", "state", "who", "provider", "history_complete_at", "gap_since"),
        *("refresh_requested_at", "verification_requested_at"),
    )
    fault, places = installation.fault(), []
    for pk, address, state, who, provider, loaded, gap, asked, check in mailboxes.values_list(*columns):
        busy = pk in running or asked is not None or (check is not None and state not in NOT_REFRESHABLE)
        group = _group(state, who, loaded=loaded is not None and gap is None, busy=busy)
        if installation.holds_up(fault, provider, state):
            group = "act"
        places.append(_Place(pk, group, (_ORDER[group], URGENCY.index(state), address)))
    return sorted(places, key=lambda place: place.order)


def _group(state: str, who: str, *, loaded: bool, busy: bool) -> str:
    if state == "disconnected":
        return "fine"
    if who != "nobody":
        return "act"
    return "fine" if state == "connected" and loaded and not busy else "coming"


def _filters(places: Sequence[_Place], wanted: str) -> list[dict[str, Any]]:
    here, counts = reverse("company"), Counter(place.group for place in places)
    every = {"label": "All", "count": len(places), "url": here, "current": wanted == ""}
    return [
        every,
        *(
            {
                "label": label,
                "icon": icon,
                "count": counts[group],
                "url": f"{here}?show={group}",
                "current": wanted == group,
            }
            for group, label, icon in GROUPS
        ),
    ]


def _row(mailbox: Mailbox, user: User, known: Known, group: str, fault: InstallationFault | None) -> dict[str, Any]:
    """`fault`: what is refused of this installation, which leaves the mailbox's own state as it is."""
    held_up = fault if installation.holds_up(fault, mailbox.provider, mailbox.state) else None
    local, _, domain = mailbox.address.rpartition("@")
    return {
        "mailbox": mailbox,
        "local": local,
        "domain": f"@{domain}",
        "own": mailbox.owner_id == user.pk,
        "group": group,
        "word": describe_mailbox(mailbox).word.partition(" (retry")[0],
        "cause": capitalised(cause_clause(held_up.cause)) if held_up else _cause(mailbox),
        "meaning": CAUSE_TEXTS[Cause(mailbox.cause)].meaning if mailbox.cause and mailbox.state == "delayed" else "",
        "who": "" if group != "act" else "The operator" if held_up else who_acts(mailbox, user),
        "must": CAUSE_TEXTS[Cause(held_up.cause)].next_step if held_up else "",
        "check": known.check,
        "doubt": known.doubt,
        "missing": max(0, known.check.on_server - known.check.accounted_for) if known.check else 0,
        "held": known.held,
        "last": mailbox.last_refresh_at,
        "busy": known.busy and not known.in_vain,
        "act": None if held_up else _act(mailbox, user, group),
    }


def _cause(mailbox: Mailbox) -> str:
    if not mailbox.cause or mailbox.state == "connected":
        return ""
    return capitalised(cause_clause(mailbox.cause, certain=mailbox.certain))


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
        begun = "Finish connecting" if is_approved(mailbox) else "Finish signing in"
        return {"text": begun if mailbox.state == "connecting" else "Sign in again", "url": sign_in}
    return {"text": f"Remind {mailbox.owner.get_short_name()}…", "url": letters.reminder(mailbox, user).mailto}
