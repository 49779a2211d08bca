"""The status card of a mailbox: how its connection is, why, who must act, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from threadline import clock
from threadline.services import gaps, health, verify
from threadline.services.connect import history
from threadline.storage.models import Mailbox, User
from threadline.web.settings.events import recent, result_of
from threadline.web.settings.known import Known, Line, known_of, lines_of
from threadline.web.templatetags.threadline import when
from threadline.web.thread_by_day import Break
from threadline.web.times import day, inline

URGENCY = ("interrupted", "reauthorise", "admin_needed", "connecting", "delayed", "connected", "disconnected")
PROVIDERS = {"imap": "IMAP", "gmail": "Gmail", "graph": "Microsoft 365"}
PROTECTIONS = {"tls": "TLS", "starttls": "STARTTLS", "none": "not protected"}


def cards_of(mailboxes: Iterable[Mailbox], user: User, *, may_change: bool = True) -> list[dict[str, Any]]:
    """A card each, the ones that need someone first."""
    ordered = sorted(mailboxes, key=lambda mailbox: (URGENCY.index(mailbox.state), mailbox.address_key))
    known, lines = known_of(ordered), lines_of(ordered)
    return [_card(mailbox, user, known[mailbox.pk], lines[mailbox.pk], may_change=may_change) for mailbox in ordered]


def may_change(user: User, mailbox: Mailbox) -> bool:
    """Whether `access.connection_for` would hand it out: then its buttons are shown."""
    return mailbox.owner_id == user.pk or (user.is_admin and mailbox.company_id == user.company_id)


def _card(mailbox: Mailbox, user: User, known: Known, line: Line, *, may_change: bool) -> dict[str, Any]:
    lead, text = _says(mailbox, known)
    primary, others = acts_of(mailbox) if may_change else (None, [])
    return {
        "id": mailbox.pk,
        "address": mailbox.address,
        "about": _about(mailbox, user),
        "state": mailbox.state,
        "word": health.describe_mailbox(mailbox).word,
        "lead": lead,
        "text": text,
        "primary": primary,
        "others": others,
        "facts": [{"label": label, "value": value} for label, value in _facts(mailbox, user, known)],
        "days": line.days,
        "breaks": line.breaks,
        "sentence": sentence_of_line(mailbox, line.breaks),
        "events": recent(mailbox),
        "answer": mailbox.answer,
        "busy": known.busy,
        "progress": progress_of(known),
    }


def _about(mailbox: Mailbox, user: User) -> str:
    whose = "yours" if mailbox.owner_id == user.pk else str(mailbox.owner)
    return f"{PROVIDERS[mailbox.provider]} · {mailbox.settings.get('host', '')} · {whose}"


def _says(mailbox: Mailbox, known: Known) -> tuple[str, str]:
    """What the card says: the first sentence stands out, the rest follows."""
    description = health.describe_mailbox(mailbox)
    if mailbox.state == "connected":
        return "", _says_connected(mailbox, known)
    lead, stop, rest = description.sentence.partition(". ")
    said = f"{rest} {description.next_step}" if stop else description.next_step
    return lead.rstrip("."), f". {said}"


def _says_connected(mailbox: Mailbox, known: Known) -> str:
    past = history(mailbox)
    if past["state"] == "gap":
        return "We catch up now on what came while the connection was interrupted. There is nothing to do."
    if past["state"] == "complete":
        return f"History is complete up to {inline(past['as_of'], clock.now())}. There is nothing to do."
    if known.busy or past["state"] == "not_started":
        return "The emails of your Inbox and Sent items are coming in, newest first. You can use them meanwhile."
    return "The first load is not complete; the next refresh goes on where it stopped. There is nothing to do."


def _facts(mailbox: Mailbox, user: User, known: Known) -> Iterable[tuple[str, str | SafeString]]:
    if mailbox.who != "nobody" and mailbox.state != "disconnected":
        yield "Who must act", who_acts(mailbox, user)
    if mailbox.state not in {"connected", "delayed"}:
        yield "Since", when(mailbox.since)
    yield "Emails held", f"{known.held:,}, all kept and searchable" if known.held else "none yet"
    yield "History", _history(mailbox)
    if known.last is not None and mailbox.last_refresh_at is not None:
        yield "Last refresh", _last_refresh(mailbox, known)
    yield "Next refresh", _next_try(mailbox, known)
    yield "Accounted for", accounted_for(known)
    if known.aside:
        yield "Set aside", _aside(mailbox, user, known)
    yield "Access", "read only"
    protection = PROTECTIONS.get(mailbox.settings.get("security", ""), "")
    yield "Server", f"port {mailbox.settings.get('port')}, {protection}"


def _last_refresh(mailbox: Mailbox, known: Known) -> SafeString:
    moment = when(mailbox.last_refresh_at, "inline")
    if known.last is not None and known.last.finished_at == mailbox.last_refresh_at:
        return format_html("{}, {}", moment, result_of(known.last))
    return format_html("{}", moment)


def who_acts(mailbox: Mailbox, user: User) -> str:
    """Who must act, as this reader would say it."""
    you = "You" if mailbox.owner_id == user.pk else str(mailbox.owner)
    names = {"nobody": "Nobody", "you": you, "it_administrator": "Your IT administrator", "operator": "Support"}
    return names[mailbox.who]


def accounted_for(known: Known) -> str | SafeString:
    if known.check is None:
        return "not checked yet"
    return format_html(
        "{}, checked {}",
        verify.sentence(known.check).replace(" accounted for", "", 1),
        when(known.check.checked_at, "brief"),
    )


def _aside(mailbox: Mailbox, user: User, known: Known) -> str | SafeString:
    """How many emails could not be stored; which, is for the owner to see."""
    said = f"{known.aside:,} email{'' if known.aside == 1 else 's'}"
    if mailbox.owner_id != user.pk:
        return f"{said}, tried again automatically"
    return format_html('<a href="{}">{} set aside</a>, tried again automatically', reverse("ledger"), said)


def _history(mailbox: Mailbox) -> str | SafeString:
    past = history(mailbox)
    if past["state"] == "gap":
        return format_html("open since {}, filled by the next refresh", when(past["from"], "brief"))
    if past["state"] == "complete":
        return "complete"
    if past["state"] == "not_started":
        return "not started"
    return f"{past['done']:,} of {past['of']:,} loaded" if past["of"] else f"{past['done']:,} loaded so far"


def _next_try(mailbox: Mailbox, known: Known) -> str | SafeString:
    if known.running:
        return "running now"
    if known.waiting:
        return "starts in a moment"
    if mailbox.state in {"reauthorise", "connecting"}:
        return "after you sign in" if mailbox.who == "you" else "after the sign-in"
    if mailbox.state == "disconnected":
        return "after you connect again"
    due = mailbox.retry_at or mailbox.next_refresh_at
    return format_html("{}, by itself", when(due, "inline")) if due else "not planned"


def acts_of(mailbox: Mailbox) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The one thing to do now, and what else can be done."""
    sign_in = {"text": "Sign in again", "icon": "key", "url": reverse("mailbox_sign_in", args=[mailbox.pk])}
    refresh = {
        "text": "Refresh",
        "icon": "refresh",
        "url": reverse("mailbox_refresh", args=[mailbox.pk]),
        "post": True,
    }
    again = refresh | {"text": "Check again"}
    check = {"text": "Check now", "icon": "check", "url": reverse("mailbox_check", args=[mailbox.pk]), "post": True}
    folders = {"text": "Folders", "icon": "folder", "url": reverse("mailbox_folders", args=[mailbox.pk])}
    leave = {"text": "Disconnect…", "url": reverse("mailbox_disconnect", args=[mailbox.pk]), "quiet": True}
    anew = sign_in | {"text": "Sign in again…", "icon": "", "quiet": True}
    ask_it = {"text": "Message for IT", "icon": "shield", "url": reverse("mailbox_for_it", args=[mailbox.pk])}
    support = {"text": "Contact support", "icon": "lifebuoy", "url": reverse("support")}
    by_state: dict[str, tuple[dict[str, Any] | None, list[dict[str, Any]]]] = {
        "connected": (None, [refresh, check, folders, anew, leave]),
        "delayed": (None, [refresh | {"text": "Try now"}, check, folders, anew, leave]),
        "reauthorise": (sign_in, [folders, leave]),
        "connecting": (sign_in | {"text": "Finish signing in"}, [leave]),
        "admin_needed": (ask_it, [again, anew, leave]),
        "interrupted": (support, [again, anew, leave]),
        "disconnected": (sign_in | {"text": "Connect again"}, []),
    }
    return by_state[mailbox.state]


