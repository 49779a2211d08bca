"""Completeness is checked by itself once a day, on request, and again where it was not whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from tests.servers.dovecot import Dovecot
from tests.services.clock import MovedClock
from tests.services.world import ALICE, World, mail, run
from threadline.jobs.worker import Worker
from threadline.providers.contract import FolderIds, RemoteFolder, Session
from threadline.services import verify as verifying
from threadline.services.errors import Conflict
from threadline.services.refresh import refresh
from threadline.services.sessions import open_mailbox
from threadline.storage import leases
from threadline.storage.models import Copy, LedgerEntry, Mailbox, Verification

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    return MovedClock(tmp_path, monkeypatch)


@pytest.fixture
def mailbox(world: World, dovecot: Dovecot) -> Mailbox:
    connected = world.connect(dovecot)
    for number in range(5):
        dovecot.deliver(ALICE, mail(number))
    run(connected)
    connected.refresh_from_db()
    return connected


class Turns:
    """A worker that does nothing between its turns."""

    def __init__(self) -> None:
        self.worker = Worker(threads=2)

    def verifications(self) -> bool:
        """One look at what is to be verified, to its end."""
        self.worker.step()  # what is done is forgotten; a refresh that is due begins first
        self.finish()
        self.worker.step()
        self.finish()
        return True

    def finish(self) -> None:
        for future in list(self.worker._busy.values()):
            future.result(60)


@pytest.fixture
def turns() -> Iterator[Turns]:
    working = Turns()
    yield working
    working.worker.close()


def at_night(moment: datetime) -> datetime:
    """Three o'clock in Stockholm, of the night after the next: the one before may be too near."""
    return moment.astimezone(UTC).replace(hour=1, minute=30) + timedelta(days=2)


@pytest.mark.invariant("I12")
def test_a_mailbox_is_verified_after_its_first_load_and_then_once_each_night(
    mailbox: Mailbox, turns: Turns, moved: MovedClock
) -> None:
    turns.verifications()
    assert Verification.objects.count() == 1
    turns.verifications()
    assert Verification.objects.count() == 1
    night = at_night(moved.now())
    for days in range(3):
        moved.stand_at(night + timedelta(days=days))
        turns.verifications()
        assert Verification.objects.count() == 2 + days
        moved.stand_at(night + timedelta(days=days, hours=6))
        turns.verifications()
        assert Verification.objects.count() == 2 + days  # it is day now, and there was one last night
    assert set(Verification.objects.values_list("complete", "on_server", "accounted_for")) == {(True, 5, 5)}


def test_who_asks_for_a_check_gets_one_at_once(mailbox: Mailbox, turns: Turns) -> None:
    turns.verifications()
    verifying.ask_for(mailbox)
    verifying.ask_for(mailbox)
    turns.verifications()
    mailbox.refresh_from_db()
    assert (Verification.objects.count(), mailbox.verification_requested_at) == (2, None)


def test_a_check_that_is_asked_for_during_a_refresh_waits_for_its_end(mailbox: Mailbox, turns: Turns) -> None:
    turns.verifications()
    verifying.ask_for(mailbox)
    with leases.hold(mailbox.pk):
        turns.verifications()
        assert Verification.objects.count() == 1
    turns.verifications()
    assert Verification.objects.count() == 2


def test_a_check_asked_for_while_a_refresh_runs_is_not_forgotten_by_its_end(mailbox: Mailbox, dovecot: Dovecot) -> None:
    def asking(box: Mailbox) -> Session:
        verifying.ask_for(mailbox)
        return open_mailbox(box)

    refresh(mailbox.pk, trigger="command", opening=asking)
    mailbox.refresh_from_db()
    assert mailbox.verification_requested_at is not None


def test_a_check_that_is_not_possible_becomes_a_refresh_that_says_why(
    mailbox: Mailbox, turns: Turns, dovecot: Dovecot
) -> None:
    verifying.ask_for(mailbox)
    dovecot.stop()
    turns.verifications()
    turns.verifications()
    mailbox.refresh_from_db()
    assert (mailbox.verification_requested_at, mailbox.state, mailbox.cause) == (None, "delayed", "host_refused")


def test_a_mailbox_that_is_not_connected_cannot_be_checked(mailbox: Mailbox) -> None:
    mailbox.state = "disconnected"
    with pytest.raises(Conflict, match="not connected"):
        verifying.ask_for(mailbox)


class HalfListing:
    """A server whose search leaves some emails out."""

    def __init__(self, session: Session, left_out: set[str]) -> None:
        self._session, self._left_out = session, left_out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def list_ids(self, folder: RemoteFolder) -> FolderIds:
        found = self._session.list_ids(folder)
        return FolderIds(found.generation, found.ids - self._left_out, found.listed_up_to)


@pytest.mark.invariant("I3", "I12")
def test_what_a_listing_left_out_is_looked_up_by_its_id_before_it_counts(mailbox: Mailbox) -> None:
    check = verifying.verify(mailbox.pk, opening=lambda box: cast(Session, HalfListing(open_mailbox(box), {"2", "3"})))
    inbox = check.folders[0]
    assert (inbox.on_server, inbox.held, inbox.unexpected) == (5, 5, [])
    assert set(Copy.objects.values_list("where", flat=True)) == {"here"}


@pytest.mark.invariant("I12")
def test_what_could_not_be_repaired_is_said_and_brought_by_the_next_refresh_and_checked_again(
    mailbox: Mailbox, turns: Turns, moved: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Copy.objects.get(remote_id="3").delete()
    with monkeypatch.context() as patch:
        patch.setattr("threadline.services.verify.load_items", lambda *_, **__: None)
        check = verifying.verify(mailbox.pk)
    assert not check.complete
    latest = verifying.latest(mailbox)
    assert latest is not None
    assert verifying.sentence(latest) == "4 of 5 accounted for; 1 is being fetched again"
    moved.forward(timedelta(hours=2))
    turns.verifications()  # the refresh is due at once, and what it brought is checked
    latest = verifying.latest(mailbox)
    assert latest is not None
    assert verifying.sentence(latest) == "5 of 5 accounted for"
    assert Verification.objects.count() == 2


def test_the_ledger_counts_as_accounted_for(mailbox: Mailbox) -> None:
    copy = Copy.objects.get(remote_id="3")
    LedgerEntry.objects.create(
        mailbox=mailbox,
        folder=copy.folder,
        generation=copy.generation,
        remote_id="3",
        reason="crashed",
        first_at=copy.stored_at,
        next_try_at=copy.stored_at + timedelta(days=9),
    )
    copy.delete()
    check = verifying.verify(mailbox.pk)
    assert (check.complete, check.folders[0].ledger) == (True, 1)


def test_what_is_not_accounted_for_is_said_in_the_same_words_everywhere() -> None:
    assert verifying.in_words(1204, 1204) == "1,204 of 1,204 accounted for"
    assert verifying.in_words(1201, 1204) == "1,201 of 1,204 accounted for; 3 are being fetched again"
    assert verifying.in_words(1203, 1204) == "1,203 of 1,204 accounted for; 1 is being fetched again"
