"""The Refresh button, the progress under it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from threadline.domain.folders import Role
from threadline.services import access, counts, health, installation, latest_check, ledger, refresh, verify
from threadline.services.errors import Conflict
from threadline.services.refresh import under_way
from threadline.services.refresh.ask import NOBODY_AT_WORK, is_waiting, waits_in_vain
from threadline.storage.models import Mailbox, Refresh, Verification
from threadline.web.requests import SignedIn
from threadline.web.settings.acts import acts_of
from threadline.web.wording import says_refused

TRIES_AGAIN = "again by ourselves"  # as the sentences of passing errors end


@login_required
@require_POST
def start(request: SignedIn, mailbox_id: int) -> HttpResponse:
    """Ask for a refresh; the worker starts it within a second or two."""
    mailbox = access.mailbox_for(request.user, mailbox_id)
    role = request.POST.get("role", "inbox")
    try:
        refresh.ask_for(mailbox, request.user)
    except Conflict as refused:
        notices.error(request, refused.sentence)
    if request.htmx:
        mailbox.refresh_from_db()
        return render(request, "emails/head.html", _context(mailbox, role))
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        return redirect(back)
    return redirect("folder", mailbox_id=mailbox.pk, role=role if role in {"inbox", "sent"} else "inbox")


@login_required
def progress(request: SignedIn, mailbox_id: int, role: str) -> HttpResponse:
    """The head of the list, asked for every second while a refresh runs; tells the list when it has ended."""
    mailbox = access.mailbox_for(request.user, mailbox_id)
    context = _context(mailbox, role)
    response = render(request, "emails/head.html", context)
    if not context["head"]["running"]:
        response["HX-Trigger-After-Swap"] = "list-changed"
    return response


def _context(mailbox: Mailbox, role: str) -> dict[str, Any]:
    return {"mailbox": mailbox, "role": role, "head": head(mailbox, role)}


def head(mailbox: Mailbox, role: str) -> dict[str, Any]:
    """What stands over a list: counts, whether a refresh runs and how far, the last and next one, completeness.

    The mailbox is brought up to the moment at which that is true.
    """
    looked = under_way.look([mailbox])[mailbox.pk]
    runs = Refresh.objects.exclude(trigger="verify").in_bulk([pk for pk in (looked.running, looked.ended) if pk])
    running, ended = runs.get(looked.running or 0), runs.get(looked.ended or 0)
    waiting = is_waiting(mailbox)
    description = health.describe_mailbox(mailbox)
    fault = installation.fault_for(mailbox)
    result = _result(ended) if ended is not None and running is None and not waiting else ""
    inbox, sent = counts.in_folders(mailbox, Role.INBOX.value), counts.in_folders(mailbox, Role.SENT.value)
    check = verify.latest(mailbox)
    return {
        "inbox": inbox,
        "sent": sent,
        "role": role,
        "running": waiting or running is not None,
        "in_vain": NOBODY_AT_WORK if waiting and not running and waits_in_vain(mailbox.refresh_requested_at) else "",
        "progress": _progress(running) if running is not None else None,
        "description": description,
        "connected": mailbox.state in {"connected", "delayed"},
        "held_up": says_refused(fault) if fault is not None else "",
        "act": acts_of(mailbox)[0],
        "can_refresh": mailbox.state not in refresh.ask.NOT_REFRESHABLE,
        "refresh": "Refresh" if mailbox.state in {"connected", "delayed"} else "Check again",  # as on the card
        "last": ended,
        "result": result,
        "then": "" if TRIES_AGAIN in result else description.next_step,
        "check": check,
        "more_since": check is not None and _more_since(mailbox, check, inbox + sent),
        "accounted_for": verify.sentence(check) if check else "",
        "doubt": latest_check.doubt(mailbox, check) if check else "",
        "aside": ledger.count(mailbox),
    }


def _more_since(mailbox: Mailbox, check: Verification, shown: int) -> bool:
    """Whether a refresh has brought more than the check counted, as the figures beside it show."""
    return (mailbox.last_refresh_at or check.checked_at) > check.checked_at and shown > check.on_server


def _progress(run: Refresh) -> dict[str, Any]:
    """The folder at work: how many of how many, what has come, what follows."""
    folders = run.progress.get("folders", [])
    if not folders:
        return {"what": "Asking the mail server", "total": None, "done": None, "aside": ""}
    now = folders[-1]
    total = now["total"] if now["total"] is not None else None
    still = max(0, now["to_fetch"] - now["fetched"])
    return {
        "what": "Inbox" if now["role"] == "inbox" else "Sent" if now["role"] == "sent" else now["name"],
        "total": total,
        "done": max(0, total - still) if total is not None else now["listed"],
        "aside": so_far(folders),
    }


def so_far(folders: Sequence[Mapping[str, Any]]) -> str:
    """What has come; where the headings of a large folder come first, also how many are whole."""
    new, linked = sum(f["new"] for f in folders), sum(f["linked"] for f in folders)
    if announced := sum(f.get("announced", 0) for f in folders):
        return f"{announced:,} listed ahead, {linked:,} on profiles, {new:,} with their text"
    return f"{new:,} new, {linked:,} on profiles"


def _result(run: Refresh) -> str:
    """What the last refresh did, in one line."""
    if run.outcome != "complete":
        return run.sentence
    folders = run.report.get("folders", [])
    new, linked = sum(f["new"] for f in folders), sum(f["linked"] for f in folders)
    aside = sum(f["ledger"] for f in folders)
    if not new:
        return "Nothing new."
    said = f"{new:,} new, {linked:,} on profiles"
    return f"{said}, {aside:,} set aside." if aside else f"{said}."
