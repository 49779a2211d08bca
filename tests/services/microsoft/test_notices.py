"""What Microsoft tells us becomes a refresh that comes sooner, once, in its turn; anything else does nothing."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from django.db import connection

from tests.services.clock import MovedClock
from tests.services.microsoft_world import Office
from tests.services.world import ALICE, World, mail, run
from threadline.clock import now
from threadline.domain.folders import Role
from threadline.jobs.notifications import Notifications
from threadline.jobs.worker import Worker
from threadline.services.microsoft import notices
from threadline.services.microsoft.notices import APART, MISSED, REAUTHORISE, REMOVED, Mailroom, Notice
from threadline.services.microsoft.subscriptions import LIFECYCLE_PATH, PATH
from threadline.storage import leases
from threadline.storage.models import Folder, Mailbox, Message, Refresh, Subscription, User

SECRET = "a client state that nobody else knows"


def digest(state: str = SECRET) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


@pytest.fixture
def clock(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    return MovedClock(tmp_path, monkeypatch)


def mailbox_of(user: User, address: str) -> Mailbox:
    """Connected and up to date an hour ago; its next turn is in a day."""
    moment = now()
    return Mailbox.objects.create(
        company=user.company, owner=user, address=address, address_key=address, provider="graph", state="connected",
        created_at=moment, since=moment, last_refresh_at=moment - timedelta(hours=1),
        history_complete_at=moment - timedelta(days=3), next_refresh_at=moment + timedelta(days=1),
    )  # fmt: skip


def subscription(mailbox: Mailbox, key: str, role: Role = Role.INBOX, state: str = SECRET) -> Subscription:
    folder = Folder.objects.create(mailbox=mailbox, remote_name=key, name=key, role=role.value)
    moment = now()
    return Subscription.objects.create(
        mailbox=mailbox, folder=folder, address="http://127.0.0.1:1", remote_id=key, state=digest(state),
        expires_at=moment + timedelta(days=6), renewed_at=moment - timedelta(days=1), due_at=moment + timedelta(days=2),
    )  # fmt: skip


def notice(key: str = "sub-1", event: str = "", state: str = SECRET) -> Notice:
    return Notice(key, digest(state), event)


@pytest.fixture
def mailbox(world: World) -> Mailbox:
    mailbox = mailbox_of(world.alice, ALICE)
    subscription(mailbox, "sub-1")
    subscription(mailbox, "sub-2", Role.SENT)
    return mailbox


def due_in(mailbox: Mailbox) -> timedelta:
    due = Mailbox.objects.get(pk=mailbox.pk).next_refresh_at
    assert due is not None
    return due - now()


def row(key: str = "sub-1") -> Subscription:
    return Subscription.objects.get(folder__remote_name=key)


# --- a hint ----------------------------------------------------------------------------------------------------------


def test_a_thousand_notices_are_one_refresh(mailbox: Mailbox) -> None:
    for _ in range(10):
        notices.take([notice("sub-1"), notice("sub-2")] * 50, now())
    assert notices.bring_forward(now()) == 1
    assert due_in(mailbox) <= timedelta(0)
    assert notices.bring_forward(now()) == 0


def test_the_first_notice_is_noted_although_a_new_subscription_hints_by_itself(mailbox: Mailbox) -> None:
    made, told = now() - timedelta(seconds=1), now()
    Subscription.objects.update(hinted_at=made, told_at=None)
    notices.take([notice()], told)
    assert (row().hinted_at, row().told_at) == (made, told)
    notices.take([notice()], told + timedelta(seconds=1))
    assert row().told_at == told, "a flood of notices is not a flood of writing"


@pytest.mark.invariant("I7")
def test_a_stream_of_notices_makes_no_more_than_one_refresh_in_a_quarter_of_a_minute(
    mailbox: Mailbox, clock: MovedClock
) -> None:
    begun = []
    for _ in range(120):
        notices.take([notice()], now())
        notices.bring_forward(now())
        if due_in(mailbox) <= timedelta(0):
            begun.append(now())
            Mailbox.objects.update(last_refresh_at=now(), next_refresh_at=now() + timedelta(days=1))
        clock.forward(timedelta(seconds=1))
    assert 120 / APART.total_seconds() - 1 <= len(begun) <= 120 / APART.total_seconds() + 1
    assert all(later - earlier >= APART for earlier, later in pairwise(begun))


class Noting(Worker):
    """Notes whose turn it is instead of refreshing."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.order: list[int] = []

    def _refresh(self, mailbox: Mailbox) -> None:
        self.order.append(mailbox.pk)
        Mailbox.objects.filter(pk=mailbox.pk).update(refresh_requested_at=None)
        connection.close()


