"""A person's profile: the thread line of their emails, their attachments, their details."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from threadline.domain.addresses import tidied
from threadline.domain.conversation import base_subject
from threadline.services import access
from threadline.services.errors import NotFound, Refused
from threadline.services.refresh import ask_for
from threadline.storage.models import Person, User
from threadline.web.people.differences import visible
from threadline.web.people.files import files_of, overview
from threadline.web.people.freshness import up_to_date
from threadline.web.people.held import links_of, loaded, read
from threadline.web.people.sharing import sharing_with
from threadline.web.people.timeline import broken, email_item, line_of
from threadline.web.requests import SignedIn, number

PAGE = 40


def frame_of(person: Person, user: User, current: str) -> dict[str, Any]:
    """What all tabs of a profile share."""
    emails = links_of(person).count()
    attached, latest = overview(person, user)
    tabs: list[dict[str, Any]] = [
        {"key": "emails", "label": "Emails", "count": emails, "url": reverse("person", args=[person.pk])},
        {
            "key": "attachments",
            "label": "Attachments",
            "count": attached,
            "url": reverse("person_attachments", args=[person.pk]),
        },
        {"key": "details", "label": "Details", "url": reverse("person_details", args=[person.pk])},
    ]
    return {
        "section": "people",
        "person": person,
        "emails": emails,
        "tabs": [tab | {"current": tab["key"] == current} for tab in tabs],
        "crumbs": [{"label": "People", "url": reverse("people")}, {"label": person.name}],
        "addresses": addresses_of(person),
        "latest_files": latest,
    }


def addresses_of(person: Person) -> list[dict[str, Any]]:
    """The addresses, the primary first, without what was typed along; how those were typed is said beside them."""
    held = person.addresses.select_related("address").order_by("-primary", "pk")
    return [
        {
            "written": (written := tidied(row.as_written)),
            "key": row.address.key,
            "primary": row.primary,
            "typed": visible(row.as_written) if row.as_written != written else "",
        }
        for row in held
    ]


@login_required
def person(request: SignedIn, person_id: int) -> HttpResponse:
    """The thread line, newest first."""
    user = request.user
    found = access.person_for(user, person_id)
    page = number(request, "page", 1)
    line = line_of(found, user, page=page, opened=number(request, "open", 0))
    context = frame_of(found, user, "emails") | {
        "timeline": line.items,
        "line": line,
        "page": page,
        "boxes": up_to_date(user),
    }
    return render(request, "people/profile.html", context)


@login_required
def conversation(request: SignedIn, person_id: int, conversation_id: int) -> HttpResponse:
    """One long conversation as far as it is on this profile, forty emails a page."""
    user = request.user
    found = access.person_for(user, person_id)
    links = links_of(found).filter(message__conversation_id=conversation_id)
    count, page = links.count(), number(request, "page", 1)
    start = (page - 1) * PAGE
    emails = loaded(list(read(links)[start : start + PAGE]), user)
    if not emails:
        raise NotFound("There is no such conversation on this profile.")
    subject = base_subject(emails[-1].subject) or "(no subject)"
    items: list[dict[str, Any]] = [{"type": "conversation", "subject": subject, "count": count}]
    items += [email_item(shown, found) for shown in emails]
    context = {
        "section": "people",
        "person": found,
        "subject": subject,
        "timeline": broken(items, emails, found, user, newest_page=page == 1),
        "crumbs": [
            {"label": "People", "url": reverse("people")},
            {"label": found.name, "url": reverse("person", args=[found.pk])},
            {"label": subject},
        ],
        "newer_url": f"?page={page - 1}" if page > 1 else "",
        "older_url": f"?page={page + 1}" if start + PAGE < count else "",
        "pages": f"{start + 1:,} to {start + len(emails):,} of {count:,}",
    }
    return render(request, "people/conversation.html", context)


@login_required
def attachments(request: SignedIn, person_id: int) -> HttpResponse:
    user = request.user
    found = access.person_for(user, person_id)
    page = number(request, "page", 1)
    files, more = files_of(found, user, start=(page - 1) * PAGE, size=PAGE)
    context = frame_of(found, user, "attachments") | {
        "files": files,
        "newer_url": f"?page={page - 1}" if page > 1 else "",
        "older_url": f"?page={page + 1}" if more else "",
        "pages": f"Page {page}",
    }
    return render(request, "people/attachments.html", context)


@login_required
def details(request: SignedIn, person_id: int) -> HttpResponse:
    user = request.user
    found = access.person_for(user, person_id)
    context = frame_of(found, user, "details") | {"sharing": sharing_with(found)}
    return render(request, "people/details.html", context)


@login_required
@require_POST
def refresh(request: SignedIn, person_id: int) -> HttpResponse:
    """Ask for a refresh of all own mailboxes that are connected."""
    user = request.user
    found = access.person_for(user, person_id)
    asked, refused = [], []
    for mailbox in access.own_mailboxes(user):
        try:
            ask_for(mailbox, user)
            asked.append(mailbox.address)
        except Refused:
            refused.append(mailbox.address)
    if asked:
        messages.success(request, f"{', '.join(asked)}: refreshing now. What is new shows here when it is done.")
    elif refused:
        messages.error(request, f"{', '.join(refused)} is not connected. Connect it again first.")
    else:
        messages.warning(request, "You have no mailbox connected yet. Connect one under Settings.")
    return redirect("person", found.pk)
