"""Headings first: a large folder over a slow link is listed and linked before its texts come, and ends as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.mailboxes import (
    account,
    again,
    assert_agrees,
    assert_whole,
    connect_at,
    forget_everything,
    impatient,
    parser,
)
from tests.faults.meddler import Answer, Meddler
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, ANNA, World, mail
from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import MessageGone, MessageUnreadable, Transient
from threadline.domain.folders import Role
from threadline.providers.contract import Content, FetchFailure, RemoteFolder, RemoteItem, Session
from threadline.services import messages
from threadline.services.refresh import batches, headings, load, refresh
from threadline.services.refresh.report import Report
from threadline.services.verify import verify
from threadline.storage.models import Body, Copy, LedgerEntry, Link, Mailbox, Message, Participant

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I1", "I2")]

INVITATION = (
    "MIME-Version: 1.0\r\nContent-Type: text/calendar; method=REQUEST\r\n",
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR",
)
ODD = (
    mail("calendar", headers=INVITATION[0], text=INVITATION[1]),
    mail("nameless", message_id=""),
    mail("twin", text="one text"),
    mail("twin", text="another text"),
    mail("twin", subject="Another subject", text="one text"),
    mail("answer", headers="In-Reply-To: <m3@posten.example>\r\nReferences: <m3@posten.example>\r\n"),
    mail("empty", text=" "),
    mail("html", headers="Content-Type: text/html\r\n", text="<p>Shown <b>bold</b></p>"),
    mail("bulk", headers="List-Id: <news.posten.example>\r\n"),
    mail("nobody", to="", sender="not an address"),
    mail("self", sender=ALICE, to=f"{ANNA}, {ALICE}"),
)


@pytest.fixture(autouse=True)
def _a_slow_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the link were slow, and each folder large."""
    monkeypatch.setattr(headings, "PAYS_AFTER", 0.0)
    monkeypatch.setattr(headings, "AT_LEAST", 6)
    monkeypatch.setattr(headings, "CHUNK", 4)
    for module in (batches, load):
        monkeypatch.setattr(module, "FIRST_COUNT", 3)
    monkeypatch.setattr(batches, "BATCH_COUNT", 5)
    monkeypatch.setattr(batches, "MANY", 6)


class Ends:
    """A session that ends when so many emails were handed out, or answers otherwise for some of them."""

    def __init__(self, session: Session, after: int, instead: dict[str, Exception] | None = None) -> None:
        self._session, self._left, self._instead = session, after, instead or {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *args: object) -> None:
        self._session.close()

    def fetch(self, folder: RemoteFolder, generation: str, items: list[RemoteItem]) -> Iterator[Content | FetchFailure]:
        for item in items:
            if item.remote_id in self._instead:
                yield FetchFailure(item, self._instead[item.remote_id])  # type: ignore[arg-type]
        wanted = [item for item in items if item.remote_id not in self._instead]
        for answer in self._session.fetch(folder, generation, wanted):
            if not self._left:
                raise Transient("The provider asks for patience.", cause=Cause.THROTTLED)
            self._left -= 1
            yield answer


def ending(after: int, instead: dict[str, Exception] | None = None) -> Callable[[Mailbox], Any]:
    return lambda mailbox: Ends(impatient(20)(mailbox), after, instead)


def refreshed(mailbox: Mailbox, after: int, instead: dict[str, Exception] | None = None) -> str:
    return refresh(mailbox.pk, trigger="command", opening=ending(after, instead), parser=parser()).outcome


def interrupted(world: World, server: Dovecot, after: int = 3) -> Mailbox:
    """Twelve emails, all announced, of which so many came whole before the refresh ended."""
    account(server, *range(12))
    mailbox = world.connect(server)
    assert refreshed(mailbox, after) == "partial"
    return mailbox


def awaiting() -> int:
    return Copy.objects.filter(awaits_text=True).count()


def test_all_are_listed_and_linked_while_the_texts_are_still_to_come(world: World, dovecot: Dovecot) -> None:
    mailbox = interrupted(world, dovecot)
    assert_agrees(mailbox, dovecot)
    assert awaiting() == 9
    assert Link.objects.filter(person=world.anna, detached=False).count() == 12
    whole = Copy.objects.filter(awaits_text=False).values_list("message__message_id", flat=True)
    assert set(whole) == {f"m{number}@posten.example" for number in (11, 10, 9)}, "the newest come first"
    assert {copy.body.text for copy in Copy.objects.filter(awaits_text=True).select_related("body")} == {""}


def test_what_awaits_its_text_is_not_taken_for_held(world: World, dovecot: Dovecot) -> None:
    mailbox = interrupted(world, dovecot)
    folder = mailbox.folders.get(role="inbox")
    assert folder.cursor is None
    assert len(load.held_ids(folder)) == 3
    check = verify(mailbox.pk)
    (inbox,) = (one for one in check.folders if one.role == "inbox")
    assert (inbox.held, check.complete) == (3, False)


