"""The way to the server breaks after N bytes, for N swept across a whole session, in every manner.

Each time the refresh ends, in a state that says what happened; the next one makes the mailbox whole, nothing doubled.
"""

from __future__ import annotations

import time
from typing import Literal, get_args

import pytest

from tests.faults.mailboxes import account, again, assert_agrees, assert_nothing_is_doubled, assert_whole, connect_at
from tests.faults.proxy import Cut, FaultProxy
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail
from tests.sweep import sample
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.storage.models import Mailbox

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2")]
How = Literal["close", "reset", "stall", "corrupt"]
MANNERS: tuple[How, ...] = get_args(How)
NETWORK = {Cause.CONNECTION_LOST, Cause.HOST_SILENT, Cause.HOST_REFUSED, Cause.SERVER_TROUBLE, Cause.NOT_A_MAIL_SERVER}
STEP = 499  # bytes from one cut to the next, in a long run


def assert_it_says_what_happened(mailbox: Mailbox) -> None:
    mailbox.refresh_from_db()
    run = mailbox.refreshes.latest("pk")
    assert run.finished_at is not None
    if run.outcome == "complete":
        assert mailbox.state == State.CONNECTED.value
    else:
        assert (run.outcome in {"partial", "failed"}, mailbox.state) == (True, State.DELAYED.value)
        assert run.sentence
        assert Cause(run.cause) in NETWORK | {Cause.UNKNOWN, Cause.RENUMBERED, Cause.FOLDER_GONE}
        assert mailbox.retry_at is not None
        assert mailbox.who == "nobody"


@pytest.mark.parametrize("how", ["close", "reset", "stall"])
def test_a_connection_that_breaks_anywhere_costs_nothing(world: World, dovecot: Dovecot, how: How) -> None:
    account(dovecot, *range(25), sent=5, size=1500)
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        proxy.reset_counts()
        again(mailbox)
        whole_session = proxy.bytes_down
        assert_agrees(mailbox, dovecot)
        arrived = 100
        for after in sample(range(0, whole_session, STEP), 3 if how == "stall" else 6):
            for number in range(arrived, arrived + 15):
                dovecot.deliver(ALICE, mail(number, text="x\r\n" * 500))
            arrived += 15
            proxy.behave(down=Cut(after=after, how=how))
            again(mailbox, seconds=0.4)
            assert_it_says_what_happened(mailbox)
            assert_nothing_is_doubled()
            proxy.behave()
            assert again(mailbox).outcome == "complete"
            assert_agrees(mailbox, dovecot)
        assert_whole(mailbox, dovecot)


@pytest.mark.parametrize("how", ["close", "stall"])
def test_what_we_say_may_be_cut_off_as_well(world: World, dovecot: Dovecot, how: How) -> None:
    account(dovecot, *range(10))
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        for after in sample(range(0, 700, 23), 4):
            proxy.behave(up=Cut(after=after, how=how))
            again(mailbox, seconds=0.4)
            assert_it_says_what_happened(mailbox)
        proxy.behave()
        assert again(mailbox).outcome == "complete"
        assert_whole(mailbox, dovecot)


def test_a_corrupted_byte_ends_in_a_state_and_the_next_refresh_makes_it_whole(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(25), sent=5, size=300)
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        proxy.reset_counts()
        again(mailbox)
        for after in sample(range(0, proxy.bytes_down // 3, 41), 8):
            dovecot.deliver(ALICE, mail(f"c{after}"))
            proxy.behave(down=Cut(after=after, how="corrupt"))
            again(mailbox, seconds=0.4)
            assert_it_says_what_happened(mailbox)
            proxy.behave()
            again(mailbox)
            assert_nothing_is_doubled()
        again(mailbox)
        seen = set(dovecot.snapshot(ALICE)["INBOX"].messages)
        held = mailbox.copies.filter(where="here", folder__role="inbox").values_list("remote_id", flat=True)
        assert {int(uid) for uid in held} == seen


def test_a_connection_that_always_ends_after_a_while_still_gets_everything_in_the_end(
    world: World, dovecot: Dovecot
) -> None:
    account(dovecot, *range(120), size=3000)
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        proxy.behave(down=Cut(after=80_000, how="reset"))
        outcomes = [again(mailbox).outcome for _ in range(4)]
        assert outcomes[-1] == "complete"
        assert_agrees(mailbox, dovecot)
        proxy.behave()
        assert_whole(mailbox, dovecot)


def test_a_refused_connection_is_said_and_costs_nothing(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    dovecot.stop()
    report = again(mailbox)
    assert (report.outcome, report.cause) == ("failed", Cause.HOST_REFUSED)
    assert_it_says_what_happened(mailbox)
    dovecot.start()
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, dovecot)


def test_a_silent_server_ends_by_time_out(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        proxy.behave(hang=True)
        began = time.monotonic()
        assert again(mailbox, seconds=0.5).cause is Cause.HOST_SILENT
        assert time.monotonic() - began < 5
        proxy.behave()
        assert again(mailbox).outcome == "complete"


def test_a_slow_and_distant_server_is_only_slow(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(60), sent=5, size=500)
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        proxy.behave(latency=0.05, rate=200_000)
        assert again(mailbox).outcome == "complete"
        proxy.behave()
        assert_whole(mailbox, dovecot)
