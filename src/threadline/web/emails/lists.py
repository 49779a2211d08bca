"""The Inbox and Sent lists of one's own mailboxes, with the open email beside them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from threadline.domain.folders import Role
from threadline.services import access, messages, new_in_list
from threadline.services.errors import NotFound
from threadline.storage.models import Copy, Mailbox
from threadline.web.emails.one import reading
from threadline.web.emails.refreshing import head
from threadline.web.requests import SignedIn


@login_required
def emails(request: SignedIn) -> HttpResponse:
    """The first of one's mailboxes; the way to connect one where there is none."""
    mailbox = access.own_mailboxes(request.user).first()
    if mailbox is None:
        return render(request, "emails/none.html", {"section": "emails"})
    asked = f"?{urlencode({'q': words})}" if (words := request.GET.get("q", "")) else ""
    return redirect(reverse("folder", args=[mailbox.pk, "inbox"]) + asked)


@login_required
def folder(request: SignedIn, mailbox_id: int, role: str) -> HttpResponse:
    """A page of the list. `q` searches, `before` and `after` are positions in it."""
    mailbox = access.mailbox_for(request.user, mailbox_id)
    return render(request, "emails/list.html", _list(request, mailbox, role))


@login_required
def opened(request: SignedIn, mailbox_id: int, role: str, copy_id: int) -> HttpResponse:
    """The list with one email open beside it; to htmx only the email."""
    mailbox = access.mailbox_for(request.user, mailbox_id)
    copy = (
        Copy.objects.select_related("message", "body", "folder", "mailbox__owner")
        .filter(mailbox=mailbox, pk=copy_id)
        .first()
    )
    if copy is None:
        raise NotFound("There is no such email here.")
    context = {"section": "emails", "reading": reading(copy, request.user), "selected": copy.pk}
    context |= {"back_url": _url("folder", mailbox, role, request), "back_text": _title(role)}
    if request.htmx:
        return render(request, "emails/reading.html", context)
    return render(request, "emails/list.html", _list(request, mailbox, role) | context)


def _list(request: SignedIn, mailbox: Mailbox, role: str) -> dict[str, Any]:
    words = request.GET.get("q", "").strip()[:200]
    has_words = any(character.isalnum() for character in words)
    # Asked before the search: what is indexed meanwhile, it may have missed.
    still_indexing = has_words and not messages.search_is_complete(mailbox)
    found = messages.search_in(mailbox, words) if words else None
    page = messages.listing(
        mailbox,
        Role(role),
        found=found,
        before=request.GET.get("before", ""),
        after=request.GET.get("after", ""),
    )
    searched = {"q": words} if words else {}
    position = {key: request.GET[key] for key in ("before", "after") if request.GET.get(key)}
    return {
        "section": "emails",
        "title": _title(role),
        "mailbox": mailbox,
        "role": role,
        "words": words,
        "has_words": has_words,
        "still_indexing": still_indexing,
        "found": _found(mailbox, role, words, found) if found else {},
        "rows": [_row(copy, mailbox, role, searched | position) for copy in page.copies],
        "newer_url": "?" + urlencode(searched | {"after": page.newer}) if page.newer else "",
        "older_url": "?" + urlencode(searched | {"before": page.older}) if page.older else "",
        "since": "" if words or position else new_in_list.mark(page),
        "list_url": request.get_full_path(),
        "head": head(mailbox, role),
        "mailboxes": list(access.own_mailboxes(request.user)),
    }


def _found(mailbox: Mailbox, role: str, words: str, found: messages.Found) -> dict[str, str]:
    """How many were found here, and in the other list, with the way there where there are any."""
    other = "sent" if role == "inbox" else "inbox"
    beside = messages.count_found(mailbox, Role(other), found)
    url = f"{reverse('folder', args=[mailbox.pk, other])}?{urlencode({'q': words})}" if beside else ""
    return {
        "here": f"{_counted(messages.count_found(mailbox, Role(role), found))} found in {_title(role)}",
        "other": f"{_counted(beside)} in {_title(other)}",
        "url": url,
    }


def _counted(count: int) -> str:
    most = messages.MOST_COUNTED
    return f"more than {most:,}" if count > most else f"{count:,}"


def _title(role: str) -> str:
    return "Inbox" if role == "inbox" else "Sent"


def _url(name: str, mailbox: Mailbox, role: str, request: SignedIn) -> str:
    query = request.GET.urlencode()
    return reverse(name, args=[mailbox.pk, role]) + (f"?{query}" if query else "")


def _row(copy: Copy, mailbox: Mailbox, role: str, query: dict[str, str]) -> dict[str, Any]:
    """One line of the list, as parts/email_row.html reads it."""
    links = copy.message.shown_links  # type: ignore[attr-defined]  # prefetched by messages.listing
    url = reverse("opened", args=[mailbox.pk, role, copy.pk]) + (f"?{urlencode(query)}" if query else "")
    return {
        "pk": copy.pk,
        "url": url,
        "sender": _other_side(copy, role),
        "subject": copy.subject,
        "at": copy.decided_at,
        "unread": not copy.seen and role == "inbox",
        "has_attachments": any(not part["inline"] for part in copy.body.attachments),
        "people": [
            {"name": link.person.name, "kind": link.person.kind, "url": reverse("person", args=[link.person_id])}
            for link in links
            if link.role != "bcc" or copy.bcc  # a blind copy is seen on the copy that shows it
        ],
        "why_url": f"{url}#on-profiles",
        "beside": True,
    }


def _other_side(copy: Copy, role: str) -> str:
    """Who sent it; in Sent items, to whom it went."""
    if role == "sent":
        addresses = [*copy.body.recipients.get("to", []), *copy.body.recipients.get("cc", []), *copy.bcc]
        names = [address["name"] or address["address"] for address in addresses]
        return "To " + (", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "nobody")
    return copy.sender_name or copy.message.sender_address or "Unknown sender"