def test_the_next_refresh_brings_what_did_not_come(world: World, dovecot: Dovecot) -> None:
    mailbox = interrupted(world, dovecot)
    assert refreshed(mailbox, 4) == "partial"
    assert awaiting() == 5
    report = again(mailbox)
    assert (report.outcome, report.total("new")) == ("complete", 5)
    assert_whole(mailbox, dovecot)
    assert awaiting() == 0
    assert Body.objects.count() == 12
    for number in range(12):
        found = messages.search_in(mailbox, f"zebra{number}")
        copies = messages.listing(mailbox, Role.INBOX, found=found).copies
        assert f"m{number}@posten.example" in {copy.message.message_id for copy in copies}


def test_a_check_repairs_what_still_awaits_its_text(world: World, dovecot: Dovecot) -> None:
    """As a server that loses its cursor would leave it."""
    mailbox = interrupted(world, dovecot)
    again(mailbox)
    folder = mailbox.folders.get(role="inbox")
    Copy.objects.filter(folder=folder, remote_id__in=["2", "5"]).update(awaits_text=True)
    check = verify(mailbox.pk)
    (inbox,) = (one for one in check.folders if one.role == "inbox")
    assert (sorted(one["id"] for one in inbox.missing), inbox.repaired) == (["2", "5"], 2)
    assert_whole(mailbox, dovecot)


def contents() -> dict[str, list[Any]]:
    """Everything a reader may see, without the numbers of rows. Which copy gave a message its subject is by chance."""
    copies = Copy.objects.select_related("message", "body", "folder")
    return {
        "copies": sorted(
            str(
                (
                    copy.folder.name,
                    copy.remote_id,
                    copy.message.key,
                    copy.subject,
                    copy.sender_name,
                    copy.size,
                    copy.bcc,
                )
            )
            + str((copy.body.text, copy.body.html, copy.body.recipients, copy.body.attachments, copy.body.references))
            + str((copy.decided_at, copy.provider_at, copy.seen, copy.where, copy.body.complete, copy.body.defects))
            for copy in copies
        ),
        "messages": sorted(Message.objects.values_list("key", "sender_address", "kind", "message_id_digest")),
        "people": sorted(
            map(str, Participant.objects.values_list("message__key", "role", "address__key", "copy__size"))
        ),
        "links": sorted(Link.objects.values_list("message__key", "person__name", "role", "detached")),
        "together": sorted(
            sorted(Message.objects.filter(conversation_id=one).values_list("key", flat=True))
            for one in set(Message.objects.values_list("conversation_id", flat=True))
        ),
    }


def mixed(server: Dovecot) -> None:
    account(server, *range(6))
    server.deliver_many(ALICE, [Delivery(raw) for raw in ODD])
    blind = mail("blind", sender=ALICE, to=ANNA, headers="Bcc: secret@posten.example\r\n")
    sent = [mail(f"s{number}", sender=ALICE, to=ANNA) for number in range(5)]
    server.deliver_many(ALICE, [Delivery(raw, folder="Sent") for raw in (*sent, blind, ODD[-1])])


