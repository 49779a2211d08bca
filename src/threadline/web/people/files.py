"""The attachments of the emails on a profile, newest first, as the reader's copy of each email lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from threadline.storage.models import Person, User
from threadline.web.people.held import Shown, loaded, with_attachments

MOST_COUNTED = 200  # emails with attachments; beyond that the tab carries no number
LATEST = 3


def files_of(person: Person, user: User, *, start: int, size: int) -> tuple[list[dict[str, Any]], bool]:
    """The attachments of `size` emails from `start` on, and whether there are more emails with some."""
    links = list(with_attachments(person)[start : start + size + 1])
    return _files(loaded(links[:size], user)), len(links) > size


def latest_files(person: Person, user: User) -> list[dict[str, Any]]:
    return _files(loaded(list(with_attachments(person)[:LATEST]), user))[:LATEST]


def count_files(person: Person, user: User) -> int | None:
    links = list(with_attachments(person)[: MOST_COUNTED + 1])
    return None if len(links) > MOST_COUNTED else len(_files(loaded(links, user)))


def _files(emails: Sequence[Shown]) -> list[dict[str, Any]]:
    return [
        {
            "name": file["name"] or "attachment",
            "size": file["size"],
            "type": file["type"],
            "url": reverse("attachment", args=[shown.link.message_id, number]),
            "at": shown.link.at,
            "subject": shown.link.message.subject,
            "email_url": reverse("message", args=[shown.link.message_id]),
            "who": "Sent"
            if shown.sent
            else f"From {shown.link.message.sender_name or shown.link.message.sender_address}",
        }
        for shown in emails
        if shown.copy is not None
        for number, file in enumerate(shown.copy.body.attachments, start=1)
    ]
