"""One mailbox's trouble never holds up another, and a message that kills its reader is set aside (I7)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.mailboxes import account, again, assert_whole, connect_at, in_store
from tests.faults.meddler import Answer, Meddler, OnResponse
from tests.faults.proxy import FaultProxy
from tests.faults.test_odd_servers import renumbering
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, BOB, PASSWORD, World, mail
from threadline.clock import now
from threadline.domain.connection import State
from threadline.jobs.worker import Worker
from threadline.providers.mime.pool import Parser
from threadline.services.ledger import retry
from threadline.services.refresh import refresh
from threadline.services.refresh.ask import ask_for
from threadline.services.verify import verify
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


def refusing(answer: Answer, *commands: str) -> Callable[[Meddler], None]:
    def set_up(odd: Meddler) -> None:
        odd.on_command = lambda command: answer if command.startswith(commands) else None

    return set_up


def answering(instead: OnResponse) -> Callable[[Meddler], None]:
    def set_up(odd: Meddler) -> None:
        odd.on_response = instead

    return set_up


def by_drops(response: bytes) -> list[bytes]:
    time.sleep(0.5)
    return [response]


def breaking(response: bytes) -> list[bytes] | None:
    """The connection ends at every message."""
    return None if b"BODY[" in response and b" FETCH (" in response[:40] else [response]


TROUBLES: dict[str, Callable[[Meddler], None]] = {
    "NO to everything": refusing(Answer.NO, ""),
    "BAD to every FETCH": refusing(Answer.BAD, "UID FETCH"),
    "BYE at every EXAMINE": refusing(Answer.BYE, "EXAMINE"),
    "cut at the sign-in": refusing(Answer.DROP, "AUTHENTICATE", "LOGIN"),
    "cut at every message": answering(breaking),
    "slow at every word": answering(by_drops),
    "renumbered at every visit": answering(renumbering([])),
    "lengths that are wrong": answering(lambda response: [re.sub(rb"\{(\d+)\}", rb"{\g<1>9}", response)]),
    "no IMAP": answering(lambda _: [b"220 ftp.example ready\r\n"]),
}


@pytest.mark.invariant("I7")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_of_a_server_delays_another_mailbox(
    world: World, dovecot: Dovecot, worker: Worker, trouble: str
) -> None:
    """Alice's is refreshed over and over while her server is odd; each of Bob's mails is there within seconds."""
    account(dovecot, *range(10), sent=3)
    with Meddler(dovecot.port) as odd:
        troubled = connect_at(world, odd.port)
        well = world.connect(dovecot, world.bob)
        Mailbox.objects.filter(pk=well.pk).update(next_refresh_at=now(), refresh_requested_at=None)
        until(lambda: well.refreshes.filter(outcome="complete").exists(), worker, seconds=30)
        TROUBLES[trouble](odd)
        for number in (1, 2, 3):
            ask_for(troubled, None)
            until(lambda: leases.is_held(troubled) or troubled.refreshes.exists(), worker, seconds=30)
            dovecot.deliver(BOB, mail(number, to=BOB))
            began = time.monotonic()
            well.refresh_from_db()
            ask_for(well, None)
            until(lambda n=number: Copy.objects.filter(mailbox=well).count() == n, worker, seconds=10)  # type: ignore[misc]
            assert time.monotonic() - began < 10
            troubled.refresh_from_db()
        odd.behave()
        worker.close()
        troubled.refresh_from_db()
        assert troubled.refreshes.exists()
        well.refresh_from_db()
        assert well.state == State.CONNECTED.value


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


@pytest.mark.invariant("I2", "I7")
def test_a_message_at_which_the_server_hangs_up_stops_no_later_refresh(world: World, dovecot: Dovecot) -> None:
    """It came among others to a mailbox that was complete; from the ledger it is tried only when it is due."""
    account(dovecot, *range(5), sent=2)
    with Meddler(dovecot.port) as odd:
        mailbox = connect_at(world, odd.port)
        assert again(mailbox).outcome == "complete"
        odd.on_response = lambda said: None if b"zqpoison" in said else [said]
        for raw in (mail(10), mail(11), mail(12, text="zqpoison"), mail(13), mail(14), mail(15)):
            dovecot.deliver(ALICE, raw)
        assert again(mailbox).outcome == "complete"
        entry = LedgerEntry.objects.get()
        assert len(in_store(mailbox)) == 12
        for number in range(20, 23):
            dovecot.deliver(ALICE, mail(number))
            odd.commands.clear()
            assert again(mailbox).outcome == "complete"
            assert len(in_store(mailbox)) == 12 + number - 19
            assert not any(f"FETCH {entry.remote_id} " in command for command in odd.commands)
        mailbox.refresh_from_db()
        assert mailbox.state == State.CONNECTED.value
        assert verify(mailbox.pk).complete
        assert LedgerEntry.objects.get().attempts == entry.attempts
        odd.behave()
        retry(entry)
        assert again(mailbox).outcome == "complete"
        assert_whole(mailbox, dovecot)
