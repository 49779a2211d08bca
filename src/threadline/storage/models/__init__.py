"""The tables. One file for each subject: who, mailboxes, refreshing, people, messages."""

from threadline.storage.models.company import AuditEntry, Company, User
from threadline.storage.models.mailbox import ConnectionEvent, Folder, Gap, Mailbox, Mark, Secret, Sighting
from threadline.storage.models.message import (
    Body,
    Conversation,
    Copy,
    Link,
    Message,
    Participant,
    ThreadReference,
    ToIndex,
)
from threadline.storage.models.person import EmailAddress, Person, PersonAddress
from threadline.storage.models.refreshing import LedgerEntry, Refresh, Verification

__all__ = [
    "AuditEntry",
    "Body",
    "Company",
    "ConnectionEvent",
    "Conversation",
    "Copy",
    "EmailAddress",
    "Folder",
    "Gap",
    "LedgerEntry",
    "Link",
    "Mailbox",
    "Mark",
    "Message",
    "Participant",
    "Person",
    "PersonAddress",
    "Refresh",
    "Secret",
    "Sighting",
    "ThreadReference",
    "ToIndex",
    "User",
    "Verification",
]
