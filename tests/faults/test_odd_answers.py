"""Answers that are wrong in themselves, from a real server with an odd one's words in its mouth.

After each: the refresh has ended in a state that says what happened, the next one with a server that behaves makes it
whole, a plain IMAP client lists the same, and the product's own check says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from tests.faults.mailboxes import account, again, assert_nothing_is_doubled, assert_whole, connect_at
from tests.faults.meddler import DROP, Meddler, OnResponse
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail
from tests.sweep import sample
from threadline.domain.connection import State
from threadline.storage.models import LedgerEntry, Mailbox

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2", "I12")]
CONTENT = re.compile(rb"^\* \d+ FETCH \([^\r\n]*BODY\[")
LITERAL = re.compile(rb"\{(\d+)\}\r\n")
RESPONSES = 70  # that a first and a later refresh of a small mailbox get, and a few more


@pytest.fixture
def odd(dovecot: Dovecot) -> Iterator[Meddler]:
    account(dovecot, *range(12), sent=3)
    with Meddler(dovecot.port) as meddler:
        yield meddler


@pytest.fixture(params=["a first refresh", "a later refresh"])
def mailbox(request: pytest.FixtureRequest, world: World, odd: Meddler, dovecot: Dovecot) -> Mailbox:
    """Twelve mails in the Inbox and three in Sent items: all of them to be loaded, or the last few of them."""
    connected = connect_at(world, odd.port)
    if request.param == "a later refresh":
        again(connected)
        bring_more(dovecot, "later")
    odd.commands.clear()
    return connected


def bring_more(server: Dovecot, name: str) -> None:
    for number in range(4):
        server.deliver(ALICE, mail(f"{name}{number}", text="A line of some length.\r\n" * 20))
    server.deliver(ALICE, mail(f"s{name}", sender=ALICE, to="anna@posten.example"), folder="Sent")


def assert_it_ends_and_comes_right(mailbox: Mailbox, odd: Meddler, server: Dovecot) -> None:
    report = again(mailbox, seconds=0.3)
    mailbox.refresh_from_db()
    assert mailbox.refreshes.latest("pk").finished_at is not None
    if report.outcome != "complete":
        assert report.sentence
        assert mailbox.state == State.DELAYED.value
        assert mailbox.retry_at is not None
    assert_nothing_is_doubled()
    odd.behave()
    LedgerEntry.objects.update(next_try_at=timezone.now())
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, server)


# --- Literals whose length is wrong -----------------------------------------------------------------------------------


def announced(difference: int, *, once: bool) -> OnResponse:
    """The length of a message is announced as so much more than it is."""
    seen: list[bytes] = []

    def instead(response: bytes) -> list[bytes | None]:
        if not CONTENT.match(response) or (once and seen):
            return [response]
        seen.append(response)
        return [LITERAL.sub(lambda found: b"{%d}\r\n" % max(0, int(found[1]) + difference), response, count=1)]

    return instead


@pytest.mark.parametrize("once", [True, False], ids=["once", "always"])
@pytest.mark.parametrize("difference", sample([-1000, -1, -7, -100, 1, 7, 100, 100_000, 10**9, 10**18], 4))
def test_a_wrong_length_ends_in_a_state_and_hides_nothing(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, difference: int, once: bool
) -> None:
    odd.on_response = announced(difference, once=once)
    assert_it_ends_and_comes_right(mailbox, odd, dovecot)


# --- FETCH answers ----------------------------------------------------------------------------------------------------


def in_reverse() -> OnResponse:
    """FETCH answers are held back and come in the opposite order, before what ends their command."""
    held: list[bytes] = []

    def instead(response: bytes) -> list[bytes | None]:
        if re.match(rb"\* \d+ FETCH ", response):
            held.append(response)
            return []
        given = [*reversed(held), response]
        held.clear()
        return list(given)

    return instead


def in_fetch(change: Callable[[bytes], list[bytes | None]]) -> OnResponse:
    return lambda response: change(response) if re.match(rb"\* \d+ FETCH ", response) else [response]


def in_content(change: Callable[[bytes], list[bytes | None]]) -> OnResponse:
    return lambda response: change(response) if CONTENT.match(response) else [response]


def without_uid(response: bytes) -> bytes:
    head, found, rest = response.partition(b"\r\n")
    return re.sub(rb"UID \d+ ?", b"", head, count=1) + found + rest


ODD_ANSWERS: dict[str, Callable[[], OnResponse]] = {
    "out of order": in_reverse,
    "doubled": lambda: in_fetch(lambda response: [response, response]),
    "doubled, out of order": lambda: in_fetch(lambda response: [b"* 1 FETCH (FLAGS ())\r\n", response, response]),
    "without UID": lambda: in_fetch(lambda response: [without_uid(response)]),
    "content without UID": lambda: in_content(lambda response: [without_uid(response)]),
    "without FLAGS": lambda: in_fetch(lambda response: [re.sub(rb" ?FLAGS \([^)]*\)", b"", response, count=1)]),
    "EXPUNGE of another, said and not done": lambda: in_content(lambda response: [b"* 1 EXPUNGE\r\n", response]),
    "VANISHED of another, said and not done": lambda: in_content(lambda response: [b"* VANISHED 1\r\n", response]),
    "EXISTS": lambda: in_content(lambda response: [b"* 999 EXISTS\r\n", b"* 3 RECENT\r\n", response]),
    "EXISTS of nothing": lambda: in_content(lambda response: [b"* 0 EXISTS\r\n", response]),
    "empty content": lambda: in_content(
        lambda response: [LITERAL.sub(b"{0}\r\n", response.split(b"}\r\n")[0] + b"}\r\n") + b")\r\n"]
    ),
    "NIL for content": lambda: in_content(
        lambda response: [re.sub(rb"\{\d+\}\r\n.*", b"NIL)\r\n", response, flags=re.DOTALL)]
    ),
    "words that are not IMAP": lambda: in_content(lambda response: [b"* 1 FETCH ((((\r\n", response]),
}


@pytest.mark.parametrize("oddity", ODD_ANSWERS)
def test_odd_answers_to_fetch_hide_nothing_and_double_nothing(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, oddity: str
) -> None:
    odd.on_response = ODD_ANSWERS[oddity]()
    assert_it_ends_and_comes_right(mailbox, odd, dovecot)


def test_an_expunge_in_the_middle_of_a_fetch_is_found_gone_and_nothing_else_is(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot
) -> None:
    """Another program really removes two, while their neighbours are handed out."""
    done: list[str] = []

    def instead(response: bytes) -> list[bytes | None]:
        if CONTENT.match(response) and not done:
            done.append("removed")
            dovecot.expunge(ALICE, "m2@posten.example")
            dovecot.expunge(ALICE, "m11@posten.example")
            return [response, b"* 3 EXPUNGE\r\n", b"* 11 EXPUNGE\r\n"]
        return [response]

    odd.on_response = instead
    assert_it_ends_and_comes_right(mailbox, odd, dovecot)
    assert done


# --- Goodbye at every stage -------------------------------------------------------------------------------------------


def goodbye_at(number: int) -> OnResponse:
    """In place of the response with this number: the greeting, in the middle of a list, between two messages."""
    seen: list[bytes] = []

    def instead(response: bytes) -> list[bytes | None]:
        seen.append(response)
        return [response] if len(seen) != number + 1 else [b"* BYE Server shutting down\r\n", DROP]

    return instead


def test_goodbye_in_place_of_any_response_costs_nothing(mailbox: Mailbox, odd: Meddler, dovecot: Dovecot) -> None:
    for number in sample(range(RESPONSES), 3):
        bring_more(dovecot, f"bye{number}x")
        odd.on_response = goodbye_at(number)
        assert_it_ends_and_comes_right(mailbox, odd, dovecot)