@pytest.mark.invariant("I7")
def test_what_is_due_already_and_what_somebody_asked_for_come_first(mailbox: Mailbox, world: World) -> None:
    late, asked = mailbox_of(world.bob, "late@acme.example"), mailbox_of(world.bob, "asked@acme.example")
    Mailbox.objects.filter(pk=late.pk).update(next_refresh_at=now() - timedelta(minutes=5))
    Mailbox.objects.filter(pk=asked.pk).update(refresh_requested_at=now())
    notices.take([notice()], now())
    notices.bring_forward(now())
    worker = Noting(1)
    try:
        for _ in range(60):
            worker._busy = {pk: future for pk, future in worker._busy.items() if not future.done()}
            worker.start_refreshes()
            time.sleep(0.02)
            if len(worker.order) == 3:
                break
    finally:
        worker.close()
    assert worker.order == [asked.pk, late.pk, mailbox.pk]


def test_a_hint_waits_for_the_refresh_that_runs_and_is_not_lost_with_it(mailbox: Mailbox) -> None:
    with leases.hold(mailbox.pk):
        notices.take([notice()], now())
        assert notices.bring_forward(now()) == 0
        assert due_in(mailbox) > timedelta(hours=1)
    assert notices.bring_forward(now()) == 1


@pytest.mark.parametrize("state", ["delayed", "admin_needed", "interrupted", "reauthorise", "disconnected"])
def test_a_mailbox_that_waits_for_its_retry_or_for_somebody_goes_on_waiting(mailbox: Mailbox, state: str) -> None:
    retry = now() + timedelta(hours=1)
    Mailbox.objects.update(state=state, retry_at=retry, next_refresh_at=retry)
    notices.take([notice()], now())
    assert notices.bring_forward(now()) == 0
    assert Mailbox.objects.get().next_refresh_at == retry
    assert row().hinted_at is None


# --- what is not believed ---------------------------------------------------------------------------------------------


def before_and_after(mailbox: Mailbox) -> Any:
    return list(Subscription.objects.order_by("pk").values()), list(Mailbox.objects.order_by("pk").values())


@pytest.mark.parametrize("event", ["", MISSED, REMOVED, REAUTHORISE])
@pytest.mark.parametrize(
    "forged",
    [notice(state="guessed"), notice(state=""), notice("sub-9"), notice("SUB-1"), Notice("sub-1", ""), Notice("", "")],
)
def test_an_unknown_subscription_or_a_wrong_client_state_does_nothing(
    mailbox: Mailbox, forged: Notice, event: str, caplog: Any
) -> None:
    before = before_and_after(mailbox)
    assert notices.take([Notice(forged.subscription, forged.state, event)], now()) == 0
    assert notices.bring_forward(now()) == 0
    assert before_and_after(mailbox) == before


def test_one_that_is_not_there_yet_is_not_reached_by_an_empty_id_or_an_empty_state(mailbox: Mailbox) -> None:
    Subscription.objects.update(remote_id="", state="")
    before = before_and_after(mailbox)
    assert notices.take([Notice("", digest("")), Notice("", "")], now()) == 0
    assert before_and_after(mailbox) == before


def test_the_client_state_of_one_opens_no_other(mailbox: Mailbox, world: World) -> None:
    """A company that learnt its own subscription's state has nothing to say of another's."""
    theirs = mailbox_of(world.charlie, "charlie@rival.example")
    subscription(theirs, "sub-of-rival", state="the state of the rival")
    assert notices.take([notice("sub-1", state="the state of the rival"), notice("sub-of-rival")], now()) == 0
    assert notices.take([notice("sub-of-rival", MISSED, "the state of the rival")], now()) == 1
    assert notices.bring_forward(now()) == 1
    assert due_in(mailbox) > timedelta(hours=1)
    assert Mailbox.objects.get(pk=mailbox.pk).verification_requested_at is None
    assert due_in(theirs) <= timedelta(0)


def test_forged_ones_between_true_ones_spoil_nothing(mailbox: Mailbox) -> None:
    many = [notice(f"sub-{number}") for number in range(3, 2000)]
    assert notices.take([*many, notice("sub-1"), notice("sub-2", state="no")], now()) == 1
    assert (row("sub-1").hinted_at is not None, row("sub-2").hinted_at) == (True, None)


# --- the life of a subscription ---------------------------------------------------------------------------------------


