"""Servers that refuse, forget, renumber and contradict themselves: a real one, with an odd one's words in its mouth."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.faults.mailboxes import (
    account,
    again,
    assert_agrees,
    assert_whole,
    connect_at,
    forget_everything,
    in_store,
)
from tests.faults.meddler import DROP, Answer, Meddler
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, World, mail
from tests.sweep import sample
from tests.web.visiting import words
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.domain.errors import CursorLost
from threadline.services.connect import status
from threadline.services.latest_check import failed_checks
from threadline.services.verify import verify
from threadline.storage.models import Body, Copy, Folder, LedgerEntry, Mailbox

pytestmark = pytest.mark.needs("dovecot")
COMMANDS = 26  # that a small refresh gives, and a few more


@pytest.fixture
def odd(dovecot: Dovecot) -> Iterator[Meddler]:
    account(dovecot, *range(12), sent=3)
    with Meddler(dovecot.port) as meddler:
        yield meddler


@pytest.fixture
def mailbox(world: World, odd: Meddler) -> Mailbox:
    return connect_at(world, odd.port)


def at_command(number: int, answer: Answer) -> Callable[[str], Answer | None]:
    """This answer to the command with this number, and to no other."""
    seen: list[str] = []

    def decide(command: str) -> Answer | None:
        seen.append(command)
        return answer if len(seen) == number + 1 else None

    return decide


@pytest.mark.parametrize("first", [True, False], ids=["a first refresh", "a later refresh"])
@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.invariant("I2", "I1", "I4")
def test_a_server_that_fails_at_any_command_costs_nothing(
    world: World, mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, answer: Answer, first: bool
) -> None:
    again(mailbox)
    dovecot.deliver_many(ALICE, [Delivery(mail(f"old{number}")) for number in range(COMMANDS)])
    removed = [f"old{number}" for number in range(COMMANDS)]
    for number in sample(range(COMMANDS), 2):
        if first:
            forget_everything()
            mailbox = connect_at(world, odd.port)
        dovecot.deliver(ALICE, mail(f"{answer.name}{number}"))
        dovecot.deliver(ALICE, mail(f"s{answer.name}{number}", sender=ALICE), folder="Sent")
        dovecot.set_flags(ALICE, f"m{answer.name}{number}@posten.example", ["\\Flagged"])
        dovecot.expunge(ALICE, f"m{removed.pop()}@posten.example")
        before = dovecot.snapshot(ALICE)
        odd.on_command = at_command(number, answer)
        report = again(mailbox, seconds=2)
        mailbox.refresh_from_db()
        if report.outcome != "complete":
            assert report.sentence
            assert mailbox.state in {State.DELAYED.value, State.CONNECTED.value}
            assert mailbox.retry_at is not None
        odd.behave()
        LedgerEntry.objects.update(next_try_at=timezone.now())
        assert again(mailbox).outcome == "complete"
        assert_whole(mailbox, dovecot)
        assert dovecot.snapshot(ALICE) == before


@pytest.mark.parametrize(
    ("command", "answer"),
    sample(
        itertools.product(
            ["LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "ENABLE", "ID", "AUTHENTICATE"],
            [Answer.NO, Answer.BAD, Answer.BYE],
        ),
        6,
    ),
)
def test_a_server_that_never_takes_a_command_is_lived_with_or_named(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, command: str, answer: Answer
) -> None:
    odd.on_command = lambda given: answer if given.startswith(command) else None
    report = again(mailbox, seconds=2)
    mailbox.refresh_from_db()
    assert report.outcome == "complete" or (report.sentence and mailbox.state == State.DELAYED.value)
    assert Copy.objects.count() + LedgerEntry.objects.count() in {0, 15}
    odd.behave()
    Mailbox.objects.update(rejected_at=None)
    LedgerEntry.objects.update(next_try_at=timezone.now())
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, dovecot)


def uid_of(response: bytes) -> int | None:
    found = re.match(rb"\* \d+ FETCH \(.*?UID (\d+)", response)
    return int(found[1]) if found else None


def is_content(response: bytes) -> bool:
    return b"BODY[" in response and b" FETCH (" in response[:40]


def dropping(*uids: int) -> Callable[[bytes], Sequence[bytes] | None]:
    """The connection ends whenever the content of one of these is handed out from the Inbox."""
    return lambda response: DROP if is_content(response) and uid_of(response) in uids else [response]


@pytest.mark.invariant("I7", "I1")
def test_a_message_that_ends_the_connection_every_time_is_set_aside_and_the_others_are_held(
    world: World, dovecot: Dovecot
) -> None:
    account(dovecot, *range(60))
    with Meddler(dovecot.port) as odd:
        mailbox = connect_at(world, odd.port)
        odd.on_response = dropping(23, 41)
        reports = [again(mailbox) for _ in range(2)]
        assert reports[-1].outcome == "complete"
        assert sorted(LedgerEntry.objects.values_list("remote_id", "reason")) == [
            ("23", "unreadable_at_server"),
            ("41", "unreadable_at_server"),
        ]
        assert Copy.objects.count() == 58
        check = verify(mailbox.pk)
        assert (check.complete, check.folders[0].ledger) == (True, 2)
        dovecot.deliver(ALICE, mail(100))
        assert (again(mailbox).total("new"), LedgerEntry.objects.count()) == (1, 2)
        odd.behave()
        LedgerEntry.objects.update(next_try_at=timezone.now())
        assert again(mailbox).total("new") == 2
        assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I7")
def test_a_message_that_is_set_aside_and_due_again_stops_nothing(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(10))
    with Meddler(dovecot.port) as odd:
        mailbox = connect_at(world, odd.port)
        odd.on_response = dropping(5)
        again(mailbox)
        for attempts in (2, 3):
            LedgerEntry.objects.update(next_try_at=timezone.now())
            dovecot.deliver(ALICE, mail(100 + attempts))
            report = again(mailbox)
            assert (report.outcome, report.total("new")) == ("complete", 1)
            assert LedgerEntry.objects.get().attempts == attempts


@pytest.mark.invariant("I1")
def test_a_message_announced_and_not_yet_readable_is_fetched_when_it_is(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot
) -> None:
    odd.on_response = lambda response: [] if is_content(response) and uid_of(response) == 7 else [response]
    again(mailbox)
    assert LedgerEntry.objects.filter(reason="unreadable_at_server").exists()
    odd.behave()
    LedgerEntry.objects.update(next_try_at=timezone.now())
    again(mailbox)
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I1")
def test_a_message_listed_and_then_denied_by_a_lagging_replica_is_not_passed_over(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot
) -> None:
    again(mailbox)
    dovecot.deliver(ALICE, mail(100))
    uid = dovecot.snapshot(ALICE)["INBOX"].uids_of("m100@posten.example")[0]

    def lagging(response: bytes) -> Sequence[bytes]:
        if is_content(response) and uid_of(response) == uid:
            return []
        if odd.commands[-1].endswith(f" UID {uid}") and b"SEARCH" in response[:10]:
            return [re.sub(rb"ALL \d+", b"", response)]  # found nothing
        return [response]

    odd.on_response = lagging
    assert again(mailbox).total("new") == 0
    assert not LedgerEntry.objects.exists()
    odd.behave()
    assert again(mailbox).total("new") == 1
    assert_whole(mailbox, dovecot)


def renumbering(every: list[int]) -> Callable[[bytes], Sequence[bytes]]:
    """Another UIDVALIDITY whenever a folder is opened."""

    def instead(response: bytes) -> Sequence[bytes]:
        if b"[UIDVALIDITY " in response:
            every.append(1_000_000 + len(every))
            return [re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY %d" % every[-1], response)]
        return [response]

    return instead


@pytest.mark.invariant("I10")
def test_a_server_that_renumbers_at_every_visit_is_given_a_rest_and_named(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot
) -> None:
    again(mailbox)
    before, bodies = [row[2] for row in in_store(mailbox)], Body.objects.count()
    odd.on_response = renumbering([])
    reports = [again(mailbox) for _ in range(6)]
    last = reports[-1]
    assert (last.outcome, last.cause) == ("failed", Cause.FOLDER_RESTS)
    assert "renumbers INBOX again and again" in last.sentence
    assert [row[2] for row in in_store(mailbox)] == before
    assert Body.objects.count() == bodies
    odd.commands.clear()
    again(mailbox)
    assert not [command for command in odd.commands if "HEADER" in command or "BODY" in command]
    assert sum(report.total("to_fetch") for report in reports) == 0
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.who) == (State.DELAYED.value, "nobody")


@pytest.mark.invariant("I12")
def test_while_a_folder_rests_nothing_says_that_all_its_emails_are_here(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, client: Client
) -> None:
    again(mailbox)
    verify(mailbox.pk)
    assert status(mailbox)["completeness"]["complete"] is True
    client.force_login(mailbox.owner)
    assert "15 of 15 accounted for, checked" in words(client.get(reverse("folder", args=[mailbox.pk, "inbox"])))
    odd.on_response = renumbering([])
    for _ in range(5):
        again(mailbox)
    dovecot.deliver(ALICE, mail(100))
    with pytest.raises(CursorLost):
        verify(mailbox.pk)
    assert failed_checks([mailbox]).keys() == {mailbox.pk}
    mailbox.refresh_from_db()
    assert mailbox.cause == Cause.FOLDER_RESTS.value
    said = status(mailbox)["completeness"]
    assert (said["complete"], said["current"], said["accounted_for"]) == (None, False, 15)
    until = "New emails in that folder are not fetched until tomorrow"
    for page in ("settings", "company"):
        shown = words(client.get(reverse(page)))
        assert "renumbers one of this mailbox's folders again and again" in shown.replace("\u2019", "'")
        assert until in shown
        assert "not checked since, because the last refresh did not complete" in shown
        assert "No break since" not in shown
    emails = words(client.get(reverse("folder", args=[mailbox.pk, "inbox"])))
    assert "15 of 15 accounted for when last checked, " in emails
    assert "15 of 15 accounted for, checked" not in emails


@pytest.mark.invariant("I10")
def test_after_its_rest_a_renumbered_folder_is_read_again(mailbox: Mailbox, odd: Meddler, dovecot: Dovecot) -> None:
    again(mailbox)
    odd.on_response = renumbering([])
    for _ in range(5):
        again(mailbox)
    odd.behave()
    dovecot.deliver(ALICE, mail(100))
    mailbox.refreshes.update(started_at=timezone.now() - timedelta(days=2))
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I10")
@pytest.mark.parametrize("difference", [-1, 1, -1000])
def test_a_folder_renumbered_once_upwards_or_downwards_is_read_by_its_headers(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, difference: int
) -> None:
    again(mailbox)
    bodies = Body.objects.count()
    dovecot.deliver(ALICE, mail(100))

    def shifted(response: bytes) -> Sequence[bytes]:
        return [
            re.sub(
                rb"UIDVALIDITY (\d+)", lambda found: b"UIDVALIDITY %d" % max(1, int(found[1]) + difference), response
            )
        ]

    odd.on_response = shifted
    report = again(mailbox)
    assert (report.outcome, report.total("to_fetch")) == ("complete", 1)
    assert Body.objects.count() == bodies + 1
    assert_agrees(mailbox, dovecot)
    assert verify(mailbox.pk).complete
    odd.behave()  # and back again
    assert again(mailbox).outcome == "complete"
    assert Body.objects.count() == bodies + 1
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I3")
def test_a_status_that_is_stale_costs_a_refresh_and_no_email(mailbox: Mailbox, odd: Meddler, dovecot: Dovecot) -> None:
    """The server's STATUS of other folders does not yet know what was filed there."""
    dovecot.create_folder(ALICE, "Clients")
    again(mailbox)
    dovecot.move(ALICE, "m4@posten.example", "INBOX", "Clients")
    stale = rb"(STATUS \"?Clients\"? \(.*?)UIDNEXT \d+"
    replaced_any: list[bytes] = []

    def lagging(response: bytes) -> Sequence[bytes]:
        instead = re.sub(stale, rb"\1UIDNEXT 1", response)
        if instead != response:
            replaced_any.append(instead)
        return [instead]

    odd.on_response = lagging
    assert again(mailbox).outcome == "complete"
    assert replaced_any
    moved = Copy.objects.get(message__message_id="m4@posten.example")
    assert moved.where == "not_found"
    odd.behave()
    dovecot.deliver(ALICE, mail(100))
    assert again(mailbox).outcome == "complete"
    moved.refresh_from_db()
    assert (moved.where, moved.where_folder) == ("elsewhere", "Clients")
    assert_whole(mailbox, dovecot)


