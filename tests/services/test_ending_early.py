"""A load that ends early: nothing goes on behind its back, and what it counted is what it stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail
from threadline.providers.contract import Content, FetchFailure, RemoteFolder, RemoteItem, Session
from threadline.services import link
from threadline.services.refresh import batches, refresh
from threadline.services.sessions import open_mailbox
from threadline.storage import leases, search
from threadline.storage.models import Copy, LedgerEntry, Mailbox, Refresh

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I1", "I2")]
COUNT = 24


@pytest.fixture
def mailbox(world: World, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """With many batches to load, each of many pieces."""
    monkeypatch.setattr(batches, "BATCH_COUNT", 6)
    monkeypatch.setattr(batches, "MANY", 6)
    monkeypatch.setattr(batches, "FIRST_COUNT", 2)
    monkeypatch.setattr(batches, "LAST_COUNT", 2)
    monkeypatch.setattr(batches, "PIECE_BYTES", 1)
    connected = world.connect(dovecot)
    for number in range(COUNT):
        dovecot.deliver(ALICE, mail(number))
    return connected


class Watched:
    """A session that notes what is fetched of it, and breaks when it is told to."""

    def __init__(self, session: Session, fetched: list[str]) -> None:
        self._session, self._fetched = session, fetched
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def close(self) -> None:
        self.closed = True
        self._session.close()

    def fetch(self, folder: RemoteFolder, generation: str, items: list[RemoteItem]) -> Iterator[Content | FetchFailure]:
        for answer in self._session.fetch(folder, generation, items):
            self._fetched.append(answer.item.remote_id)
            yield answer


def failing_once(original: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    failed: list[bool] = []

    def instead(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if not failed:
            failed.append(True)
            raise error
        return result

    return instead


@pytest.mark.parametrize("error", [leases.LeaseLost(), DatabaseError("disk full")], ids=["lease", "disk"])
def test_what_reads_ahead_has_ended_when_the_refresh_has(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sessions: list[Watched] = []
    fetched: list[str] = []

    def opening(one: Mailbox) -> Any:
        sessions.append(Watched(open_mailbox(one), fetched))
        return sessions[-1]

    with monkeypatch.context() as patch:
        patch.setattr(link, "link_messages", failing_once(link.link_messages, error))
        with pytest.raises(type(error)):
            refresh(mailbox.pk, trigger="command", opening=opening)
    reading = [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
    assert reading == []
    assert [session.closed for session in sessions] == [True]
    assert len(fetched) < COUNT, "the whole folder was fetched for nothing"
    assert refresh(mailbox.pk, trigger="command").outcome == "complete"
    assert Copy.objects.count() == COUNT


def test_an_email_is_counted_when_it_is_stored(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "link_messages", failing_once(link.link_messages, IntegrityError("refused at the end")))
    report = refresh(mailbox.pk, trigger="command")
    (inbox,) = (folder for folder in report.folders if folder.role == "inbox")
    assert (inbox.new, inbox.fetched, inbox.linked, inbox.ledger) == (COUNT, COUNT, COUNT, 0)
    assert (Copy.objects.count(), LedgerEntry.objects.count()) == (COUNT, 0)


def test_an_index_that_cannot_be_written_holds_up_no_mail(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> int:
        raise DatabaseError("the index cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(search, "catch_up", refused)
        assert refresh(mailbox.pk, trigger="command").outcome == "complete"
    run = Refresh.objects.get()
    assert (run.outcome, run.finished_at is not None) == ("complete", True)
    assert Copy.objects.count() == COUNT
    assert search.behind() == COUNT
    search.catch_up()
    assert search.behind() == 0
