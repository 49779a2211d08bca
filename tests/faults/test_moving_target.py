"""The mailbox changes while it is refreshed: somebody delivers, files, deletes and flags at full speed (I2, I12)."""

from __future__ import annotations

import imaplib
import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.mailboxes import account, again, assert_nothing_is_doubled, assert_whole
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, PASSWORD, World, mail
from tests.sweep import seed
from threadline.storage.models import Copy, Message

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2", "I12")]


@contextmanager
def writer(server: Dovecot, *, until: int) -> Iterator[list[str]]:
    """Another mail program at work; yields the log of what it did."""
    done: list[str] = []
    stop = threading.Event()

    def work() -> None:
        chance = random.Random(seed())
        with imaplib.IMAP4("127.0.0.1", server.port, timeout=20) as client:
            client.login(ALICE, PASSWORD)
            client.create("Filed")
            for number in itertools.count():
                if stop.is_set() or number > until:
                    return
                client.append("INBOX", None, None, mail(f"w{number}"))
                client.select("INBOX")
                uids = client.uid("SEARCH", "ALL")[1][0].split()
                uid = chance.choice(uids).decode()
                act = chance.choice(["file", "delete", "flag", "deliver"])
                if act == "file":
                    client.uid("MOVE", uid, "Filed")
                elif act == "delete":
                    client.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
                    client.expunge()
                elif act == "flag":
                    client.uid("STORE", uid, "+FLAGS", "(\\Seen)")
                done.append(act)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(60)


@pytest.mark.parametrize("first", [True, False], ids=["a first refresh", "later refreshes"])
def test_after_a_writer_at_full_speed_one_refresh_makes_it_whole(world: World, dovecot: Dovecot, first: bool) -> None:
    account(dovecot, *range(200), size=1000)
    mailbox = world.connect(dovecot)
    if not first:
        again(mailbox)
    with writer(dovecot, until=2000) as done:
        reports = [again(mailbox, seconds=30) for _ in range(3)]
        assert_nothing_is_doubled()
    assert {report.outcome for report in reports} == {"complete"}, [report.as_json() for report in reports]
    assert len(done) > 20
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, dovecot)
    assert Message.objects.count() <= 200 + len(done) + 1
    there = set(dovecot.snapshot(ALICE)["Filed"].messages)
    assert Copy.objects.filter(where="elsewhere").count() <= len(there)
