"""The demo's company on Microsoft 365: a recruiter whose mail is there, and the administrator.

Elin Sandberg works with some of the people Sofia works with, so that a profile can show two recruiters' emails. Both
read the same mailing list: those emails are in both mailboxes, with the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from threadline.sandbox.demo.bulk import mailing_list
from threadline.sandbox.demo.conversations import conversations
from threadline.sandbox.demo.mails import Mail, Owner
from threadline.sandbox.demo.people import characters
from threadline.sandbox.microsoft import Microsoft

DOMAIN = "northgate-365.example"
ELIN = ("Elin Sandberg", f"elin@{DOMAIN}")
ADMIN = ("Jonas Ek", f"it@{DOMAIN}")
PASSWORD = "elin-demo"  # noqa: S105  (said to whoever starts the demo)
ADMIN_PASSWORD = "it-demo"  # noqa: S105  (as above)
_SIGNATURE = "--\nElin Sandberg\nRecruiter, Northgate Talent\nVasagatan 12, Stockholm · +46 8 555 014 27"
_SEEDED = "seeded"
_FOLDERS = {"INBOX": "inbox", "Sent": "sentitems", "Archive": "archive"}


def seed_microsoft(service: Microsoft, now: datetime) -> None:
    """The demo's users and mail, once. Either all of it is there after this, or none."""
    if service.db.get(_SEEDED):
        return
    with service.db.transaction():
        for (name, address), password, admin in ((ELIN, PASSWORD, False), (ADMIN, ADMIN_PASSWORD, True)):
            user = service.directory.create_user(address, password, name=name, admin=admin)
            mailbox = service.graph.mailbox(user)
            mailbox.create()
            if not admin:
                for mail in elins_mail(now):
                    folder = mailbox.named(_FOLDERS.get(mail.folder, mail.folder), create=True)
                    mailbox.deliver(folder, mail.raw, mail.received, is_read="\\Seen" in mail.flags)
        service.db.set(_SEEDED, now.astimezone(UTC).isoformat())


def elins_mail(now: datetime) -> Iterator[Mail]:
    """Elin's mailbox in the order of its arrival: every contact, and every second candidate."""
    people = [one for one in characters() if one.scripts]
    hers = tuple(one for number, one in enumerate(people) if one.kind == "contact" or number % 2)
    owner = Owner(ELIN, _SIGNATURE, seed="elin/")
    mails = [*conversations(hers, now, owner), *mailing_list(now)]
    yield from sorted(mails, key=lambda mail: (mail.received, mail.id or ""))
