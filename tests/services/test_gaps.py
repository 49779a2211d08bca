"""Every interval in which a mailbox was not synced is kept, filled and said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.meddler import DROP, Meddler
from tests.servers.dovecot import Dovecot
from tests.services.clock import MovedClock
from tests.services.world import ALICE, PASSWORD, World, mail, run
from threadline.services import connect, gaps, ledger
from threadline.services.sessions import Credentials
from threadline.services.verify import verify
from threadline.storage.models import Copy, Gap, LedgerEntry, Mailbox

pytestmark = pytest.mark.needs("dovecot")


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    return MovedClock(tmp_path, monkeypatch)


@pytest.fixture
def mailbox(world: World, dovecot: Dovecot, moved: MovedClock) -> Mailbox:
    moved.forward(-timedelta(days=60))  # servers take no email from the future
    connected = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(connected)
    connected.refresh_from_db()
    return connected


def deliver_at(dovecot: Dovecot, number: int, moment: datetime) -> None:
    dovecot.deliver(ALICE, mail(number, date=f"{moment:%a, %d %b %Y %H:%M:%S} +0000"), internaldate=moment)


def test_nothing_is_a_gap_while_refreshes_come_in_time(mailbox: Mailbox, moved: MovedClock) -> None:
    for _ in range(3):
        moved.forward(timedelta(hours=24))
        run(mailbox)
    assert not Gap.objects.exists()


def test_a_worker_that_did_not_run_leaves_a_gap_with_what_came_back(
    mailbox: Mailbox, dovecot: Dovecot, moved: MovedClock
) -> None:
    began = mailbox.last_refresh_at
    assert began is not None
    moved.forward(timedelta(days=7))
    deliver_at(dovecot, 2, began + timedelta(days=1))
    deliver_at(dovecot, 3, began + timedelta(days=6))
    deliver_at(dovecot, 4, began - timedelta(days=30))  # from before, and filed in the Inbox only now
    run(mailbox)
    gap = Gap.objects.get()
    assert (gap.began_at, gap.recovered, gap.cause) == (began, 2, "")
    assert gap.ended_at - gap.began_at >= timedelta(days=7)
    assert Copy.objects.count() == 4
    mailbox.refresh_from_db()
    assert mailbox.gap_since is None
    [sentence] = gaps.sentences(mailbox)
    assert sentence.startswith("Interrupted ")
    assert sentence.endswith("; 2 emails recovered")
    run(mailbox)
    assert Gap.objects.count() == 1


def test_refreshes_that_fail_for_longer_than_the_interval_leave_a_gap_that_is_open_meanwhile(
    mailbox: Mailbox, dovecot: Dovecot, moved: MovedClock
) -> None:
    began = mailbox.last_refresh_at
    dovecot.stop()
    moved.forward(timedelta(hours=24))
    assert run(mailbox).outcome == "failed"
    mailbox.refresh_from_db()
    assert mailbox.gap_since is None  # a day has not been missed yet
    moved.forward(timedelta(hours=2))
    assert run(mailbox).outcome == "failed"
    mailbox.refresh_from_db()
    assert mailbox.gap_since == began
    [sentence] = gaps.sentences(mailbox)
    assert sentence.startswith("Interrupted since ")
    assert sentence.endswith("; filled by the next refresh")
    dovecot.start()
    deliver_at(dovecot, 2, moved.now() - timedelta(hours=3))
    assert run(mailbox).outcome == "complete"
    gap = Gap.objects.get()
    assert (gap.began_at, gap.recovered, gap.cause) == (began, 1, "host_refused")


def test_a_disconnected_time_is_a_gap_with_its_cause(mailbox: Mailbox, dovecot: Dovecot, moved: MovedClock) -> None:
    connect.disconnect(mailbox, user=None, door="command")
    moved.forward(timedelta(hours=3))
    mailbox.refresh_from_db()
    assert gaps.sentences(mailbox)[0].endswith("; filled once it is connected again")
    deliver_at(dovecot, 2, moved.now())
    connect.reconnect(mailbox, Credentials(PASSWORD), user=None, door="command")
    run(mailbox)
    gap = Gap.objects.get()
    assert (gap.recovered, gap.cause) == (1, "disconnected_by_user")
    assert connect.status(mailbox)["history"]["gaps"] == gaps.sentences(mailbox)


@pytest.mark.parametrize("renumbered", [True, False])
def test_what_a_check_brings_of_that_time_is_recovered_too(
    mailbox: Mailbox, dovecot: Dovecot, moved: MovedClock, renumbered: bool
) -> None:
    """The check may come before the refresh: at a renumbered folder it reads all there is, else what is missing."""
    connect.disconnect(mailbox, user=None, door="command")
    moved.forward(timedelta(days=3))
    for number in (2, 3, 4):
        deliver_at(dovecot, number, moved.now() - timedelta(hours=number))
    if renumbered:
        dovecot.change_uidvalidity(ALICE)
    connect.reconnect(mailbox, Credentials(PASSWORD), user=None, door="command")
    assert verify(mailbox.pk).complete
    run(mailbox)
    mailbox.refresh_from_db()
    assert Gap.objects.get().recovered == 3
    [sentence] = gaps.sentences(mailbox)
    assert sentence.endswith("; 3 emails recovered")


def test_what_is_set_aside_meanwhile_is_said_and_recovered_when_it_comes(
    mailbox: Mailbox, dovecot: Dovecot, moved: MovedClock
) -> None:
    connect.disconnect(mailbox, user=None, door="command")
    moved.forward(timedelta(days=3))
    deliver_at(dovecot, 2, moved.now() - timedelta(days=1))
    moment = moved.now() - timedelta(days=2)
    raw = mail(3, text="zqpoison", date=f"{moment:%a, %d %b %Y %H:%M:%S} +0000")
    dovecot.deliver(ALICE, raw, internaldate=moment)
    connect.reconnect(mailbox, Credentials(PASSWORD), user=None, door="command")
    with Meddler(dovecot.port) as odd:
        Mailbox.objects.filter(pk=mailbox.pk).update(settings=mailbox.settings | {"port": odd.port})
        odd.on_response = lambda said: DROP if b"zqpoison" in said else [said]
        assert run(mailbox).outcome == "complete"
        mailbox.refresh_from_db()
        assert gaps.sentences(mailbox)[0].endswith("; 1 email recovered, 1 set aside")
        odd.behave()
        ledger.retry(LedgerEntry.objects.get())
        assert run(mailbox).outcome == "complete"
    assert not LedgerEntry.objects.exists()
    assert gaps.sentences(mailbox)[0].endswith("; 2 emails recovered")


@pytest.mark.parametrize(
    ("emails", "set_aside", "words"),
    [
        (0, 0, "nothing was missing"),
        (1, 0, "1 email recovered"),
        (1_204, 2, "1,204 emails recovered, 2 set aside"),
        (0, 1, "1 email set aside"),
        (0, 2, "2 emails set aside"),
    ],
)
def test_what_came_back_in_words(emails: int, set_aside: int, words: str) -> None:
    assert gaps.recovered(emails, set_aside) == words


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 5, 12), date(2026, 5, 19), "12 to 19 May"),
        (date(2026, 4, 28), date(2026, 5, 3), "28 April to 3 May"),
        (date(2026, 6, 4), date(2026, 6, 4), "4 June"),
        (date(2025, 6, 4), date(2025, 6, 9), "4 to 9 June 2025"),
        (date(2025, 12, 30), date(2026, 1, 2), "30 December 2025 to 2 January"),
        (date(2024, 12, 30), date(2025, 1, 2), "30 December 2024 to 2 January 2025"),
    ],
)
def test_an_interval_in_words(first: date, last: date, words: str) -> None:
    assert gaps.span(first, last, today=date(2026, 7, 1)) == words


def test_a_gap_is_said_in_the_time_zone_of_its_company(mailbox: Mailbox, moved: MovedClock) -> None:
    moved.stand_at(datetime(2026, 7, 1, tzinfo=UTC))
    Gap.objects.create(
        mailbox=mailbox,
        began_at=datetime(2026, 5, 11, 22, 30, tzinfo=UTC),  # 12 May in Stockholm
        ended_at=datetime(2026, 5, 19, 12, tzinfo=UTC),
        recovered=214,
    )
    assert gaps.sentences(mailbox) == ["Interrupted 12 to 19 May; 214 emails recovered"]
