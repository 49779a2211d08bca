"""One mailbox's trouble never holds up another, and a message that kills its reader is set aside (I7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.mailboxes import account, again, connect_at, in_store
from tests.faults.proxy import FaultProxy
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, BOB, PASSWORD, World, mail
from threadline.clock import now
from threadline.jobs.worker import Worker
from threadline.providers.mime.pool import Parser
from threadline.services.refresh import refresh
from threadline.services.refresh.ask import ask_for
from threadline.storage import leases
from threadline.storage.models import Copy, LedgerEntry, Mailbox

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker with two threads, stepped by the test."""
    worker = Worker(2)
    yield worker
    worker.close()


def until(condition: Callable[[], object], worker: Worker, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        worker.step()
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.mark.invariant("I7")
def test_a_server_that_accepts_and_never_answers_delays_no_other_mailbox(
    world: World, dovecot: Dovecot, worker: Worker
) -> None:
    dovecot.add_user(ALICE, PASSWORD)
    with FaultProxy(dovecot.port) as proxy:
        stuck = connect_at(world, proxy.port)
        well = world.connect(dovecot, world.bob)
        proxy.behave(hang=True)
        Mailbox.objects.filter(pk=well.pk).update(next_refresh_at=now(), refresh_requested_at=None)
        until(lambda: leases.is_held(stuck), worker, seconds=10)
        for number in (1, 2):
            dovecot.deliver(BOB, mail(number, to=BOB))
            began = time.monotonic()
            well.refresh_from_db()
            ask_for(well, None)
            until(lambda n=number: Copy.objects.filter(mailbox=well).count() == n, worker, seconds=10)  # type: ignore[misc]
            assert time.monotonic() - began < 10
        assert leases.is_held(stuck)  # all the while
        proxy.behave()


@pytest.mark.invariant("I7")
def test_a_verification_that_cannot_be_done_is_not_tried_again_at_once(
    world: World, dovecot: Dovecot, worker: Worker
) -> None:
    account(dovecot, 1)
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        again(mailbox)
        proxy.behave(refuse=True)
        proxy.reset_counts()
        for _ in range(20):
            worker.step()
            time.sleep(0.05)
        assert proxy.connections == 1


def test_a_refresh_that_was_asked_for_during_a_verification_follows_it(
    world: World, dovecot: Dovecot, worker: Worker
) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    with leases.hold(mailbox.pk):
        ask_for(mailbox, world.alice)
        worker.step()
        time.sleep(0.5)
        assert not Copy.objects.exists()
    until(Copy.objects.exists, worker, seconds=10)


@pytest.mark.invariant("I7", "I11")
def test_a_message_that_kills_its_reader_is_set_aside_and_the_ones_around_it_are_held(
    world: World, dovecot: Dovecot
) -> None:
    account(dovecot, *range(10))
    # More addresses than a reader of 400 MB can hold.
    dovecot.deliver(ALICE, b"To: " + b"a@b.example, " * 3_000_000 + b"\r\n" + mail("killer"))
    dovecot.deliver_many(ALICE, [])
    dovecot.deliver(ALICE, mail(11))
    mailbox = world.connect(dovecot)
    with Parser(memory_limit=400 * 2**20, seconds=5.0) as reader:
        report = refresh(mailbox.pk, trigger="command", parser=reader)
    assert report.outcome == "complete"
    assert {f"m{number}@posten.example" for number in (*range(10), 11)} <= {row[2] for row in in_store(mailbox)}
    in_ledger = list(LedgerEntry.objects.values_list("reason", flat=True))
    half_read = list(Copy.objects.filter(body__complete=False).values_list("body__defects", flat=True))
    assert (Copy.objects.count() + len(in_ledger), len(in_ledger) + len(half_read)) == (12, 1), (in_ledger, half_read)
