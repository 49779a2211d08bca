"""Subscriptions at Microsoft over their life: made, validated, renewed, lost, refused and taken back."""

from __future__ import annotations

import gc
import time
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from tests.servers import process
from tests.services.microsoft_world import Office
from tests.services.world import ALICE, run
from threadline.clock import now
from threadline.jobs.notifications import Notifications
from threadline.services import connect, doctor, folders
from threadline.services.microsoft import standing
from threadline.storage.models import Folder, Mailbox, Subscription

PATH = "/v1.0/subscriptions"


def look() -> None:
    """What the worker does about notifications at one look."""
    keeper = Notifications()
    keeper.step()
    keeper.close(wait=True)


def again(mailbox: Mailbox) -> Mailbox:
    return Mailbox.objects.select_related("company", "owner").get(pk=mailbox.pk)


def watched() -> list[Subscription]:
    return list(Subscription.objects.select_related("folder").order_by("folder__role"))


def asked(office: Office, method: str) -> list[dict[str, Any]]:
    return [one for one in office.server.log(path=PATH) if one["method"] == method]


def said_by_the_doctor(mailbox: Mailbox) -> doctor.Check:
    return next(check for check in doctor.examine(mailbox).checks if check.name == "notifications")


@pytest.fixture
def office(office: Office, live_server: Any) -> Office:
    """Microsoft reaches the pages."""
    office.register(notifications_url=live_server.url)
    return office


@pytest.fixture
def mailbox(office: Office) -> Mailbox:
    """Alice's, loaded, with its two folders watched."""
    mailbox = office.connect()
    assert run(mailbox).outcome == "complete"
    office.server.clear_log()
    look()
    return again(mailbox)


def test_both_synced_folders_are_watched_for_less_than_seven_days(office: Office, mailbox: Mailbox) -> None:
    assert [row.folder.role for row in watched()] == ["inbox", "sent"]
    made = asked(office, "POST")
    assert [one["status"] for one in made] == [201, 201]
    assert all('IdType="ImmutableId"' in one["prefer"] for one in made)
    for row in watched():
        assert row.expires_at is not None
        assert timedelta(days=5) < row.expires_at - now() < timedelta(minutes=10_080)
        assert now() < row.due_at < row.expires_at - timedelta(days=2)
    assert "tells us of changes in 2 folders" in said_by_the_doctor(mailbox).detail
    look()
    assert len(asked(office, "POST")) == 2


def test_the_client_states_are_random_and_kept_as_digests_only(office: Office, mailbox: Mailbox) -> None:
    for number in range(2):
        office.server.deliver(ALICE, b"Subject: x\r\n\r\nx", ("inbox", "sentitems")[number])
    states = {one["notification"]["clientState"] for one in told(office, 2)}
    assert len(states) == 2
    assert all(len(state) >= 40 for state in states)
    with connection.cursor() as cursor:
        cursor.execute("select * from storage_subscription")
        kept = str(cursor.fetchall())
    assert not any(state in kept for state in states)


def told(office: Office, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 20
    found: list[dict[str, Any]] = []
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.05)
        found = [one for one in office.server.notifications() if one["status"]]
    return found


def test_without_an_address_nothing_is_asked_for(office: Office) -> None:
    office.register()
    mailbox = office.connect()
    run(mailbox)
    look()
    assert watched() == []
    assert asked(office, "POST") == []
    assert said_by_the_doctor(mailbox).detail == "off: Microsoft 365 mail is fetched by schedule"


def test_a_mailbox_that_is_still_loading_is_not_watched(office: Office) -> None:
    office.connect()
    look()
    assert watched() == []


def test_they_are_renewed_in_time_and_never_end(office: Office, mailbox: Mailbox) -> None:
    first = {row.remote_id for row in watched()}
    for day in range(1, 31):
        office.server.set_clock(timedelta(days=day))
        look()
        assert all(row.expires_at and row.expires_at - now() > timedelta(days=2) for row in watched())
    assert {row.remote_id for row in watched()} == first
    assert len(asked(office, "POST")) == 2
    assert 2 * 8 <= len(asked(office, "PATCH")) <= 2 * 15


def test_one_that_ended_while_nobody_worked_is_made_again_with_a_refresh(office: Office, mailbox: Mailbox) -> None:
    first = {row.remote_id for row in watched()}
    Subscription.objects.update(hinted_at=None)
    office.server.set_clock(timedelta(days=20))
    look()
    assert first.isdisjoint({row.remote_id for row in watched()})
    assert all(row.hinted_at is not None for row in watched())


def test_disconnecting_takes_them_back(office: Office, mailbox: Mailbox) -> None:
    connect.disconnect(mailbox, user=None, door="command")
    assert [one["status"] for one in asked(office, "DELETE")] == [204, 204]
    assert watched() == []
    look()
    assert watched() == []