def test_it_ends_as_a_load_without_headings_does(
    world: World, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed(dovecot)
    for after in (3, 0, 7, 11):
        mailbox = world.connect(dovecot)
        assert refreshed(mailbox, after) == ("partial" if after else "failed")
        if after:
            assert awaiting()
        assert again(mailbox).outcome == "complete"
        assert awaiting() == 0
        headings_first = contents()
        assert_whole(mailbox, dovecot)
        forget_everything()
        with monkeypatch.context() as plain:
            plain.setattr(headings, "AT_LEAST", 1_000)
            assert again(world.connect(dovecot)).outcome == "complete"
        assert headings_first == contents()
        forget_everything()


class Stopped(BaseException):
    """As a process that ends here, whatever it was about to do."""


def stopping_after(steps: int) -> Callable[[Report, str], None]:
    left = iter(range(steps))

    def watch(report: Report, step: str) -> None:
        if next(left, None) is None:
            raise Stopped

    return watch


def test_a_refresh_that_stops_after_any_step_is_made_whole_by_the_next(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(12), sent=7)
    announced = steps = 0
    while True:
        forget_everything()
        mailbox = world.connect(dovecot)
        try:
            refresh(mailbox.pk, trigger="command", opening=impatient(20), parser=parser(), watch=stopping_after(steps))
        except Stopped:
            announced += awaiting() > 0
        else:
            break
        assert again(mailbox).outcome == "complete"
        assert_whole(mailbox, dovecot)
        assert Body.objects.count() == 19
        steps += 1
    assert announced > 3


def test_over_a_link_that_is_fast_enough_nothing_is_announced(
    world: World, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headings, "PAYS_AFTER", 60.0)
    account(dovecot, *range(12))
    report = again(world.connect(dovecot))
    assert (report.outcome, report.total("announced"), report.total("new")) == ("complete", 0, 12)


def test_a_folder_renumbered_meanwhile_is_loaded_whole(world: World, dovecot: Dovecot) -> None:
    mailbox = interrupted(world, dovecot)
    dovecot.change_uidvalidity(ALICE)
    assert again(mailbox).outcome == "complete"
    assert awaiting() == 0
    assert_whole(mailbox, dovecot)
    assert Copy.objects.count() == 12


def test_what_left_before_its_text_came_stays_with_its_heading(world: World, dovecot: Dovecot) -> None:
    mailbox = interrupted(world, dovecot)
    dovecot.expunge(ALICE, "m1@posten.example")
    dovecot.move(ALICE, "m2@posten.example", "INBOX", "Archive")
    assert again(mailbox).outcome == "complete"
    gone, moved = (Copy.objects.get(message__message_id=f"m{number}@posten.example") for number in (1, 2))
    assert (gone.where, moved.where, moved.where_folder) == ("not_found", "elsewhere", "Archive")
    assert gone.awaits_text
    assert moved.awaits_text
    assert_whole(mailbox, dovecot)
    dovecot.move(ALICE, "m2@posten.example", "Archive", "INBOX")  # back again, under another id
    assert again(mailbox).outcome == "complete"
    assert_whole(mailbox, dovecot)
    assert Copy.objects.get(message__message_id="m2@posten.example", where="here").body.text


def test_one_that_cannot_be_had_stays_with_its_heading_and_with_what_a_person_decided(
    world: World, dovecot: Dovecot
) -> None:
    mailbox = interrupted(world, dovecot)
    links = Link.objects.filter(message__message_id="m3@posten.example")
    assert links.update(detached=True) == 1  # taken off the profile by hand meanwhile
    damaged: dict[str, Exception] = {"4": MessageUnreadable("The mail server does not hand it out.")}
    assert refreshed(mailbox, 100, damaged) == "complete"
    assert LedgerEntry.objects.get().remote_id == "4"
    assert awaiting() == 1
    (inbox,) = (one for one in verify(mailbox.pk).folders if one.role == "inbox")
    assert (inbox.held, inbox.ledger, inbox.complete) == (11, 1, True)
    LedgerEntry.objects.update(next_try_at=now())
    assert again(mailbox).outcome == "complete"
    assert links.get().detached
    assert_whole(mailbox, dovecot)


@pytest.mark.parametrize("answer", Answer)
def test_a_server_that_does_not_tell_headings_is_loaded_as_any_other(
    world: World, dovecot: Dovecot, answer: Answer
) -> None:
    account(dovecot, *range(12), sent=8)
    with Meddler(dovecot.port) as server:
        mailbox = connect_at(world, server.port)
        server.on_command = lambda command: answer if "HEADER.FIELDS (AUTO-SUBMITTED" in command else None
        report = again(mailbox)
        assert (report.outcome, report.total("new"), report.total("announced")) == ("complete", 20, 0)
        assert any("AUTO-SUBMITTED" in command for command in server.commands)
        assert_whole(mailbox, dovecot)


def test_one_that_is_gone_when_its_text_is_asked_for_is_looked_at_again(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(12))
    mailbox = world.connect(dovecot)
    assert refreshed(mailbox, 100, {"4": MessageGone()}) == "complete"
    assert awaiting() == 1  # the server still lists it: it has not left
    assert again(mailbox).outcome == "complete"
    assert awaiting() == 0
    assert_whole(mailbox, dovecot)


def test_a_colleague_who_has_it_whole_is_not_disturbed(world: World, dovecot: Dovecot) -> None:
    shared = [mail(f"both{number}", to=f"{ALICE}, bob@acme.example") for number in range(9)]
    dovecot.add_user("bob@acme.example", "an honest secret")
    dovecot.add_user(ALICE, "an honest secret")
    for user in (ALICE, "bob@acme.example"):
        dovecot.deliver_many(user, [Delivery(raw) for raw in shared])
    assert again(world.connect(dovecot, world.bob)).outcome == "complete"
    mailbox = world.connect(dovecot)
    assert refreshed(mailbox, 3) == "partial"
    assert Message.objects.count() == 9
    bobs = Copy.objects.filter(mailbox__owner=world.bob)
    assert not bobs.filter(awaits_text=True).exists()
    assert all(copy.body.text for copy in bobs.select_related("body"))
    assert again(mailbox).outcome == "complete"
    assert Body.objects.count() == 9