def without(code: bytes) -> Callable[[bytes], Sequence[bytes]]:
    return lambda response: [] if b"[" + code in response else [response]


def replaced(pattern: bytes, by: bytes) -> Callable[[bytes], Sequence[bytes]]:
    return lambda response: [re.sub(pattern, by, response)]


ODDITIES: dict[str, Callable[[bytes], Sequence[bytes]]] = {
    "UIDNEXT missing": without(b"UIDNEXT"),
    "UIDNEXT too low": replaced(rb"UIDNEXT \d+", b"UIDNEXT 1"),
    "HIGHESTMODSEQ missing": without(b"HIGHESTMODSEQ"),
    "HIGHESTMODSEQ gone down": replaced(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 1"),
    "EXISTS too low": replaced(rb"^\* \d+ EXISTS", b"* 1 EXISTS"),
    "every FETCH twice": lambda response: [response, response] if b" FETCH (" in response[:40] else [response],
    "EXISTS in between": lambda response: [response, b"* 99 EXISTS\r\n"] if is_content(response) else [response],
    "flags of others in between": lambda response: (
        [b"* 1 FETCH (FLAGS (\\Seen))\r\n", response] if is_content(response) else [response]
    ),
}


@pytest.mark.parametrize("oddity", ODDITIES)
@pytest.mark.invariant("I12")
def test_whatever_its_numbers_say_everything_is_found(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot, oddity: str
) -> None:
    odd.on_response = ODDITIES[oddity]
    for number in range(3):
        dovecot.deliver(ALICE, mail(100 + number))
        dovecot.deliver(ALICE, mail(f"s{100 + number}", sender=ALICE), folder="Sent")
        dovecot.expunge(ALICE, f"m{number}@posten.example")
        assert again(mailbox).outcome == "complete"
        assert_agrees(mailbox, dovecot)
    odd.behave()
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I3")
def test_a_listing_that_leaves_out_a_large_share_is_done_again_before_it_is_believed(
    mailbox: Mailbox, odd: Meddler, dovecot: Dovecot
) -> None:
    again(mailbox)
    Folder.objects.update(cursor=None)
    listings: list[bytes] = []

    def forgetful(response: bytes) -> Sequence[bytes]:
        if response.startswith(b"* ESEARCH") and not listings:
            listings.append(response)
            return [re.sub(rb"ALL [\d:,]+", b"ALL 1:3", response)]
        return [response]

    odd.on_response = forgetful
    again(mailbox)
    assert listings
    assert set(Copy.objects.values_list("where", flat=True)) == {"here"}
    odd.behave()
    again(mailbox)
    assert_whole(mailbox, dovecot)


def test_trouble_in_one_folder_does_not_stop_the_one_after_it(mailbox: Mailbox, odd: Meddler, dovecot: Dovecot) -> None:
    not_there = b"NO [NONEXISTENT] Mailbox doesn't exist: INBOX"
    odd.on_response = lambda response: [
        response.replace(b"OK [READ-ONLY] Examine", not_there)
        if odd.commands[-1].startswith('EXAMINE "INBOX"')
        else response
    ]
    report = again(mailbox)
    assert (report.outcome, report.cause) == ("partial", Cause.FOLDER_GONE)
    assert Copy.objects.filter(folder__role="sent").count() == 3
    odd.behave()
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, dovecot)
