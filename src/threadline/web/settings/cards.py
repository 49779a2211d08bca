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
from threadline.services import forecast, gaps, health, installation, messages, verify
from threadline.services.connect import history
from threadline.services.forecast import Outlook
from threadline.services.refresh.ask import NOBODY_AT_WORK
from threadline.storage.models import Mailbox, User
from threadline.web.emails.refreshing import so_far
from threadline.web.settings.acts import acts_of
from threadline.web.settings.events import recent, result_of
from threadline.web.settings.expiry import forecast_box, is_alive, sign_in_expires
from threadline.web.settings.known import Known, Line, known_of, lines_of
from threadline.web.templatetags.threadline import icon, when
from threadline.web.thread_by_day import Break
from threadline.web.times import day, inline
from threadline.web.wording import says_refused

URGENCY = ("interrupted", "reauthorise", "admin_needed", "connecting", "delayed", "connected", "disconnected")
PROVIDERS = {"imap": "IMAP", "gmail": "Gmail", "graph": "Microsoft 365"}
PROTECTIONS = {"tls": "TLS", "starttls": "STARTTLS", "none": "not protected"}


def cards_of(mailboxes: Iterable[Mailbox], user: User, *, may_change: bool = True) -> list[dict[str, Any]]:
    """A card each, the ones that need someone first."""
    ordered = sorted(mailboxes, key=lambda mailbox: (URGENCY.index(mailbox.state), mailbox.address_key))
    known, lines, ahead = known_of(ordered), lines_of(ordered), forecast.outlooks(ordered, now=clock.now())
    fault = installation.fault()
    cards = []
    for mailbox in ordered:
        card = _card(mailbox, user, known[mailbox.pk], lines[mailbox.pk], ahead.get(mailbox.pk), may_change=may_change)
        if fault is not None and installation.holds_up(fault, mailbox.provider, mailbox.state):
            lead, stop, rest = says_refused(fault).partition(". ")
            card["lead"], card["text"] = lead, stop + rest
        cards.append(card)
    return cards


def may_change(user: User, mailbox: Mailbox) -> bool:
    """Whether `access.connection_for` would hand it out: then its buttons are shown."""
    return mailbox.owner_id == user.pk or (user.is_admin and mailbox.company_id == user.company_id)


def _card(
    mailbox: Mailbox, user: User, known: Known, line: Line, ahead: Outlook | None, *, may_change: bool
) -> dict[str, Any]:
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
        "facts": [{"label": label, "value": value} for label, value in _facts(mailbox, user, known, ahead)],
        "forecast": forecast_box(mailbox, ahead),
        "days": line.days if _was_connected(mailbox) else [],
        "breaks": line.breaks,
        "sentence": sentence_of_line(mailbox, line.breaks),
        "events": recent(mailbox),
        "answer": mailbox.answer,
        "busy": known.busy,
        "progress": progress_of(known),
    }


def _was_connected(mailbox: Mailbox) -> bool:
    """Before that there is no mail of it, and nothing that could have been interrupted."""
    return mailbox.state != "connecting" or mailbox.last_refresh_at is not None


def _about(mailbox: Mailbox, user: User) -> str:
    whose = "yours" if mailbox.owner_id == user.pk else str(mailbox.owner)
    if mailbox.provider == "imap":
        return f"{PROVIDERS[mailbox.provider]} · {mailbox.settings.get('host', '')} · {whose}"
    return f"{PROVIDERS[mailbox.provider]} · {whose}"


def _says(mailbox: Mailbox, known: Known) -> tuple[str, str]:
    """What the card says: the first sentence stands out, the rest follows."""
    description = health.describe_mailbox(mailbox)
    if mailbox.state == "connected":
        return "", _says_connected(mailbox, known)
    lead, stop, rest = description.sentence.partition(". ")
    said = f"{rest} {description.next_step}" if stop else description.next_step
    return lead.rstrip("."), f". {said}"


def _says_connected(mailbox: Mailbox, known: Known) -> str:
    if known.in_vain:
        return "What is held stays and can be used. Nothing new comes in until the worker runs again."
    past = history(mailbox)
    if past["state"] == "gap":
        return "We catch up now on what came while the connection was interrupted. There is nothing to do."
    if past["state"] == "complete":
        return f"History is complete up to {inline(past['as_of'], clock.now())}. There is nothing to do."
    if known.busy or past["state"] == "not_started":
        return "The emails of your Inbox and Sent items are coming in, newest first. You can use them meanwhile."
    return "The first load is not complete; the next refresh goes on where it stopped. There is nothing to do."


