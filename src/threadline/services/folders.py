"""The folders of a mailbox, and the owner's word on which is what."""

from __future__ import annotations

from typing import Any

from threadline.services import audit
from threadline.services.errors import Invalid, NotFound
from threadline.storage.models import Folder, Mailbox, User

CHOICES = ("inbox", "sent", "other", "include")


def listing(mailbox: Mailbox) -> list[Folder]:
    return sorted(
        mailbox.folders.filter(missing_since=None),
        key=lambda f: ({"inbox": 0, "sent": 1}.get(f.role, 2), f.name),
    )


def folder_named(mailbox: Mailbox, name: str) -> Folder:
    found = mailbox.folders.filter(name=name).first() or mailbox.folders.filter(remote_name=name).first()
    if found is None:
        known = ", ".join(folder.name for folder in listing(mailbox)) or "none yet; refresh first"
        raise NotFound(f"{mailbox.address} has no folder called {name!r}. Folders: {known}.", field="folder")
    return found


def override(folder: Folder, choice: str, user: User | None, *, door: str) -> None:
    """Say what a folder is. `include` counts it beside Inbox and Sent items; its emails come with the next refresh."""
    if choice not in CHOICES:
        raise Invalid(f"{choice!r} is no use for a folder; expected one of {', '.join(CHOICES)}.", field="folder")
    folder.override = choice
    if choice in {"inbox", "sent", "other"}:
        folder.role = choice
    folder.save(update_fields=["override", "role"])
    audit.record(
        folder.mailbox.company_id,
        user,
        door,
        "folder set",
        f"{folder.mailbox.address}: {folder.name}",
        {"as": choice},
    )


def as_json(folder: Folder) -> dict[str, Any]:
    return {
        "name": folder.name,
        "role": folder.role,
        "set_by_hand": folder.override or None,
        "special_use": folder.special_use or None,
        "synced": folder.synced,
        "on_server": folder.on_server if folder.listed_at else None,
        "listed_at": folder.listed_at,
    }
