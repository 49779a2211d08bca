"""One refresh per mailbox at a time, on whichever store (I5); new credentials are there before they are used (I6)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, connections

from tests.faults.mailboxes import account, again, assert_whole
from tests.servers.dovecot import Dovecot
from tests.services.test_storing_fails import failing_write
from tests.services.world import ALICE, PASSWORD, World
from threadline.domain.errors import NeedsUser
from threadline.providers.contract import Session
from threadline.services import connect, sessions
from threadline.services.sessions import Credentials, open_mailbox
from threadline.storage import leases
from threadline.storage.models import Mailbox, Refresh, Secret

pytestmark = pytest.mark.needs("dovecot")


def together(*work: Callable[[], object]) -> list[BaseException]:
    """Run these at the same time, each with a connection of its own; what they raised."""
    raised: list[BaseException] = []
    ready = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        try:
            ready.wait(10)
            one()
        except Exception as error:  # noqa: BLE001  # handed to the test
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


@pytest.mark.invariant("I5")
def test_of_refreshes_started_at_once_one_works_and_the_others_hear_that_it_does(
    world: World, dovecot: Dovecot
) -> None:
    account(dovecot, *range(60))
    mailbox = world.connect(dovecot)
    raised = together(*[lambda: again(mailbox)] * 4)
    assert {type(error) for error in raised} <= {leases.Busy}
    assert Refresh.objects.filter(outcome="complete").count() == 4 - len(raised)
    assert_whole(mailbox, dovecot)


@pytest.mark.invariant("I5")
def test_a_refresh_whose_lease_was_taken_over_stores_nothing_more(world: World, dovecot: Dovecot) -> None:
    account(dovecot, *range(60))
    mailbox = world.connect(dovecot)

    def taken_over_meanwhile(mailbox: Mailbox) -> Session:
        session = open_mailbox(mailbox)
        Mailbox.objects.filter(pk=mailbox.pk).update(lease_fence=mailbox.lease_fence + 100)
        return session

    from threadline.services.refresh import refresh  # noqa: PLC0415

    before = stored(mailbox)
    with pytest.raises(leases.LeaseLost):
        refresh(mailbox.pk, trigger="command", opening=taken_over_meanwhile)
    assert stored(mailbox) == before
    Mailbox.objects.filter(pk=mailbox.pk).update(lease_until=None)
    again(mailbox)
    assert_whole(mailbox, dovecot)


def stored(mailbox: Mailbox) -> tuple[int, int]:
    return mailbox.copies.count(), mailbox.folders.count()


@pytest.mark.invariant("I5")
def test_a_lease_of_a_worker_that_is_gone_is_free_after_its_time(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    with connection.cursor() as cursor:
        # As a killed worker on another machine leaves it; its time is the database's.
        moment = {"sqlite": "datetime('now', '-1 seconds')", "postgresql": "now() - interval '1 second'"}
        cursor.execute(f"UPDATE storage_mailbox SET lease_until = {moment[connection.vendor]}, lease_owner = 'gone:1'")
    assert again(mailbox).outcome == "complete"


@pytest.mark.invariant("I6")
def test_new_credentials_are_sealed_and_committed_before_any_refresh_uses_them(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    dovecot.set_password(ALICE, "a new password")
    connect.reconnect(mailbox, Credentials("a new password"), user=world.alice, door="command")
    seen: list[str] = []
    assert together(lambda: seen.append(sessions.stored(mailbox).password())) == []  # another connection sees them
    assert seen == ["a new password"]
    assert b"a new password" not in bytes(Secret.objects.get().sealed)
    assert again(mailbox).outcome == "complete"


@pytest.mark.invariant("I6")
def test_a_failure_between_signing_in_and_storing_leaves_the_old_credentials(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    dovecot.set_password(ALICE, "a new password")
    writes = 1
    while True:
        mailbox.refresh_from_db()
        with failing_write(writes):
            try:
                connect.reconnect(mailbox, Credentials("a new password"), user=world.alice, door="command")
            except DatabaseError:
                assert sessions.stored(mailbox).password() == PASSWORD
            else:
                break
        writes += 1
    assert writes > 3
    assert sessions.stored(mailbox).password() == "a new password"
    assert again(mailbox).outcome == "complete"


@pytest.mark.invariant("I6")
def test_credentials_that_the_server_refuses_replace_nothing(world: World, dovecot: Dovecot) -> None:
    account(dovecot, 1)
    mailbox = world.connect(dovecot)
    with pytest.raises(NeedsUser):
        connect.reconnect(mailbox, Credentials("a wrong one"), user=world.alice, door="command")
    assert sessions.stored(mailbox).password() == PASSWORD
    assert again(mailbox).outcome == "complete"
