"""What the fault tests share: mailboxes behind a faulty way, and the two listings that must agree afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery, FolderSnapshot
from tests.services.world import ALICE, PASSWORD, World, mail
from threadline.providers.contract import Session
from threadline.providers.imap import open_session
from threadline.providers.mime.pool import Parser
from threadline.services import connect
from threadline.services.refresh import refresh
from threadline.services.refresh.report import Report
from threadline.services.sessions import Credentials, server_settings, stored
from threadline.services.verify import verify
from threadline.storage.models import Copy, Folder, LedgerEntry, Mailbox, Message, User

SYNCED = ("INBOX", "Sent")


def impatient(seconds: float = 1.0) -> Callable[[Mailbox], Session]:
    """Signs in as the product does, and waits for an answer no longer than this."""

    def opening(mailbox: Mailbox) -> Session:
        return open_session(server_settings(mailbox), stored(mailbox), timeout=seconds)

    return opening


def connect_at(world: World, port: int, user: User | None = None) -> Mailbox:
    """A mailbox that is reached at this port: a proxy's, or a scripted server's."""
    owner = user or world.alice
    settings = connect.server("127.0.0.1", port, "none", owner.email)
    return connect.add(owner.email, owner, settings, Credentials(PASSWORD), door="command")


def account(server: Dovecot, *numbers: int, sent: int = 0, size: int = 0) -> None:
    """Alice's account at a real server, with numbered mails in its Inbox, and some in Sent items."""
    server.add_user(ALICE, PASSWORD)
    text = "A line of text, forty characters and so.\r\n" * (size // 42)
    mails = [Delivery(mail(number, text=text and f"{number}\r\n{text}")) for number in numbers]
    mails += [
        Delivery(mail(f"s{number}", sender=ALICE, to="anna@posten.example"), folder="Sent") for number in range(sent)
    ]
    server.deliver_many(ALICE, mails)


def forget_everything() -> None:
    """As before the first refresh: no mailbox, no email."""
    Mailbox.objects.all().delete()
    Message.objects.all().delete()


@cache
def parser() -> Parser:
    """One parser process for many refreshes, as a worker has it."""
    return Parser()


def close() -> None:
    """End it. The next refresh starts another."""
    if parser.cache_info().currsize:
        parser().close()


def again(mailbox: Mailbox, *, seconds: float = 20.0) -> Report:
    """A refresh with an impatient connection."""
    return refresh(mailbox.pk, trigger="command", opening=impatient(seconds), parser=parser())


def on_server(snapshot: dict[str, FolderSnapshot]) -> list[tuple[str, int, str]]:
    """What a plain IMAP client sees in the synced folders."""
    return sorted(
        (name, uid, seen.message_id or "")
        for name in SYNCED
        if name in snapshot
        for uid, seen in snapshot[name].messages.items()
    )


def in_store(mailbox: Mailbox) -> list[tuple[str, int, str]]:
    """What the product holds as being there now, be it by its heading alone."""
    copies = Copy.objects.filter(mailbox=mailbox, where="here", folder__role__in=("inbox", "sent"))
    return sorted(
        (name, int(uid), message_id or "")
        for name, uid, message_id in copies.values_list("folder__name", "remote_id", "message__message_id")
    )


def assert_agrees(mailbox: Mailbox, server: Dovecot, user: str = ALICE) -> None:
    """What is held is what a plain IMAP client lists, and nothing is doubled."""
    assert in_store(mailbox) == on_server(server.snapshot(user))
    assert_nothing_is_doubled()


def assert_whole(mailbox: Mailbox, server: Dovecot, user: str = ALICE) -> None:
    """Both listings agree, nothing awaits its text, and the product's own check says so too."""
    assert_agrees(mailbox, server, user)
    assert not Copy.objects.filter(mailbox=mailbox, where="here", awaits_text=True).exists()
    check = verify(mailbox.pk)
    assert check.complete, check.as_json()
    assert not any(folder.missing or folder.unexpected for folder in check.folders), check.as_json()
    assert not LedgerEntry.objects.exists()


def assert_nothing_is_doubled() -> None:
    keys = list(Message.objects.values_list("company_id", "key"))
    places = list(Copy.objects.values_list("folder_id", "generation", "remote_id"))
    assert len(keys) == len(set(keys))
    assert len(places) == len(set(places))


def assert_no_cursor_is_ahead(server: Dovecot, user: str = ALICE) -> None:
    """Whatever is below a folder's cursor is held, or in the ledger."""
    seen = server.snapshot(user)
    for folder in Folder.objects.exclude(cursor=None):
        cursor = json.loads(folder.cursor or "{}")
        covered = {str(uid) for uid in seen[folder.name].messages if uid < cursor["uidnext"]}
        held = Copy.objects.filter(folder=folder, generation=folder.generation).values_list("remote_id", flat=True)
        ledger = LedgerEntry.objects.filter(folder=folder).values_list("remote_id", flat=True)
        assert covered <= {*held, *ledger}, folder.name
