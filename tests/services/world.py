"""The world of the service tests: Alice owns a mailbox, Bob is her colleague, Charlie is of another company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tests.servers.dovecot import Dovecot
from tests.servers.pymap import PymapServer
from threadline.services import accounts, connect, people
from threadline.services.refresh import refresh
from threadline.services.refresh.report import Report
from threadline.services.sessions import Credentials
from threadline.storage.models import Company, Copy, Link, Mailbox, Message, Person, User

PASSWORD = "an honest secret"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ALICE, BOB, CHARLIE = "alice@acme.example", "bob@acme.example", "charlie@rival.example"
ANNA = "anna@posten.example"


def mail(
    number: int | str,
    *,
    sender: str = ANNA,
    to: str = ALICE,
    subject: str = "",
    date: str = "Mon, 01 Jun 2026 10:00:00 +0000",
    headers: str = "",
    text: str = "",
    message_id: str | None = None,
) -> bytes:
    """One small email; its Message-ID is `m<number>@posten.example` unless given ("" leaves it out)."""
    if message_id is None:
        message_id = f"m{number}@posten.example"
    identified = f"Message-ID: <{message_id}>\r\n" if message_id else ""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject or f'Subject {number}'}\r\nDate: {date}\r\n"
        f"{identified}{headers}\r\n{text or f'Text number {number}, with the rare word zebra{number}.'}\r\n"
    ).encode()


@dataclass
class World:
    company: Company
    alice: User
    bob: User
    rival: Company
    charlie: User
    anna: Person

    def connect(self, server: Dovecot | PymapServer, user: User | None = None) -> Mailbox:
        owner = user or self.alice
        server.add_user(owner.email, PASSWORD)
        settings = connect.server("127.0.0.1", server.port, "none", owner.email)
        return connect.add(owner.email, owner, settings, Credentials(PASSWORD), door="command")


def make_world() -> World:
    acme, rival = accounts.add_company("Acme", "Europe/Stockholm"), accounts.add_company("Rival")
    alice = accounts.add_user(ALICE, acme, name="Alice", role="admin", password=PASSWORD, door="command")
    bob = accounts.add_user(BOB, acme, name="Bob", password=PASSWORD, door="command")
    charlie = accounts.add_user(CHARLIE, rival, name="Charlie", role="admin", password=PASSWORD, door="command")
    anna = people.add(
        acme,
        kind="candidate",
        name="Anna Berg",
        email=ANNA,
        secondary=["anna@home.example"],
        created_at=LONG_AGO,
        door="command",
    )
    return World(acme, alice, bob, rival, charlie, anna)


def run(mailbox: Mailbox) -> Report:
    return refresh(mailbox.pk, trigger="command")


def held() -> list[tuple[str | None, str, str, str]]:
    """(Message-ID, folder, where, now in) of every copy: the whole of what is held, to compare before and after."""
    copies = Copy.objects.order_by("message__message_id", "folder__name", "pk")
    return list(copies.values_list("message__message_id", "folder__name", "where", "where_folder"))


def counts() -> tuple[int, int, int]:
    return Message.objects.count(), Copy.objects.count(), Link.objects.count()
