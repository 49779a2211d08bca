"""The way to the server breaks after N bytes, for N swept across a whole session, in every manner.

Each time the refresh ends, in a state that says what happened; the next one makes the mailbox whole, nothing doubled.
"""

from __future__ import annotations

import ssl
import time
from typing import Literal

import pytest

from tests.faults.mailboxes import (
    account,
    again,
    assert_agrees,
    assert_nothing_is_doubled,
    assert_whole,
    connect_at,
    forget_everything,
    parser,
)
from tests.faults.proxy import Cut, FaultProxy
from tests.providers.imap.test_signing_in import to_loopback
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, World, mail
from tests.sweep import sample
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.providers.contract import Security, ServerSettings, Session
from threadline.providers.imap import open_session
from threadline.services.refresh import refresh
from threadline.services.refresh.report import Report
from threadline.services.sessions import stored
from threadline.storage.models import Mailbox

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2")]
How = Literal["close", "reset", "stall", "corrupt", "slow", "refuse"]
BREAKING: tuple[How, ...] = ("close", "reset", "stall", "slow", "refuse")
NETWORK = {Cause.CONNECTION_LOST, Cause.HOST_SILENT, Cause.HOST_REFUSED, Cause.SERVER_TROUBLE, Cause.NOT_A_MAIL_SERVER}
STEP = {"down": 499, "up": 23}  # bytes from one cut to the next, in a long run
SAMPLED = 2


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


def arrive(server: Dovecot, name: str) -> None:
    server.deliver_many(ALICE, [Delivery(mail(f"{name}x{number}", text="x\r\n" * 500)) for number in range(8)])
    server.deliver(ALICE, mail(f"{name}s", sender=ALICE, to="anna@posten.example"), folder="Sent")


def session_bytes(proxy: FaultProxy, mailbox: Mailbox, direction: str) -> int:
    """How many bytes a whole refresh takes that nothing disturbs."""
    proxy.reset_counts()
    assert again(mailbox).outcome == "complete"
    return proxy.bytes_down if direction == "down" else proxy.bytes_up


def assert_it_ends_and_comes_right(mailbox: Mailbox, proxy: FaultProxy, server: Dovecot) -> None:
    again(mailbox, seconds=0.3)
    assert_it_says_what_happened(mailbox)
    assert_nothing_is_doubled()
    proxy.behave()
    report = again(mailbox)
    assert report.outcome == "complete", report
    assert_whole(mailbox, server)


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("how", BREAKING)
def test_a_first_refresh_over_a_way_that_breaks_anywhere_costs_nothing(
    world: World, dovecot: Dovecot, how: How, direction: Literal["down", "up"]
) -> None:
    account(dovecot, *range(12), sent=3, size=1500)
    with FaultProxy(dovecot.port) as proxy:
        whole = session_bytes(proxy, connect_at(world, proxy.port), direction)
        for after in sample(range(0, whole, STEP[direction]), SAMPLED):
            forget_everything()
            mailbox = connect_at(world, proxy.port)
            proxy.behave(**{direction: Cut(after=after, how=how)})
            assert_it_ends_and_comes_right(mailbox, proxy, dovecot)


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("how", BREAKING)
def test_a_later_refresh_over_a_way_that_breaks_anywhere_costs_nothing(
    world: World, dovecot: Dovecot, how: How, direction: Literal["down", "up"]
) -> None:
    account(dovecot, *range(12), sent=3, size=1500)
    with FaultProxy(dovecot.port) as proxy:
        mailbox = connect_at(world, proxy.port)
        again(mailbox)
        arrive(dovecot, "measured")
        whole = session_bytes(proxy, mailbox, direction)
        for after in sample(range(0, whole, STEP[direction]), SAMPLED):
            arrive(dovecot, f"a{after}")
            dovecot.expunge(ALICE, f"a{after}x0@posten.example")
            proxy.behave(**{direction: Cut(after=after, how=how)})
            assert_it_ends_and_comes_right(mailbox, proxy, dovecot)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_byte_that_is_corrupted_on_its_way_through_tls_changes_no_email(
    world: World, dovecot: Dovecot, direction: Literal["down", "up"]
) -> None:
    account(dovecot, *range(12), sent=3, size=1500)
    trusting = ssl.create_default_context(cafile=str(dovecot.ca_file))
    mailbox = world.connect(dovecot)
    with FaultProxy(dovecot.tls_port) as proxy:

        def through_tls(seconds: float) -> Report:
            def opening(box: Mailbox) -> Session:
                settings = ServerSettings("localhost", proxy.port, Security.TLS, ALICE)
                return open_session(settings, stored(box), resolve=to_loopback, timeout=seconds, tls=trusting)

            return refresh(mailbox.pk, trigger="command", opening=opening, parser=parser())

        assert through_tls(5.0).outcome == "complete"
        arrive(dovecot, "measured")
        proxy.reset_counts()
        through_tls(5.0)
        whole = proxy.bytes_down if direction == "down" else proxy.bytes_up
        for after in sample(range(0, whole, STEP[direction]), 6):
            arrive(dovecot, f"a{after}")
            proxy.behave(**{direction: Cut(after=after, how="corrupt")})
            report = through_tls(0.3)
            mailbox.refresh_from_db()
            assert report.outcome == "complete" or (report.sentence and mailbox.state == State.DELAYED.value)
            proxy.behave()
            assert through_tls(5.0).outcome == "complete"
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
