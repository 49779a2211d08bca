"""Which folder is the Inbox and which holds sent mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Role(Enum):
    """What a folder is for. The value is the word in the API and on the command line."""

    INBOX = "inbox"
    SENT = "sent"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder as the server lists it, with what is known of its contents."""

    remote_name: str  # the name on the wire; identifies the folder
    name: str  # the name a person reads
    flags: frozenset[str] = frozenset()  # as listed, e.g. "\\Sent"
    delimiter: str | None = "/"  # of `name`
    messages: int | None = None
    newest: datetime | None = None  # the newest mail in it
    selectable: bool = True
