"""Mails that look alike, or are the same: none hides, replaces or doubles another (I2, I12).

After each: both mailboxes are whole by a plain IMAP client's list and by the product's own check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.faults.mailboxes import again, assert_whole
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, BOB, World, mail
from threadline.clock import now
from threadline.services import access
from threadline.storage.models import Body, Copy, Link, Mailbox, Message

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2", "I12")]


@dataclass
class Two:
    """Alice's mailbox and Bob's, in one company."""

    server: Dovecot
    alices: Mailbox
    bobs: Mailbox

    def settle(self) -> None:
        for _ in range(2):
            for mailbox in (self.alices, self.bobs):
                assert again(mailbox).outcome == "complete"
        assert_whole(self.alices, self.server)
        assert_whole(self.bobs, self.server, BOB)


@pytest.fixture
def two(world: World, dovecot: Dovecot) -> Two:
    return Two(dovecot, world.connect(dovecot), world.connect(dovecot, world.bob))


def texts(message: Message) -> set[str]:
    return {text.strip() for text in Body.objects.filter(message=message).values_list("text", flat=True)}


def test_one_message_id_with_different_content_is_held_as_often_as_it_is_there(two: Two) -> None:
    for number in range(5):
        two.server.deliver(ALICE, mail(1, text=f"version {number}"))
        two.server.deliver(ALICE, mail(1, text=f"version {number}", date=f"Mon, 0{number + 1} Jun 2026 10:00:00 +0000"))
        two.server.deliver(ALICE, mail(1, text="exactly the same"))
    two.settle()
    assert Copy.objects.filter(mailbox=two.alices).count() == 15
    seen = {text for message in Message.objects.all() for text in texts(message)}
    assert seen == {*(f"version {number}" for number in range(5)), "exactly the same"}
    assert Message.objects.count() == 5  # one for each Date; the first of them is that of those without another


def test_mails_without_a_message_id_are_held_each_by_itself(two: Two) -> None:
    for number in range(10):
        two.server.deliver(ALICE, mail(number, message_id="", subject="The same", text=f"number {number}"))
        two.server.deliver(BOB, mail(number, message_id="", subject="The same", text=f"number {number}"))
    two.settle()
    two.server.change_uidvalidity(ALICE)
    two.settle()
    assert Message.objects.count() == 10
    assert Copy.objects.count() == 20


def test_the_same_mail_in_two_mailboxes_and_in_inbox_and_sent_items_is_one_on_the_profile(two: Two) -> None:
    to_all = f"{ALICE}, {BOB}"
    two.server.deliver(ALICE, mail(1, to=to_all))
    two.server.deliver(BOB, mail(1, to=to_all))
    two.server.deliver(ALICE, mail(2, sender=ALICE, to=f"{ANNA}, {to_all}"), folder="Sent")
    two.server.deliver(ALICE, mail(2, sender=ALICE, to=f"{ANNA}, {to_all}"))
    two.server.deliver(BOB, mail(2, sender=ALICE, to=f"{ANNA}, {to_all}"))
    two.server.deliver(ALICE, mail(3, sender=ALICE, to=ALICE), folder="Sent")
    two.server.deliver(ALICE, mail(3, sender=ALICE, to=ALICE))
    two.settle()
    assert sorted(Message.objects.values_list("message_id", flat=True)) == [f"m{n}@posten.example" for n in (1, 2, 3)]
    assert [Copy.objects.filter(message__message_id=f"m{n}@posten.example").count() for n in (1, 2, 3)] == [2, 3, 2]
    assert sorted(Link.objects.values_list("message__message_id", flat=True)) == [
        "m1@posten.example",
        "m2@posten.example",
    ]


@pytest.mark.parametrize("forged_first", [True, False], ids=["the forgery first", "the true one first"])
@pytest.mark.parametrize("sender", [ANNA, "mallory@evil.example"], ids=["another body", "another sender"])
def test_a_forged_copy_neither_hides_nor_replaces_the_true_one(
    world: World, two: Two, sender: str, forged_first: bool
) -> None:
    true, forged = mail(1, text="Pay account 1."), mail(1, sender=sender, text="Pay account 666.")
    for raw in (forged, true) if forged_first else (true, forged):
        two.server.deliver(ALICE, raw)
        two.settle()
    held = Copy.objects.filter(mailbox=two.alices).select_related("body", "message")
    assert {copy.body.text.strip() for copy in held} == {"Pay account 1.", "Pay account 666."}
    linked = Message.objects.get(links__person=world.anna)
    assert linked.sender_address == ANNA
    assert "Pay account 1." in texts(linked)
    if sender != ANNA:
        assert texts(linked) == {"Pay account 1."}
        shown = access.copy_for(world.bob, linked)
        assert shown is not None
        assert "account 1." in shown.body.text
    elif not forged_first:
        shown = access.copy_for(world.bob, linked)
        assert shown is not None
        assert "account 1." in shown.body.text


@pytest.mark.parametrize("times_kept", [True, False], ids=["times are kept", "the server gives new times"])
def test_a_forged_copy_of_the_same_size_does_not_take_the_place_of_the_true_one_when_a_folder_is_renumbered(
    two: Two, times_kept: bool
) -> None:
    """The true one has not been read yet when the folder gets new numbers; the headers of both are the same."""
    true, forged = mail(1, text="Pay account 111."), mail(1, text="Pay account 666.")
    assert len(true) == len(forged)
    two.server.deliver(ALICE, forged, internaldate=now() - timedelta(hours=1))
    assert again(two.alices).outcome == "complete"
    two.server.deliver(ALICE, true, internaldate=now() - timedelta(hours=2))
    if not times_kept:
        Copy.objects.filter(mailbox=two.alices).update(provider_at=now() - timedelta(days=9))
    two.server.change_uidvalidity(ALICE)
    two.settle()
    held = Copy.objects.filter(mailbox=two.alices, where="here").select_related("body")
    assert sorted(copy.body.text.strip() for copy in held) == ["Pay account 111.", "Pay account 666."]
