"""The Refresh button over the list: it asks, shows how far it is, says what it did, and what stands in its way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.browser.letters import letter
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, World, run
from tests.web.emails.conftest import PLAIN
from tests.web.visiting import mailbox_of, notices, words
from threadline.clock import now
from threadline.domain.connection import State
from threadline.services import connect, health
from threadline.storage import workers
from threadline.storage.models import Mailbox, Refresh, WorkerSign

pytestmark = pytest.mark.needs("dovecot")
HTMX = {"HX-Request": "true"}


def test_the_button_asks_once_and_the_head_says_it_starts(mailbox: Mailbox, alice: Client) -> None:
    answer = alice.post(f"/emails/{mailbox.pk}/refresh/", {"role": "sent"}, headers=HTMX)
    assert "The refresh starts in a moment" in words(answer)
    mailbox.refresh_from_db()
    asked = mailbox.refresh_requested_at
    assert asked is not None
    alice.post(f"/emails/{mailbox.pk}/refresh/")
    mailbox.refresh_from_db()
    assert mailbox.refresh_requested_at == asked


def test_without_script_the_button_leads_back_to_the_list(mailbox: Mailbox, alice: Client) -> None:
    place = f"/emails/{mailbox.pk}/refresh/"
    assert alice.post(place, {"role": "sent"})["Location"] == f"/emails/{mailbox.pk}/sent/"
    assert alice.post(place, {"role": "nonsense"})["Location"] == f"/emails/{mailbox.pk}/inbox/"
    assert alice.post(place, {"next": "/people/"})["Location"] == "/people/"
    assert alice.post(place, {"next": "https://evil.example/"})["Location"] == f"/emails/{mailbox.pk}/inbox/"
    assert alice.get(place).status_code == 405


def test_the_head_says_how_far_a_refresh_is_and_tells_the_list_when_it_ended(
    mailbox: Mailbox, dovecot: Dovecot, alice: Client
) -> None:
    place = f"/emails/{mailbox.pk}/inbox/progress/"
    Mailbox.objects.update(refresh_requested_at=now())
    waiting = alice.get(place, headers=HTMX)
    assert "HX-Trigger-After-Swap" not in waiting
    assert "every 1s" in waiting.content.decode()
    dovecot.deliver_many(ALICE, [letter("new", ANNA, ALICE, subject="New")])
    Mailbox.objects.update(refresh_requested_at=None)
    run(mailbox)
    ended = alice.get(place, headers=HTMX)
    assert ended["HX-Trigger-After-Swap"] == "list-changed"
    assert "every 1s" not in ended.content.decode()
    assert "Done: 1 new, 1 on profiles." in words(ended)
    run(mailbox)
    assert "Done: Nothing new." in words(alice.get(place, headers=HTMX))


def test_a_refresh_at_work_shows_the_folder_and_its_numbers(mailbox: Mailbox, alice: Client) -> None:
    folder = {"role": "inbox", "name": "INBOX", "total": 1204, "listed": 1204, "to_fetch": 1000, "fetched": 400}
    progress = {"folders": [folder | {"new": 400, "linked": 25}]}
    Refresh.objects.create(mailbox=mailbox, trigger="button", fence=9, started_at=now(), progress=progress)
    Mailbox.objects.update(lease_until=now().replace(year=9000))
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")
    assert "Inbox: 604 of 1,204 checked, 400 new, 25 on profiles" in words(page)
    assert '<progress max="1204" value="604"' in page.content.decode()
    # Over a slow link the headings come first.
    ahead = {"folders": [folder | {"new": 400, "linked": 25, "announced": 1100}]}
    Refresh.objects.update(progress=ahead)
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")
    assert "604 of 1,204 checked, 1,100 listed ahead, 25 on profiles, 400 with their text" in words(page)
    # The same run, whose owner was killed: its lease is over, and the page does not wait for it for ever.
    Mailbox.objects.update(lease_until=None)
    assert "checked, 400 new" not in words(alice.get(f"/emails/{mailbox.pk}/inbox/"))


def test_a_refresh_that_nobody_begins_is_not_called_under_way(mailbox: Mailbox, alice: Client) -> None:
    list_page, settings_page = f"/emails/{mailbox.pk}/inbox/", "/settings/"
    Mailbox.objects.update(refresh_requested_at=now() - timedelta(minutes=2))
    for place in (list_page, settings_page):
        page = words(alice.get(place))
        assert "its worker, does not run" in page
        assert "starts in a moment" not in page
        assert "There is nothing to do" not in page
    assert "every 1s" in alice.get(list_page).content.decode()  # it is seen when a worker begins it
    workers.give_sign()
    for place in (list_page, settings_page):
        assert "The refresh starts in a moment" in words(alice.get(place))


def test_a_refresh_whose_worker_was_killed_is_not_under_way_until_its_lease_ends(
    mailbox: Mailbox, alice: Client
) -> None:
    Refresh.objects.create(mailbox=mailbox, trigger="button", fence=9, started_at=now())
    Mailbox.objects.update(lease_until=now() + timedelta(minutes=3), lease_owner="host:7")
    sign = WorkerSign.objects.create(name="host:7", seen_at=now())
    assert "Asking the mail server" in words(alice.get(f"/emails/{mailbox.pk}/inbox/"))
    assert "Asking the mail server" in words(alice.get("/settings/"))
    WorkerSign.objects.filter(pk=sign.pk).update(seen_at=now() - timedelta(minutes=1))
    assert "Asking the mail server" not in words(alice.get(f"/emails/{mailbox.pk}/inbox/"))
    assert "Asking the mail server" not in words(alice.get("/settings/"))


def test_a_mailbox_that_is_not_connected_says_so_and_keeps_its_emails(mailbox: Mailbox, alice: Client) -> None:
    connect.disconnect(mailbox, user=mailbox.owner, door="pages")
    page = words(alice.get(f"/emails/{mailbox.pk}/inbox/"))
    assert "Connect again" in page
    assert PLAIN in page
    refused = alice.post(f"/emails/{mailbox.pk}/refresh/", follow=True)
    assert "This mailbox is not connected. Connect it again first" in notices(refused)
    mailbox.refresh_from_db()
    assert mailbox.refresh_requested_at is None


def test_a_server_that_is_away_asks_nothing_of_anybody(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    dovecot.stop()
    run(mailbox)
    page = words(alice.get(f"/emails/{mailbox.pk}/inbox/"))
    mailbox.refresh_from_db()
    assert mailbox.state == "delayed"
    assert "Refresh" in page
    assert "Connect again" not in page


def test_in_every_state_the_list_is_there_and_says_the_state(mailbox: Mailbox, alice: Client) -> None:
    for state in State:
        Mailbox.objects.update(state=state.value)
        mailbox.refresh_from_db()
        page = words(alice.get(f"/emails/{mailbox.pk}/inbox/"))
        assert PLAIN in page
        if state not in {State.CONNECTED, State.DELAYED}:
            assert health.describe_mailbox(mailbox).word in page


@pytest.mark.parametrize("state", ["reauthorise", "disconnected"])
def test_what_waits_for_a_sign_in_is_not_said_to_start(world: World, alice: Client, state: str) -> None:
    """The button was pressed a second time, and then the first refresh found that somebody has to sign in."""
    mailbox = mailbox_of(world.alice, state=state)
    Mailbox.objects.update(refresh_requested_at=now())
    for place in (reverse("folder", args=[mailbox.pk, "inbox"]), reverse("mailbox", args=[mailbox.pk])):
        page = words(alice.get(place))
        assert "in a moment" not in page
        assert "Refreshing" not in page