def test_missed_ones_are_made_up_for_by_a_refresh_and_one_check_an_hour(mailbox: Mailbox, clock: MovedClock) -> None:
    notices.take([notice("sub-1", MISSED), notice("sub-2", MISSED)], now())
    assert notices.bring_forward(now()) == 1
    asked = Mailbox.objects.get().verification_requested_at
    assert asked is not None
    for _ in range(3):
        Mailbox.objects.update(verification_requested_at=None)
        clock.forward(timedelta(minutes=10))
        notices.take([notice("sub-1", MISSED), notice("sub-2", MISSED)], now())
        assert Mailbox.objects.get().verification_requested_at is None
    clock.forward(timedelta(hours=1))
    notices.take([notice("sub-1", MISSED)], now())
    assert Mailbox.objects.get().verification_requested_at is not None


def test_one_that_was_removed_is_due_at_once_and_a_second_telling_is_unknown(mailbox: Mailbox) -> None:
    assert notices.take([notice(event=REMOVED)], now()) == 1
    assert (row().remote_id, row().state, row().due_at <= now()) == ("", "", True)
    assert notices.take([notice(event=REMOVED)], now()) == 0
    assert notices.take([notice()], now()) == 0
    assert row("sub-2").remote_id == "sub-2"


def test_one_to_be_authorised_again_is_due_but_not_within_ten_minutes_of_the_last_time(mailbox: Mailbox) -> None:
    notices.take([notice(event=REAUTHORISE)], now())
    assert row().due_at <= now()
    renewed = now() - timedelta(minutes=4)
    Subscription.objects.update(renewed_at=renewed, due_at=now() + timedelta(days=2))
    notices.take([notice(event=REAUTHORISE)], now())
    assert row().due_at == renewed + timedelta(minutes=10)
    later = now() + timedelta(hours=1)
    Subscription.objects.update(renewed_at=renewed - timedelta(hours=1), due_at=later, failures=1)
    notices.take([notice(event=REAUTHORISE)], now())
    assert row().due_at == later  # it failed just now: tried again in its time


# --- reading ---------------------------------------------------------------------------------------------------------


def body(*entries: Any) -> bytes:
    return json.dumps({"value": list(entries)}).encode()


def test_a_notification_is_read_for_whom_it_is_and_for_what(mailbox: Mailbox) -> None:
    entry = {
        "subscriptionId": "sub-1", "clientState": SECRET, "changeType": "created", "tenantId": "t",
        "resource": "Users/u/Messages/m", "resourceData": {"id": "m"},
    }  # fmt: skip
    other = {"subscriptionId": "sub-2", "clientState": SECRET, "lifecycleEvent": "missed"}
    assert notices.read(body(entry, entry, other)) == [notice(), notice("sub-2", MISSED)]


@pytest.mark.parametrize(
    "text",
    [b"", b"no json", b"[]", b"{}", b"null", b'{"value": {}}', b'{"value": null}', b"\xff\xfe", b"[" * 500_000,
     b'{"value":' + b"9" * 10_000 + b"}", body(*[{}] * 5001)],
)  # fmt: skip
def test_what_is_no_notification_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        notices.read(text)


@pytest.mark.parametrize(
    "entry",
    [None, 1, "x", [], {}, {"subscriptionId": None}, {"subscriptionId": 5}, {"subscriptionId": ""},
     {"subscriptionId": "x" * 201}, {"subscriptionId": "a\0b"}, {"subscriptionId": "\ud800"},
     {"subscriptionId": ["sub-1"]}],
)  # fmt: skip
def test_an_entry_without_a_subscription_is_left_out_and_the_others_count(entry: Any) -> None:
    assert notices.read(body(entry, {"subscriptionId": "sub-1", "clientState": SECRET})) == [notice()]


@pytest.mark.parametrize("state", [None, 7, {"a": 1}, "x" * 129, "\ud800"])
def test_an_odd_client_state_is_a_wrong_one(mailbox: Mailbox, state: Any) -> None:
    found = notices.read(body({"subscriptionId": "sub-1", "clientState": state, "lifecycleEvent": [1]}))
    assert [one.subscription for one in found] == ["sub-1"]
    assert notices.take(found, now()) == 0


# --- the mailroom ----------------------------------------------------------------------------------------------------


def test_the_mailroom_takes_in_at_once_and_works_afterwards(mailbox: Mailbox) -> None:
    room = Mailroom()
    assert room.put([notice()])
    room.wait(20)
    assert row().hinted_at is not None
    Subscription.objects.update(hinted_at=None)
    assert room.put([notice("sub-2")])
    room.wait(20)
    assert row("sub-2").hinted_at is not None


