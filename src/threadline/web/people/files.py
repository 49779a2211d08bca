"""The attachments of the emails on a profile, newest first, as the reader's copy of each email lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from threadline.storage.models import Person, User
from threadline.web.people.held import Shown, loaded, with_attachments

MOST_COUNTED = 100  # emails with attachments; beyond that the tab carries no number
LATEST = 3


def files_of(person: Person, user: User, *, start: int, size: int) -> tuple[list[dict[str, Any]], bool]:
    """The attachments of `size` emails from `start` on, and whether there are more emails with some."""
    links = list(with_attachments(person)[start : start + size + 1])
    return _files(loaded(links[:size], user)), len(links) > size


def overview(person: Person, user: User) -> tuple[int | None, list[dict[str, Any]]]:
    """How many attachments there are (None: more than are counted), and the latest of them."""
    links = list(with_attachments(person)[: MOST_COUNTED + 1])
    files = _files(loaded(links, user))
    return None if len(links) > MOST_COUNTED else len(files), files[:LATEST]


def _files(emails: Sequence[Shown]) -> list[dict[str, Any]]:
    return [
        {
            "name": file["name"] or "attachment",
            "size": file["size"],
            "type": file["type"],
            "url": reverse("attachment", args=[shown.link.message_id, number]),
            "at": shown.link.at,
            "subject": shown.subject,
            "email_url": reverse("message", args=[shown.link.message_id]),
            "who": "Sent" if shown.sent else f"From {shown.sender}",
        }
        for shown in emails
        if shown.copy is not None
        for number, file in numbered(shown.copy.body.attachments)
    ]


def numbered(attachments: Sequence[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """What a person would call an attachment, by its number in the email; the pictures of a signature are not."""
    return [(number, file) for number, file in enumerate(attachments, start=1) if not file["inline"]]