def _held(mailbox: Mailbox, known: Known) -> str:
    if not known.held:
        return "none yet"
    if messages.search_is_complete(mailbox):
        return f"{known.held:,}, all kept and searchable"
    return f"{known.held:,}, all kept; some are still being added to the search"


def _facts(mailbox: Mailbox, user: User, known: Known, ahead: Outlook | None) -> Iterable[tuple[str, str | SafeString]]:
    if mailbox.who != "nobody" and mailbox.state != "disconnected":
        yield "Who must act", who_acts(mailbox, user)
    if mailbox.state not in {"connected", "delayed"}:
        yield "Since", when(mailbox.since)
    yield "Emails held", _held(mailbox, known)
    yield "History", _history(mailbox)
    if known.last is not None and mailbox.last_refresh_at is not None:
        yield "Last refresh", _last_refresh(mailbox, known)
    yield "Next refresh", _next_try(mailbox, known)
    yield "Accounted for", accounted_for(known)
    if known.aside:
        yield "Set aside", _aside(mailbox, user, known)
    if ahead is not None and is_alive(mailbox):
        yield "Sign-in expires", sign_in_expires(ahead)
    yield "Access", "read only"
    if mailbox.provider != "imap":
        return
    yield "Server", _server(str(mailbox.settings.get("port")), str(mailbox.settings.get("security", "")))


def _server(port: str, security: str) -> str | SafeString:
    said = PROTECTIONS.get(security, "")
    if security != "none":
        return f"port {port}, {said}"
    return format_html('port {}, <span class="tone-warn">{} {}</span>', port, icon("warning", 14), said)


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
    if known.doubt:
        return format_html(
            "{} of {} when last checked, {}; {}",
            f"{known.check.accounted_for:,}",
            f"{known.check.on_server:,}",
            when(known.check.checked_at, "brief"),
            known.doubt,
        )
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
        up_to_now = mailbox.state == "connected" or past["as_of"] is None
        return "complete" if up_to_now else format_html("complete up to {}", when(past["as_of"], "inline"))
    if past["state"] == "not_started":
        return "not started"
    return f"{past['done']:,} of {past['of']:,} loaded" if past["of"] else f"{past['done']:,} loaded so far"


def _next_try(mailbox: Mailbox, known: Known) -> str | SafeString:
    if known.running:
        return "running now"
    if known.in_vain:
        return "when the worker runs again"
    if known.waiting:
        return "starts in a moment"
    if mailbox.state in {"reauthorise", "connecting"}:
        return "after you sign in" if mailbox.who == "you" else "after the sign-in"
    if mailbox.state == "disconnected":
        return "after you connect again"
    due = mailbox.retry_at or mailbox.next_refresh_at
    return format_html("{}, by itself", when(due, "inline")) if due else "not planned"


def sentence_of_line(mailbox: Mailbox, breaks: Sequence[Break]) -> str:
    """The 90-day line in words."""
    today = timezone.localtime(clock.now()).date()
    mended = [
        f"{gaps.interrupted(b.start, b.end, today, b.hours)}; {gaps.recovered(b.recovered or 0, b.set_aside)}"
        for b in breaks
        if not b.is_open
    ]
    said = list(dict.fromkeys(mended))[-2:]
    if any(b.is_open for b in breaks) and mailbox.gap_since:
        said.insert(0, gaps.open_sentence(mailbox, mailbox.gap_since))
    if mailbox.state == "delayed" and mailbox.last_refresh_at:
        since = inline(mailbox.last_refresh_at, clock.now())
        said.append(f"The last refresh did not complete; emails that arrived after {since} come later")
    return " · ".join(said) or f"No break since it was connected on {_day(mailbox.created_at)}"


def _day(moment: datetime) -> str:
    return day(moment, clock.now())


def progress_of(known: Known) -> dict[str, Any] | None:
    """How far the refresh at work is: per folder, and what has come."""
    if not known.busy:
        return None
    if known.in_vain:
        return {"title": "Waiting", "text": NOBODY_AT_WORK, "folders": []}
    folders = known.running.progress.get("folders", []) if known.running else []
    if known.checking and not known.waiting and not folders:
        text = "Comparing every email of your Inbox and Sent items on the mail server with what is held here"
        return {"title": "Checking", "text": text, "folders": []}
    if not folders:
        return {"text": "Asking the mail server" if known.running else "The refresh starts in a moment", "folders": []}
    return {
        "folders": [
            {
                "what": {"inbox": "Inbox", "sent": "Sent items"}.get(f["role"], f["name"]),
                "total": f["total"],
                "done": max(0, f["total"] - max(0, f["to_fetch"] - f["fetched"])) if f["total"] else f["listed"],
            }
            for f in folders
        ],
        "aside": so_far(folders),
    }