def test_disconnecting_waits_a_few_seconds_for_a_microsoft_that_hangs_and_no_more(
    office: Office, mailbox: Mailbox
) -> None:
    office.server.post("fault", path=PATH, action="hang", count=2)
    begun = time.monotonic()
    connect.disconnect(mailbox, user=None, door="command")
    assert time.monotonic() - begun < 8
    assert (again(mailbox).state, watched()) == ("disconnected", [])


def test_connecting_again_replaces_what_was_left_at_microsoft(office: Office, mailbox: Mailbox) -> None:
    """As after a kill between Microsoft's answer and the store: it has them, and we do not know them."""
    before = {row.remote_id for row in watched()}
    Subscription.objects.all().delete()
    look()
    assert before.isdisjoint({row.remote_id for row in watched()})
    assert [one["status"] for one in asked(office, "DELETE")] == [204, 204]
    assert {row.failures for row in watched()} == {0}


@pytest.mark.parametrize(
    ("status", "code", "says", "least"),
    [
        (409, "ExtensionError", "watches this folder for us already", timedelta(hours=6)),
        (403, "ErrorAccessDenied", "does not let this mailbox be watched", timedelta(hours=6)),
        (429, "ApplicationThrottled", "slow down", timedelta(minutes=3)),
        (500, "serviceNotAvailable", "trouble of its own", timedelta(minutes=1)),
    ],
)
def test_a_refusal_is_never_the_mailboxs_trouble_and_is_tried_later(
    office: Office, status: int, code: str, says: str, least: timedelta
) -> None:
    mailbox = office.connect()
    run(mailbox)
    headers = {"Retry-After": "200"} if status == 429 else {}
    office.server.post("fault", path=PATH, method="POST", status=status, code=code, count=50, headers=headers)
    before = now()
    look()
    rows = watched()
    assert all(row.remote_id == "" and row.failures == 1 and says in row.problem for row in rows), rows[0].problem
    assert all(row.due_at >= before + least for row in rows)
    check = said_by_the_doctor(mailbox)
    assert (check.ok, says in check.detail, check.remedy) == (True, True, "We go on trying; no mail is lost.")
    assert (again(mailbox).state, again(mailbox).failures) == ("connected", 0)
    office.server.clear_faults()
    office.server.set_clock(timedelta(hours=8))
    gc.collect()  # the mailbox's gate, closed by the clock that no test moves, goes with the last who holds it
    look()
    assert all(row.remote_id and not row.problem for row in watched())


def test_an_address_that_microsoft_cannot_reach_is_the_operators_to_mend(office: Office, world: Any) -> None:
    address = f"http://127.0.0.1:{process.free_port()}"
    office.register(notifications_url=address)
    mailbox = office.connect()
    run(mailbox)
    for hour in range(4):
        office.server.set_clock(timedelta(hours=hour))
        look()
    check = said_by_the_doctor(mailbox)
    assert check.ok
    assert "could not reach this installation" in check.detail
    assert address in (check.remedy or "")
    concern = standing.not_watched(world.company)
    assert concern is not None
    assert concern.detail.startswith("New mail of 1 mailbox is fetched by schedule only. Microsoft likely could not")
    assert standing.not_watched(world.rival) is None
    assert again(mailbox).state == "connected"
    assert run(mailbox).outcome == "complete"


def test_a_folder_is_watched_while_it_is_synced(office: Office, mailbox: Mailbox) -> None:
    office.server.make_folder(ALICE, "Candidates")
    run(mailbox)
    folder = folders.folder_named(mailbox, "Candidates")
    folders.override(folder, "include", None, door="command")
    look()
    assert Subscription.objects.get(folder=folder).remote_id
    office.server.deliver(ALICE, b"Subject: x\r\n\r\nx", "Candidates")
    assert told(office, 1)[0]["status"] == 202
    folders.override(Folder.objects.get(pk=folder.pk), "other", None, door="command")
    look()
    assert not Subscription.objects.filter(folder=folder).exists()
    assert len(asked(office, "DELETE")) == 1


def test_another_address_or_none_takes_the_old_ones_back(office: Office, mailbox: Mailbox) -> None:
    office.register()
    look()
    assert watched() == []
    assert len(asked(office, "DELETE")) == 2


def test_times_are_written_as_microsoft_reads_them(office: Office, mailbox: Mailbox) -> None:
    kept = {row.remote_id: row.expires_at for row in watched()}
    tokens = office.server.tokens(ALICE)

    answer = httpx.get(
        office.server.graph_url + PATH, headers={"Authorization": f"Bearer {tokens['access_token']}"}, trust_env=False
    )
    found = {one["id"]: datetime.fromisoformat(one["expirationDateTime"]) for one in answer.json()["value"]}
    assert found == kept
    resources = {one["resource"] for one in answer.json()["value"]}
    assert resources == {"/me/mailFolders('inbox')/messages", "/me/mailFolders('sentitems')/messages"}
    assert all(one["lifecycleNotificationUrl"].endswith("/notifications/microsoft/lifecycle")
               for one in answer.json()["value"])  # fmt: skip
