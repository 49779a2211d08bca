"""No network call inside a database transaction (I8): every socket call of a whole life of a mailbox is looked at."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests.faults.mailboxes import account, again
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, PASSWORD, World, mail
from threadline.services import connect
from threadline.services.sessions import Credentials
from threadline.services.verify import verify
from threadline.storage.models import Copy, Folder

pytestmark = pytest.mark.needs("dovecot")
CALLS = ("connect", "sendall", "send", "recv", "recv_into")


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], list[str]]]:
    """(calls inside a transaction, all calls) on sockets by this thread. The store's own are not Python sockets."""
    inside: list[str] = []
    every: list[str] = []
    here = threading.get_ident()

    def watching(name: str) -> Any:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any, **options: Any) -> Any:
            if threading.get_ident() == here and self.family in (socket.AF_INET, socket.AF_INET6):
                every.append(name)
                if connection.in_atomic_block:
                    inside.append(name)
            return original(self, *arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(socket.socket, name, watching(name), raising=False)
        yield inside, every


@pytest.mark.invariant("I8")
def test_no_door_of_a_mailbox_talks_to_the_server_inside_a_transaction(
    world: World, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    account(dovecot, *range(30), sent=5)
    with watched(monkeypatch) as (inside, every):
        mailbox = world.connect(dovecot)
        again(mailbox)
        dovecot.deliver(ALICE, mail(100))
        dovecot.expunge(ALICE, "m1@posten.example")
        dovecot.move(ALICE, "m2@posten.example", "INBOX", "Filed")
        again(mailbox)
        Copy.objects.filter(message__message_id="m3@posten.example").delete()
        verify(mailbox.pk)
        dovecot.change_uidvalidity(ALICE)
        again(mailbox)
        connect.reconnect(mailbox, Credentials(PASSWORD), user=world.alice, door="command")
        again(mailbox)
        connect.disconnect(mailbox, user=world.alice, door="command")
    assert len(every) > 100
    assert inside == []
    assert Folder.objects.exclude(cursor=None).exists()


def test_the_watch_sees_what_it_is_there_for(world: World, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import transaction  # noqa: PLC0415

    account(dovecot, 1)
    with watched(monkeypatch) as (inside, _), transaction.atomic():
        world.connect(dovecot)
    assert "connect" in inside