def test_a_full_mailroom_says_so(mailbox: Mailbox) -> None:
    room = Mailroom()
    assert not room.put([notice(f"sub-{number}") for number in range(notices.MOST_WAITING + 1)])
    assert room.put([notice()])
    room.wait(20)


# --- all of it -------------------------------------------------------------------------------------------------------


def test_an_email_is_here_seconds_after_microsoft_has_it(office: Office, live_server: Any) -> None:
    """Sandbox, its call over HTTP, the endpoint, the worker, the store."""
    office.register(notifications_url=live_server.url)
    mailbox = office.connect()
    assert run(mailbox).outcome == "complete"
    worker = Worker(2)
    try:
        until(worker, lambda: Subscription.objects.exclude(remote_id="").count() == 2)
        until(worker, lambda: not Subscription.objects.exclude(hinted_at=None).exists())
        settled(worker, mailbox)
        runs = Refresh.objects.count()
        for number in range(30):
            office.server.deliver(ALICE, mail(number))
        until(worker, lambda: Message.objects.count() == 30, seconds=APART.total_seconds() + 20)
        settled(worker, mailbox)
    finally:
        worker.close()
    assert Refresh.objects.count() - runs <= 3
    assert {one["status"] for one in office.server.notifications()} == {202}


def settled(worker: Worker, mailbox: Mailbox) -> None:
    """Until its next turn is the schedule's again."""
    until(worker, lambda: due_in(mailbox) > timedelta(hours=1) and not leases.is_held(mailbox), seconds=40)


def until(worker: Worker, holds: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        worker.step()
        time.sleep(0.1)


def test_each_event_of_a_subscriptions_life_is_answered(office: Office, live_server: Any) -> None:
    office.register(notifications_url=live_server.url)
    mailbox = office.connect()
    run(mailbox)
    look()
    Subscription.objects.update(hinted_at=None)
    first = set(Subscription.objects.values_list("remote_id", flat=True))
    office.server.clear_log()

    office.server.lifecycle(ALICE, "missed")
    wait_for(lambda: Subscription.objects.exclude(hinted_at=None).count() == 2)
    assert Mailbox.objects.get().verification_requested_at is not None

    office.server.set_clock(timedelta(minutes=11))
    office.server.lifecycle(ALICE, "reauthorizationRequired")
    wait_for(lambda: Subscription.objects.filter(due_at__lte=now()).count() == 2)
    look()
    assert [one["method"] for one in office.server.log(path="/subscriptions")] == ["PATCH", "PATCH"]

    office.server.lifecycle(ALICE, "subscriptionRemoved")
    wait_for(lambda: Subscription.objects.filter(remote_id="").count() == 2)
    look()
    second = set(Subscription.objects.values_list("remote_id", flat=True))
    assert (len(second), first & second) == (2, set())
    assert Subscription.objects.exclude(hinted_at=None).count() == 2


def test_who_knows_a_true_subscription_and_not_its_word_is_not_believed(office: Office, live_server: Any) -> None:
    """Forged ones for Sent items of a mailbox that Microsoft does watch for us, then a true one for its Inbox."""
    office.register(notifications_url=live_server.url)
    mailbox = office.connect()
    run(mailbox)
    look()
    Subscription.objects.update(hinted_at=None)
    sent = Subscription.objects.get(folder__role=Role.SENT.value)
    for event in ({"changeType": "created"}, {"lifecycleEvent": "missed"}, {"lifecycleEvent": "subscriptionRemoved"}):
        for word in ({"clientState": "guessed"}, {"clientState": ""}, {}):
            forged = {"value": [{"subscriptionId": sent.remote_id, **event, **word}]}
            path = LIFECYCLE_PATH if "lifecycleEvent" in event else PATH
            assert httpx.post(live_server.url + path, json=forged, trust_env=False).status_code == 202
    office.server.deliver(ALICE, mail(1))
    wait_for(lambda: Subscription.objects.filter(folder__role=Role.INBOX.value).exclude(hinted_at=None).exists())
    after = Subscription.objects.get(pk=sent.pk)
    assert (after.hinted_at, after.told_at, after.remote_id) == (None, None, sent.remote_id)
    assert Mailbox.objects.get().verification_requested_at is None


def look() -> None:
    keeper = Notifications()
    keeper.step()
    keeper.close(wait=True)


def wait_for(holds: Any) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
