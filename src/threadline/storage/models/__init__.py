"""The tables. One file for each subject: who, mailboxes, grants, subscriptions, refreshing, people, messages."""

from threadline.storage.models.company import AuditEntry, Company, User
from threadline.storage.models.grant import Grant, GrantEnd, InstallationFault, SignIn
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
from threadline.storage.models.refreshing import LedgerEntry, Refresh, Verification, WorkerSign
from threadline.storage.models.subscription import Subscription

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
    "Grant",
    "GrantEnd",
    "InstallationFault",
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
    "SignIn",
    "Subscription",
    "ThreadReference",
    "ToIndex",
    "User",
    "Verification",
    "WorkerSign",
]
