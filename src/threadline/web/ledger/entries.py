"""Set aside: the emails of one's own mailboxes that could not be stored, why, and what can be done about each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from threadline.domain.errors import ProviderError
from threadline.services import access, ledger
from threadline.services import refresh as refreshing
from threadline.services.connect import sentence_of
from threadline.services.errors import Conflict
from threadline.storage.models import LedgerEntry
from threadline.web.emails.one import download
from threadline.web.requests import SignedIn

PAGE = 50
LONGEST = 200  # characters of a subject


@login_required
def listing(request: SignedIn) -> HttpResponse:
    found = ledger.newest_first(access.ledger_of(request.user))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "settings",
        "rows": [_row(entry) for entry in page],
        "count": page.paginator.count,
        "several": access.own_mailboxes(request.user).count() > 1,
        "connected": access.own_mailboxes(request.user).exists(),
        **_pager(page),
        "crumbs": [{"label": "Email connection", "url": reverse("settings")}, {"label": "Set aside"}],
    }
    return render(request, "ledger/list.html", context)


def _row(entry: LedgerEntry) -> dict[str, Any]:
    folder = {"inbox": "Inbox", "sent": "Sent items"}.get(entry.folder.role, entry.folder.name)
    return {
        "entry": entry,
        "subject": Truncator(entry.subject).chars(LONGEST) or "Subject not known",
        "sender": entry.sender,
        "folder": folder,
        "mailbox": entry.mailbox.address,
        "reason": ledger.sentence(entry),
        "kept_out": entry.next_try_at is None,
    }


def _pager(page: Page[LedgerEntry]) -> dict[str, str]:
    if page.paginator.num_pages == 1:
        return {}
    return {
        "newer_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
        "older_url": f"?page={page.next_page_number()}" if page.has_next() else "",
        "pager_text": f"Page {page.number} of {page.paginator.num_pages}",
    }


@login_required
@require_POST
def retry(request: SignedIn, entry_id: int) -> HttpResponse:
    """Try an email again now: the refresh that is asked for fetches it."""
    entry = access.ledger_entry_for(request.user, entry_id)
    try:
        ledger.retry(entry)
        refreshing.ask_for(entry.mailbox, request.user)
    except Conflict as refused:
        notices.error(request, refused.sentence)
    else:
        notices.success(request, "We try this email again now. If it can be read, it leaves this list in a moment.")
    return redirect("ledger")


@login_required
def raw(request: SignedIn, entry_id: int) -> HttpResponseBase:
    """The whole email as it was kept, or as the mail server has it."""
    entry = access.ledger_entry_for(request.user, entry_id)
    try:
        return download(f"email-set-aside-{entry.pk}.eml", ledger.stream_raw(entry))
    except ProviderError as error:
        notices.error(request, f"The email could not be fetched: {sentence_of(error)}")
        return redirect("ledger")
