"""One email: its page, its body in a frame of its own, its attachments and its raw form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin

from threadline.domain.errors import ProviderError
from threadline.services import access, ledger, messages
from threadline.services.connect import sentence_of
from threadline.services.errors import NotFound
from threadline.services.showing import clean_html
from threadline.storage.models import Copy, Message, User
from threadline.web.people.summary import profiles_summary
from threadline.web.requests import SignedIn

# The mail's own page: nothing runs in it, nothing is fetched, and links open beside it. `allow-same-origin` (without
# scripts) lets our page read how tall it is.
BODY_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src {images}; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)


_REMOTE_MARKS = ('src="http', "src='http", "src=http", 'background="http', "background='http")


@login_required
def message(request: SignedIn, message_id: int) -> HttpResponse:
    """An email as a page of its own, for those who come from a profile."""
    _, copy = _found(request.user, message_id)
    context = {"section": "emails", "reading": reading(copy, request.user), "title": copy.subject or "(no subject)"}
    return render(request, "emails/message.html", context)


def _found(user: User, message_id: int) -> tuple[Message, Copy]:
    found = access.message_for(user, message_id)
    copy = access.copy_for(user, found)
    if copy is None:
        raise NotFound("There is no such email here.")
    return found, copy


def reading(copy: Copy, user: User) -> dict[str, Any]:
    """The open email, as emails/email.html reads it. Bcc only from one's own copy."""
    own = copy.mailbox.owner_id == user.pk
    recipients = copy.body.recipients
    profiles = profiles_summary(copy.message, user)
    attachments = [
        {
            "name": part["name"] or f"attachment {number}",
            "size": part["size"],
            "url": reverse("attachment", args=[copy.message_id, number]),
        }
        for number, part in enumerate(copy.body.attachments, start=1)
        if not (part["inline"] and copy.body.html)
    ]
    return {
        "message": copy.message,
        "copy": copy,
        "body": copy.body,
        "subject": copy.subject,
        "sender_name": copy.sender_name,
        "sender": copy.sender_name or copy.message.sender_address or "Unknown sender",
        "to": _names(recipients.get("to", [])),
        "cc": _names(recipients.get("cc", [])),
        "bcc": _names(copy.bcc) if own else "",
        "where": _where(copy, own=own),
        "profiles": profiles,
        "shown_on": sum(profile["shown"] for profile in profiles),
        "add_url": reverse("message_add", args=[copy.message_id]),
        "attachments": attachments,
        "in_conversation": messages.conversation(copy.message, access.messages_of(user)).count(),
        "versions": copy.message.bodies.exclude(copies__awaits_text=True).count(),
        "own": own,
        "set_aside": copy.awaits_text and ledger.is_set_aside(copy),
        "remote_images": _has_remote_images(copy.body.html),
        "frame_url": reverse("message_body", args=[copy.message_id]),
    }


def _has_remote_images(html: str) -> bool:
    """Whether to offer "Show with images": a plain look, because a pattern over hostile HTML can take hours."""
    small = html.lower()
    return any(mark in small for mark in _REMOTE_MARKS)


def _names(addresses: list[dict[str, str]]) -> str:
    names = [address["name"] or address["address"] for address in addresses]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _where(copy: Copy, *, own: bool) -> str:
    folder = {"inbox": "Inbox", "sent": "Sent items"}.get(copy.folder.role, copy.folder.name)
    place = folder if own else f"{copy.mailbox.owner.get_short_name()}’s {folder}"
    if copy.where == "elsewhere":
        return f"{place}, now in {copy.where_folder}"
    return f"{place}, not found there any more" if copy.where == "not_found" else place


@login_required
@xframe_options_sameorigin
def body(request: SignedIn, message_id: int) -> HttpResponse:
    """The cleaned HTML of an email as a page for the frame. `remote=1`: with the images its sender keeps elsewhere."""
    _, copy = _found(request.user, message_id)
    remote = request.GET.get("remote") == "1"
    html = clean_html(copy.body, remote_images=remote)
    response = render(request, "emails/body.html", {"html": html})
    response["Content-Security-Policy"] = BODY_POLICY.format(images="https: http:" if remote else "'none'")
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
def conversation(request: SignedIn, message_id: int) -> HttpResponse:
    """The emails of a conversation that this reader may see, oldest first."""
    found, copy = _found(request.user, message_id)
    emails = list(messages.conversation(found, access.messages_of(request.user))[:200])
    copies = access.copies_for(request.user, emails)
    shown = [
        {
            "pk": email.pk,
            "at": email.at,
            "subject": copies[email.pk].subject,
            "sender": copies[email.pk].sender_name or email.sender_address or "Unknown sender",
        }
        for email in emails
        if email.pk in copies
    ]
    context = {"section": "emails", "message": found, "subject": copy.subject, "emails": shown}
    return render(request, "emails/conversation.html", context)


@login_required
def attachment(request: SignedIn, message_id: int, number: int) -> HttpResponseBase:
    """An attachment, fetched from the mail server as it is sent on. Never shown inline."""
    found, copy = _found(request.user, message_id)
    try:
        described, content = messages.stream_attachment(copy, number)
        return download(described["name"] or f"attachment {number}", content)
    except ProviderError as error:
        return _unreachable(request, found, error)


@login_required
def raw(request: SignedIn, message_id: int) -> HttpResponseBase:
    """The whole email as the server has it, for one's own mail only: it shows every header."""
    found, copy = _found(request.user, message_id)
    if copy.mailbox.owner_id != request.user.pk:
        raise NotFound("There is no such email here.")
    try:
        return download(f"email-{found.pk}.eml", messages.stream_raw(copy))
    except ProviderError as error:
        return _unreachable(request, found, error)


def download(name: str, content: Iterator[bytes]) -> HttpResponseBase:
    """Stream it once the server has begun to answer: what fails before is said on a page, not in a broken file."""
    first = next(content, b"")

    def chunks() -> Iterator[bytes]:
        yield first
        yield from content

    response = StreamingHttpResponse(chunks(), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _unreachable(request: SignedIn, found: Message, error: ProviderError) -> HttpResponse:
    context = {"section": "emails", "message": found, "sentence": sentence_of(error)}
    return render(request, "emails/unreachable.html", context, status=502)