def sentence_of_line(mailbox: Mailbox, breaks: Sequence[Break]) -> str:
    """The 90-day line in words."""
    today = timezone.localtime(clock.now()).date()
    mended = [
        f"{gaps.interrupted(b.start, b.end, today, b.hours)}; {gaps.recovered(b.recovered or 0)}"
        for b in breaks
        if not b.is_open
    ]
    said = list(dict.fromkeys(mended))[-2:]
    if any(b.is_open for b in breaks) and mailbox.gap_since:
        said.insert(0, gaps.open_sentence(mailbox, mailbox.gap_since))
    return " · ".join(said) or f"No break since it was connected on {_day(mailbox.created_at)}"


def _day(moment: datetime) -> str:
    return day(moment, clock.now())


def progress_of(known: Known) -> dict[str, Any] | None:
    """How far the refresh at work is: per folder, and what has come."""
    if not known.busy:
        return None
    folders = known.running.progress.get("folders", []) if known.running else []
    if known.checking and not known.waiting and not folders:
        text = "Comparing every email of your Inbox and Sent items on the mail server with what is held here"
        return {"title": "Checking", "text": text, "folders": []}
    if not folders:
        return {"text": "Asking the mail server" if known.running else "The refresh starts in a moment", "folders": []}
    new, linked = sum(f["new"] for f in folders), sum(f["linked"] for f in folders)
    return {
        "folders": [
            {
                "what": {"inbox": "Inbox", "sent": "Sent items"}.get(f["role"], f["name"]),
                "total": f["total"],
                "done": max(0, f["total"] - max(0, f["to_fetch"] - f["fetched"])) if f["total"] else f["listed"],
            }
            for f in folders
        ],
        "aside": f"{new:,} new, {linked:,} on profiles",
    }
