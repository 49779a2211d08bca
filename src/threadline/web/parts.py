"""The parts page: every component of the look with sample data, for whoever changes one.

It reads nothing from the store and is routed in the demo and in tests only.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from threadline import clock
from threadline.web.thread_by_day import Break, Day
from threadline.web.times import days_back

ANNA = {"name": "Anna Berg", "kind": "candidate", "url": "#anna"}
JONAS = {"name": "Jonas Lind", "kind": "contact", "url": "#jonas"}
LONG = {"name": "Wolfeschlegelsteinhausenbergerdorff Maximiliane", "kind": "candidate", "url": "#long"}


class SampleForm(forms.Form):
    address = forms.CharField(label="Your email address", help_text="The one your candidates write to.")
    host = forms.CharField(label="Server", required=False)
    security = forms.ChoiceField(
        label="Security", choices=[("tls", "TLS"), ("starttls", "STARTTLS"), ("none", "None (not protected)")]
    )
    note = forms.CharField(label="Details", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    remember = forms.BooleanField(label="Keep me signed in", required=False)

    def clean_address(self) -> str:
        raise forms.ValidationError("The part after @ needs a dot, for example northgate.example.")


def parts(request: HttpRequest) -> HttpResponse:
    return render(request, "parts.html", sample())


def sample() -> dict[str, Any]:
    """Everything the parts page shows, relative to today."""
    now = clock.now()
    today = timezone.localtime(now).date()
    form = SampleForm({"address": "sofia@northgate", "security": "tls"}, use_required_attribute=False)
    return {
        "section": "settings",
        "form": form,
        "states": STATES,
        "anna": ANNA,
        "jonas": JONAS,
        "crowd": [LONG, JONAS, ANNA],
        "none": [],
        "lost": ["New emails stop arriving. Our access ends."],
        "stays": ["1,204 emails and every profile stay as they are.", "Connect again later; the gap is filled."],
        "tabs": [
            {"label": "Emails", "count": 11, "url": "#e", "current": True},
            {"label": "Attachments", "count": 6, "url": "#a"},
            {"label": "Details", "url": "#d"},
        ],
        "filters": [
            {"label": "All", "count": 8, "url": "#", "current": True},
            {"label": "Someone must act", "count": 4, "url": "#", "icon": "warning"},
            {"label": "On its way", "count": 2, "url": "#", "icon": "clock"},
            {"label": "Nothing to do", "count": 2, "url": "#", "icon": "check"},
        ],
        "crumbs": [{"label": "Settings", "url": "#"}, {"label": "Email connection", "url": "#"}, {"label": "Parts"}],
        "days": days(today),
        "breaks": breaks(today),
        "emails": emails(now),
        "profiles": PROFILES,
        "files": [
            {"name": "CV_Anna_Berg_2026.pdf", "size": 212_000, "url": "#", "note": "opens in a new tab"},
            {"name": "A very long name of a certificate that no card can hold.docx", "size": 1_400_000, "url": "#"},
        ],
        "box": box(now, today),
        "conditions": CONDITIONS,
        "notes": NOTES,
        "timeline": timeline(now),
        "rows": ROWS,
    }


def days(today: date) -> list[Day]:
    """90 days of a plausible mailbox: weekdays busy, weekends nearly still."""
    heights = (9, 14, 12, 11, 8, 1, 0)
    return [
        Day(
            day,
            received=heights[day.weekday()] + index % 4 if day.weekday() < 5 else heights[day.weekday()],
            sent=(heights[day.weekday()] + index % 3) // 2,
        )
        for index, day in enumerate(days_back(today, 90))
    ]


def breaks(today: date) -> list[Break]:
    mended, opened = today - timedelta(days=60), today - timedelta(days=11)
    return [Break(mended, mended + timedelta(days=7), recovered=214), Break(opened, today)]


STATES = [
    ("connected", "Nothing to do"),
    ("delayed", "Retry at 10:42, by itself"),
    ("connecting", "Finish signing in"),
    ("reauthorise", "Sign in with Microsoft"),
    ("admin_needed", "Send the ready message"),
    ("interrupted", "Contact support"),
    ("disconnected", "Connect again"),
]

PROFILES = [
    {"shown": True, "name": "Anna Berg", "kind": "candidate", "reason": "she sent it", "url": "#"},
    {"shown": True, "name": "Jonas Lind", "kind": "contact at Acme", "reason": "in copy", "url": "#"},
    {
        "shown": False,
        "name": "Karin Ek",
        "kind": "contact at Acme",
        "reason": "not shown: this came before her profile",
        "url": "#",
    },
]

NOTES = [
    {"icon": "search", "text": "We asked the live mailbox sofia@northgate.example today at 09:42 and found one copy."},
    {"icon": "clock", "text": "The time that counts is the server's, 17:41:07. The sender's own clock said 17:41:02."},
    {"icon": "shield", "text": "Your mailbox was only read. Nothing in it was changed."},
]

CONDITIONS: list[dict[str, Any]] = [
    {
        "outcome": "unmet",
        "text": "It is not from or to Anna’s primary address",
        "compared": [
            {"label": "The email is from", "before": "anna@", "differs": "bergekonomi.example", "mono": True},
            {"label": "Anna’s primary address", "value": "anna.berg@posten.example", "mono": True},
        ],
        "near_miss": "this is Anna’s secondary address. Only the primary one decides what is shown.",
        "remedies": [
            {"text": "Make it her primary", "url": "#", "post": True},
            {"text": "Count secondary too…", "url": "#"},
        ],
        "remedy_note": "You see how many emails this adds before it applies.",
    },
    {
        "outcome": "unmet",
        "text": "It is not in the Inbox or Sent items",
        "compared": [
            {"label": "Where it is now", "icon": "folder", "differs": "Clients / Acme"},
            {"label": "Folders that count", "value": "Inbox, Sent items"},
        ],
        "remedies": [{"text": "Include Clients/Acme", "url": "#", "post": True}],
        "remedy_note": "Or move it to the Inbox in your mail program, then press Refresh.",
    },
    {
        "outcome": "unjudged",
        "text": "It is in Threadline’s own Inbox list",
        "detail": "Judged once its folder counts. Absent then, it would be our fault, and we would repair it.",
    },
    {
        "outcome": "met",
        "text": "It arrived after Anna’s profile was created",
        "detail": "Received 9 June 2026, 17:41:07 · profile created 2 April 2026, 11:06:00",
    },
]

ROWS: list[dict[str, Any]] = [
    {
        "local": "jobs",
        "domain": "@northgate.example",
        "owner": "Sofia Lindqvist",
        "state": "reauthorise",
        "since": "since 2 June",
        "cause": "Password changed (likely)",
        "who": "Sofia Lindqvist",
        "held": "3,418 of 3,418",
        "checked": "checked 2 June",
        "act": "Remind Sofia",
    },
    {
        "local": "payroll",
        "domain": "@northgate.example",
        "owner": "Sofia Lindqvist",
        "state": "interrupted",
        "since": "since Wed 07:31",
        "cause": "Server silent, cause unknown",
        "who": "Support",
        "held": "902 of 902",
        "checked": "checked Wed 03:10",
        "act": "Open request 1042",
    },
    {
        "local": "sofia",
        "domain": "@northgate.example",
        "owner": "Sofia Lindqvist",
        "state": "connected",
        "since": "since 19 May",
        "cause": "",
        "who": "",
        "held": "1,204 of 1,204",
        "checked": "checked 03:10",
        "act": "",
    },
]


def emails(now: datetime) -> list[dict[str, Any]]:
    def email(hours: int, sender: str, subject: str, people: list[dict[str, str]], **more: Any) -> dict[str, Any]:
        at = now - timedelta(hours=hours)
        return {"at": at, "sender": sender, "subject": subject, "people": people, "url": "#", "why_url": "#", **more}

    return [
        email(1, "Anna Berg", "Re: Second interview, Tuesday 10:00", [ANNA, JONAS], unread=True, has_attachments=True),
        email(2, "Tom Okafor", "Signed offer, Backend Engineer", [ANNA], unread=True, is_new=True),
        email(3, "Jonas Lind", "Shortlist feedback: Finance Controller", [LONG, JONAS, ANNA]),
        email(4, "no-reply@jobboard.example", "3 new applicants for Payroll Lead", []),
    ]


def box(now: datetime, today: date) -> dict[str, Any]:
    return {
        "id": 1,
        "address": "sofia@northgate.example",
        "about": "IMAP · mail.northgate.example",
        "state": "interrupted",
        "word": "",
        "lead": "The mail server has not answered for 26 hours",
        "text": ", and we do not know why. There is nothing you need to change. We keep trying by ourselves.",
        "primary": {"text": "Contact support", "icon": "lifebuoy", "url": "#"},
        "others": [
            {"text": "Troubleshoot", "url": "#"},
            {"text": "Refresh", "icon": "refresh", "url": "#", "post": True},
            {"text": "Disconnect…", "url": "#", "quiet": True},
        ],
        "forecast": {"title": "Forecast: stays connected", "text": "The password has no end date that we know of."},
        "facts": [
            {"label": "Who must act", "value": "Support"},
            {"label": "Since", "value": "Wed 10 June, 07:31"},
            {"label": "Emails held", "value": "902, all kept and searchable"},
            {"label": "Accounted for", "value": "902 of 902, checked Wed 03:10"},
            {"label": "Next try", "value": "today 10:42, by itself"},
        ],
        "days": days(today),
        "breaks": breaks(today),
        "sentence": "1 open break since 11 days · 8 days filled, 214 recovered",
        "events": [
            {
                "at": now,
                "icon": "break",
                "tone": "bad",
                "text": "No answer from mail.northgate.example:993, attempt 19",
            },
            {"at": now - timedelta(days=1), "icon": "break", "tone": "warn", "text": "First attempt without an answer"},
            {"at": now - timedelta(days=9), "icon": "check-circle", "tone": "ok", "text": "902 of 902 accounted for"},
        ],
    }


def timeline(now: datetime) -> list[dict[str, Any]]:
    def email(days_ago: int, direction: str, subject: str, extract: str, *chips: tuple[str, str]) -> dict[str, Any]:
        where = "Sofia’s Inbox" if direction == "received" else "Sofia’s Sent items"
        return {
            "type": "email",
            "at": now - timedelta(days=days_ago),
            "direction": direction,
            "subject": subject,
            "extract": extract,
            "where": where,
            "url": "#",
            "chips": [{"icon": icon, "text": text, "url": ""} for icon, text in chips],
        }

    recovered = ("shield", "recovered 19 May")
    return [
        {"type": "conversation", "subject": "Finance Controller at Acme", "count": 5},
        email(
            0,
            "received",
            "Re: Second interview at Acme",
            "Tuesday 16 June at 10:00 works well, thank you for moving it.",
            ("clip", "CV_Anna_Berg_2026.pdf"),
            ("clip", "SAP_S4_certificate.pdf"),
        ),
        email(
            1, "sent", "Second interview at Acme", "Could you do Tuesday at 10:00? Jonas and the team will be there."
        ),
        email(
            9, "received", "First interview: my impressions", "It was a good talk.", ("folder", "now in Clients/Acme")
        ),
        {
            "type": "break",
            "is_open": True,
            "title": "Interrupted since 9 June",
            "text": "Filled when you sign in again.",
        },
        email(12, "received", "Before the open break", "Nothing is drawn between the caps of an open break."),
        {
            "type": "break",
            "title": "Interrupted 12–19 May",
            "lead": "214 emails recovered",
            "text": ", 2 of them Anna’s. Nothing is missing.",
            "url": "#",
            "emails": [
                email(24, "sent", "First interview confirmed", "Wednesday 3 June, 13:00. Ask for Jonas.", recovered),
                email(29, "received", "Re: Finance Controller", "Yes, please send them my CV.", recovered),
            ],
        },
        {"type": "conversation", "subject": "First call and CV", "count": 6},
        {
            "type": "folded",
            "span": "8 April – 4 May",
            "words": "4 received, 2 sent",
            "count": 6,
            "url": "#",
            "dots": ["received", "sent", "received", "received", "sent", "received"],
        },
        {
            "type": "start",
            "at": now - timedelta(days=70),
            "text": "Earlier emails are not shown.",
            "url": "#",
            "link_text": "Include earlier mail",
        },
    ]
