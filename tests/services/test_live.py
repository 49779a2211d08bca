"""Looking in the live account for what is not held: what is held costs nothing, and a search has an end."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.faults.mailboxes import account
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, World, mail, run
from threadline.providers.contract import Query
from threadline.services import live
from threadline.storage.models import Mailbox

pytestmark = pytest.mark.needs("dovecot")

ANY = Query(subject="Subject")


def filed(server: Dovecot, *numbers: int) -> None:
    server.deliver_many(ALICE, [Delivery(mail(number), folder="Archive") for number in numbers])


def looked(world: World, mailbox: Mailbox, at_most: int = 25) -> tuple[list[str], bool]:
    search = live.search_live(mailbox, ANY, world.anna, at_most=at_most)
    return sorted(one.subject for one in search.diagnoses), search.more


def test_what_is_held_is_not_found_again_not_even_as_a_copy_elsewhere(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1, 2)
    mailbox = world.connect(dovecot)
    run(mailbox)
    filed(dovecot, 1, 7)  # one that the Inbox has too, and one that only this folder has
    assert looked(world, mailbox) == (["Subject 7"], False)


def test_what_arrived_since_the_refresh_is_found(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    run(mailbox)
    dovecot.deliver_many(ALICE, [Delivery(mail(2))])
    assert looked(world, mailbox) == (["Subject 2"], False)


def test_emails_without_a_message_id_in_a_folder_that_is_not_synced_are_found(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    run(mailbox)
    dovecot.deliver_many(ALICE, [Delivery(mail(5, message_id=""), folder="Archive")])
    assert looked(world, mailbox) == (["Subject 5"], False)


def test_the_same_ids_in_a_renumbered_folder_are_looked_at(world: World, dovecot: Dovecot) -> None:
    """A remote id is known with its generation only; another generation's says nothing."""
    account(dovecot, 1, 2)
    mailbox = world.connect(dovecot)
    run(mailbox)
    dovecot.expunge(ALICE, "m1@posten.example")
    dovecot.change_uidvalidity(ALICE)
    dovecot.deliver_many(ALICE, [Delivery(mail(3))])
    assert looked(world, mailbox) == (["Subject 3"], False)


def test_it_ends_when_there_is_enough_to_show_and_says_that_there_may_be_more(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    run(mailbox)
    filed(dovecot, *range(10, 16))
    found, more = looked(world, mailbox, at_most=4)
    assert len(found) == 4
    assert more
    assert looked(world, mailbox, at_most=6)[1] is False


def test_it_costs_the_same_however_many_are_held(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    run(mailbox)
    filed(dovecot, 7)

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert looked(world, mailbox) == (["Subject 7"], False)
        return len(asked)

    before = cost()
    dovecot.deliver_many(ALICE, [Delivery(mail(number)) for number in range(100, 160)])
    run(mailbox)
    filed(dovecot, *range(100, 160))  # held, and there again in a folder that is not synced
    assert cost() == before
