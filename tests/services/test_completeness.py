"""Completeness is measured against the server, and what is missing is brought back (I10, I11, I12)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.faults.mailboxes import account, again, assert_agrees, assert_whole, connect_at
from tests.faults.meddler import Answer, Meddler
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail
from threadline.services.verify import Check, FolderCheck, latest, verify
from threadline.storage.models import Body, Copy, Folder, LedgerEntry, Mailbox, Message

pytestmark = pytest.mark.needs("dovecot")
INBOX = "INBOX"


def inbox(check: Check) -> FolderCheck:
    return next(folder for folder in check.folders if folder.role == "inbox")


def sums(folder: FolderCheck) -> tuple[int, int, int, int, int]:
    return folder.on_server, folder.held, folder.ledger, folder.new, len(folder.missing)


@pytest.mark.invariant("I12")
def test_emails_lost_from_the_store_are_found_named_and_brought_back(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(30), sent=3)
    mailbox = world.connect(dovecot)
    again(mailbox)
    lost = {f"m{number}@posten.example" for number in (3, 14, 15, 29)}
    Copy.objects.filter(message__message_id__in=lost).delete()
    check = verify(mailbox.pk)
    assert {entry["message_id"] for entry in inbox(check).missing} == lost
    assert (inbox(check).repaired, sums(inbox(check)), check.complete) == (4, (30, 30, 0, 0, 4), True)
    assert_whole(mailbox, dovecot)
    kept = latest(mailbox)
    assert kept is not None
    assert (kept.complete, kept.on_server, kept.accounted_for) == (True, 33, 33)


@pytest.mark.invariant("I12")
def test_what_arrived_after_the_last_listing_is_new_and_not_missing(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.deliver(ALICE, mail(10))
    check = verify(mailbox.pk)
    assert (sums(inbox(check)), check.complete) == ((6, 5, 0, 1, 0), True)
    assert Copy.objects.count() == 5  # the next refresh brings it, in its turn


@pytest.mark.invariant("I12")
def test_an_entry_in_the_ledger_explains_what_is_not_held(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    again(mailbox)
    set_aside(mailbox, "m2@posten.example", due_in=timedelta(hours=6))
    check = verify(mailbox.pk)
    assert (sums(inbox(check)), check.complete) == ((5, 4, 1, 0, 0), True)


@pytest.mark.invariant("I12")
def test_what_the_ledger_holds_is_tried_again_when_it_is_due(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    again(mailbox)
    set_aside(mailbox, "m2@posten.example", due_in=timedelta(hours=6))
    again(mailbox)
    assert LedgerEntry.objects.count() == 1
    LedgerEntry.objects.update(next_try_at=timezone.now())
    assert again(mailbox).total("new") == 1
    assert_whole(mailbox, dovecot)


def test_what_is_gone_from_the_server_leaves_the_ledger(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    again(mailbox)
    set_aside(mailbox, "m2@posten.example", due_in=timedelta())
    dovecot.expunge(ALICE, "m2@posten.example")
    again(mailbox)
    assert not LedgerEntry.objects.exists()
    assert verify(mailbox.pk).complete


def test_a_check_forgets_what_was_set_aside_and_is_gone_from_the_server(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(4))
    mailbox = world.connect(dovecot)
    again(mailbox)
    folder = Folder.objects.get(mailbox=mailbox, role="inbox")
    known = {"mailbox": mailbox, "folder": folder, "generation": folder.generation, "first_at": timezone.now()}
    soon = timezone.now() + timedelta(days=6)
    for remote_id, next_try_at in (("900", soon), ("901", None)):  # the second is kept out on purpose
        LedgerEntry.objects.create(**known, remote_id=remote_id, reason="crashed", next_try_at=next_try_at)
    check = verify(mailbox.pk)
    assert (check.complete, sums(inbox(check))) == (True, (4, 4, 0, 0, 0))
    assert list(LedgerEntry.objects.values_list("remote_id", flat=True)) == ["901"]


def test_an_entry_under_a_void_number_leaves_the_ledger_when_the_folder_was_renumbered(
    world: World, dovecot: Dovecot
) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    again(mailbox)
    set_aside(mailbox, "m2@posten.example", due_in=timedelta(hours=6))
    dovecot.change_uidvalidity(ALICE)
    again(mailbox)
    assert_whole(mailbox, dovecot)


def set_aside(mailbox: Mailbox, message_id: str, *, due_in: timedelta) -> None:
    """Turn a held email into one that could not be read."""
    copy = Copy.objects.get(message__message_id=message_id)
    LedgerEntry.objects.create(
        mailbox=mailbox,
        folder=copy.folder,
        generation=copy.generation,
        remote_id=copy.remote_id,
        reason="timed_out",
        first_at=timezone.now(),
        next_try_at=timezone.now() + due_in,
    )
    message = copy.message
    copy.delete()
    Body.objects.filter(message=message).delete()
    message.delete()


def test_a_mailbox_that_was_never_listed_is_not_called_complete(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    check = verify(world.connect(dovecot).pk)
    assert (check.complete, sums(inbox(check))) == (False, (5, 0, 0, 0, 0))


@pytest.mark.invariant("I3", "I12")
def test_a_copy_held_and_not_on_the_server_is_looked_for_and_kept(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(5))
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.expunge(ALICE, "m1@posten.example")
    dovecot.move(ALICE, "m2@posten.example", INBOX, "Filed")
    check = verify(mailbox.pk)
    assert {entry["message_id"] for entry in inbox(check).unexpected} == {"m1@posten.example", "m2@posten.example"}
    places = dict(Copy.objects.exclude(where="here").values_list("message__message_id", "where"))
    assert places == {"m1@posten.example": "not_found", "m2@posten.example": "elsewhere"}
    assert_agrees(mailbox, dovecot)


@pytest.mark.invariant("I10", "I12")
def test_a_verification_of_a_renumbered_folder_finds_its_copies_again_first(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(20))
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.change_uidvalidity(ALICE)
    check = verify(mailbox.pk)
    assert (check.complete, sums(inbox(check))) == (True, (20, 20, 0, 0, 0))
    assert Body.objects.count() == 20


@pytest.mark.invariant("I10", "I12")
@pytest.mark.parametrize("rebound", [0, 7])
def test_a_verification_after_a_refresh_that_died_while_renumbering_doubles_nothing(
    world: World, dovecot: Dovecot, rebound: int
) -> None:
    account(dovecot, *range(20))
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.change_uidvalidity(ALICE)
    generation = str(dovecot.snapshot(ALICE)[INBOX].uidvalidity)
    # What a kill leaves: the new numbering is committed, and none or some of the copies have their new ids.
    Folder.objects.filter(mailbox=mailbox, role="inbox").update(generation=generation, cursor=None)
    some = list(Copy.objects.filter(folder__role="inbox").order_by("pk").values_list("pk", flat=True)[:rebound])
    Copy.objects.filter(pk__in=some).update(generation=generation)
    check = verify(mailbox.pk)
    assert (check.complete, sums(inbox(check))) == (True, (20, 20, 0, 0, 0))
    assert (Body.objects.count(), Copy.objects.count()) == (20, 20)
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I12")
def test_what_arrived_before_a_renumbering_that_was_cut_off_is_not_called_new(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(20))
    with Meddler(dovecot.port) as odd:
        mailbox = connect_at(world, odd.port)
        again(mailbox)
        dovecot.change_uidvalidity(ALICE)
        odd.on_command = lambda command: Answer.DROP if "HEADER" in command else None
        assert again(mailbox, seconds=2).outcome != "complete"
        odd.behave()
        check = verify(mailbox.pk)
    assert (check.complete, sums(inbox(check))) == (True, (20, 20, 0, 0, 0))
    assert (Body.objects.count(), Copy.objects.count()) == (20, 20)


@pytest.mark.invariant("I10")
def test_emails_without_a_message_id_are_found_again_after_renumbering(world: World, dovecot: Dovecot) -> None:
    account(dovecot)
    for number in range(5):
        dovecot.deliver(ALICE, mail(number, message_id=""))
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.change_uidvalidity(ALICE)
    assert again(mailbox).folders[0].to_fetch == 0
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I10")
def test_a_renamed_sent_folder_keeps_its_copies_and_fetches_nothing_again(world: World) -> None:
    with Dovecot(special_use=False) as server:
        account(server, *range(3), sent=10)
        mailbox = world.connect(server)
        again(mailbox)
        assert Copy.objects.filter(folder__role="sent").count() == 10
        server.rename_folder(ALICE, "Sent", "Sent Messages")
        report = again(mailbox)
        assert (report.outcome, report.total("to_fetch"), Copy.objects.count()) == ("complete", 0, 13)
        places = Copy.objects.exclude(folder__name=INBOX).values_list("folder__name", "where")
        assert set(places) == {("Sent Messages", "here")}
        assert verify(mailbox.pk).complete


@pytest.mark.invariant("I3")
def test_the_emails_of_a_deleted_folder_are_kept_and_said_to_be_not_found(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(3), sent=4)
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.delete_folder(ALICE, "Sent")
    assert again(mailbox).outcome == "complete"
    assert set(Copy.objects.filter(folder__name="Sent").values_list("where", flat=True)) == {"not_found"}
    assert Message.objects.count() == 7


@pytest.mark.invariant("I10")
def test_a_folder_made_anew_under_the_same_name_brings_its_new_emails(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(3), sent=4)
    mailbox = world.connect(dovecot)
    again(mailbox)
    dovecot.delete_folder(ALICE, "Sent")
    dovecot.create_folder(ALICE, "Sent")
    dovecot.deliver(ALICE, mail("s1", sender=ALICE, to="anna@posten.example"), folder="Sent")
    dovecot.deliver(ALICE, mail("s9", sender=ALICE, to="anna@posten.example"), folder="Sent")
    again(mailbox)
    assert_agrees(mailbox, dovecot)
    assert Message.objects.count() == 8
    assert verify(mailbox.pk).complete
