"""Company > Audit: what people did, newest first, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from threadline.domain.wording import listed
from threadline.storage.models import AuditEntry
from threadline.web.company.frame import frame
from threadline.web.requests import SignedIn

PAGE = 50
_SENTENCES: Mapping[str, str] = {
    "user added": "added the user {subject}",
    "user changed": "changed the user {subject}",
    "mailbox connected": "connected the mailbox {subject}",
    "mailbox reconnected": "signed in to the mailbox {subject} again",
    "mailbox disconnected": "disconnected the mailbox {subject}",
    "folder set": "said what a folder is: {subject}",
    "policy set": "changed the policy: {subject}",
    "link": "put “{subject}” by hand",
    "unlink": "took “{subject}” by hand",
    "person added": "added {subject}",
    "person changed": "changed {subject}",
    "people merged": "merged two profiles: {subject}",
    "people imported": "imported people from {subject}",
}
_ICONS: Mapping[str, str] = {
    "user": "person",
    "mailbox": "server",
    "folder": "folder",
    "policy": "sliders",
    "link": "link",
    "unlink": "link",
    "person": "people",
    "people": "people",
}
_DOORS = {"pages": "", "command": "by command", "worker": "by itself"}


@login_required
def audit(request: SignedIn) -> HttpResponse:
    entries = AuditEntry.objects.filter(company=request.user.company).select_related("user").order_by("-at", "-pk")
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        **frame(request.user, "company_audit"),
        "lines": [line(entry) for entry in page],
        "newer_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
        "older_url": f"?page={page.next_page_number()}" if page.has_next() else "",
        "text": f"{page.start_index():,} to {page.end_index():,} of {page.paginator.count:,}",
    }
    return render(request, "company/audit.html", context)


def line(entry: AuditEntry) -> dict[str, Any]:
    """One entry in a sentence; a word that has none yet stands as it is."""
    who = str(entry.user) if entry.user else "The operator"
    pattern = _SENTENCES.get(entry.action, f"{entry.action}: {{subject}}")
    return {
        "at": entry.at,
        "icon": _ICONS.get(entry.action.partition(" ")[0], "info"),
        "who": who,
        "text": pattern.format(subject=subject_of(entry)),
        "note": _DOORS.get(entry.door, entry.door),
    }


def subject_of(entry: AuditEntry) -> str:
    if entry.action != "policy set":
        return entry.subject
    words = {
        "secondary_addresses": "secondary addresses",
        "earlier_mail": "earlier mail",
        "other_folders": "other folders",
        "refresh_interval_minutes": "refresh interval",
        "blocklist": "blocklist",
    }
    return listed([_policy_change(words.get(key, key), value) for key, value in entry.detail.items()]) or entry.subject


def _policy_change(word: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"{word} {'count' if value else 'do not count'}"
    if isinstance(value, int):
        return f"{word} {value:,} minutes"
    return f"{word} with {len(value):,} entries"
