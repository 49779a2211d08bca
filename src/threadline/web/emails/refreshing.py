"""The Refresh button, the progress under it, and what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from threadline.domain.folders import Role
from threadline.services import access, health, ledger, messages, refresh, verify
from threadline.services.errors import Conflict
from threadline.storage import leases
from threadline.storage.models import Mailbox, Refresh
from threadline.web.requests import SignedIn

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
    """What stands over a list: counts, whether a refresh runs and how far, the last and next one, completeness."""
    last = mailbox.refreshes.exclude(trigger="verify").order_by("-started_at").first()
    waiting = mailbox.refresh_requested_at is not None
    at_work = last is not None and last.finished_at is None and leases.is_held(mailbox)
    description = health.describe_mailbox(mailbox)
    result = _result(last) if last is not None and last.finished_at is not None and not waiting else ""
    return {
        "inbox": messages.count(mailbox, Role.INBOX),
        "sent": messages.count(mailbox, Role.SENT),
        "role": role,
        "running": waiting or at_work,
        "progress": _progress(last) if at_work and last is not None else None,
        "description": description,
        "connected": mailbox.state in {"connected", "delayed"},
        "can_refresh": mailbox.state not in refresh.ask.NOT_REFRESHABLE,
        "last": last,
        "result": result,
        "then": "" if TRIES_AGAIN in result else description.next_step,
        "check": (check := verify.latest(mailbox)),
        "accounted_for": verify.sentence(check) if check else "",
        "aside": ledger.count(mailbox),
    }


def _progress(run: Refresh) -> dict[str, Any]:
    """The folder at work: how many of how many, what has come, what follows."""
    folders = run.progress.get("folders", [])
    if not folders:
        return {"what": "Asking the mail server", "total": None, "done": None, "aside": ""}
    now = folders[-1]
    new, linked = sum(f["new"] for f in folders), sum(f["linked"] for f in folders)
    total = now["total"] if now["total"] is not None else None
    still = max(0, now["to_fetch"] - now["fetched"])
    return {
        "what": "Inbox" if now["role"] == "inbox" else "Sent" if now["role"] == "sent" else now["name"],
        "total": total,
        "done": max(0, total - still) if total is not None else now["listed"],
        "aside": f"{new:,} new, {linked:,} on profiles",
    }


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
