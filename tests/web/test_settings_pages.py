"""Settings > Email connection: what the cards say, and what their buttons do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import PASSWORD, World, mail, run
from tests.web.visiting import mailbox_of, notices, words
from threadline.clock import now
from threadline.domain.connection_states import State
from threadline.services.verify import verify
from threadline.storage.models import ConnectionEvent, Copy, Gap, Mailbox, Refresh, Secret, Verification
from threadline.web.settings.cards import URGENCY, acts_of
from threadline.web.settings.events import recent


def test_without_a_mailbox_the_page_invites_to_connect_one(alice: Client) -> None:
    page = words(alice.get(reverse("settings")))
    assert "No mailbox is connected yet" in page
    assert "Connect a mailbox" in page


def test_the_mailbox_that_needs_someone_comes_first(world: World, alice: Client) -> None:
    mailbox_of(world.alice, "a@acme.example")
    mailbox_of(world.alice, "b@acme.example", "delayed", cause="host_silent")
    mailbox_of(world.alice, "z@acme.example", "reauthorise", cause="credentials_rejected", who="you", certain=False)
    page = words(alice.get(reverse("settings")))
    assert page.index("z@acme.example") < page.index("b@acme.example") < page.index("a@acme.example")
    assert "Likely the mail server rejected the user name or password" in page
    assert "Who must act You" in page


def test_colleagues_mailboxes_are_not_on_ones_own_page(world: World, bob: Client) -> None:
    mailbox_of(world.alice)
    assert world.alice.email not in words(bob.get(reverse("settings")))


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.value)
def test_every_state_has_a_card_with_a_next_step(state: State, world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice, state=state.value, who="nobody")
    assert state.value in URGENCY
    primary, others = acts_of(mailbox)
    page = words(alice.get(reverse("mailbox", args=[mailbox.pk])))
    for act in [*([primary] if primary else []), *others]:
        assert act["text"] in page


def test_a_card_says_what_was_refreshed_checked_and_held(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(world.alice.email, mail(1))
    dovecot.deliver(world.alice.email, mail(2), folder="Sent")
    run(mailbox)
    verify(mailbox.pk)
    page = words(alice.get(reverse("settings")))
    assert "Emails held 2, all kept and searchable" in page
    assert "2 of 2, checked" in page
    assert "Refresh completed: 2 listed, 2 new" in page
    assert "2 of 2 accounted for" in page
    assert "History is complete up to" in page


def test_a_connection_that_is_not_protected_stands_out_and_one_that_is_does_not(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice)
    for security, marked in (("none", True), ("starttls", False), ("tls", False)):
        Mailbox.objects.filter(pk=mailbox.pk).update(settings={"security": security, "port": 1143})
        page = alice.get("/settings/").content.decode()
        server = page.partition("<dt>Server</dt>")[2].partition("</dd>")[0]
        assert "1143" in server
        assert ("tone-warn" in server) is ("not protected" in server) is marked


def test_a_refresh_at_work_shows_how_far_it_is(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice, lease_until=now() + timedelta(minutes=1))
    inbox = {"role": "inbox", "name": "INBOX", "listed": 830, "new": 14, "linked": 9, "total": 830}
    progress = {"step": "load", "folders": [{**inbox, "to_fetch": 500, "fetched": 82}]}
    Refresh.objects.create(mailbox=mailbox, trigger="button", fence=1, started_at=now(), progress=progress)
    url = reverse("mailbox_progress", args=[mailbox.pk])
    response = alice.get(url, headers={"HX-Request": "true"})
    assert "Inbox: 412 of 830 checked" in words(response)
    assert "14 new, 9 on profiles" in words(response)
    assert "HX-Refresh" not in response.headers
    Refresh.objects.update(finished_at=now(), outcome="complete")
    assert alice.get(url, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_the_refresh_button_asks_for_a_refresh(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice)
    response = alice.post(reverse("mailbox_refresh", args=[mailbox.pk]), follow=True)
    assert "The refresh starts in a moment" in words(response)
    mailbox.refresh_from_db()
    assert mailbox.refresh_requested_at is not None


def test_a_mailbox_that_is_not_connected_says_so_instead_of_refreshing(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice, state="disconnected", who="you")
    response = alice.post(reverse("mailbox_refresh", args=[mailbox.pk]), follow=True)
    assert "not connected" in notices(response)


def test_disconnecting_says_what_ends_and_what_stays_and_keeps_the_emails(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(world.alice.email, mail(1))
    run(mailbox)
    url = reverse("mailbox_disconnect", args=[mailbox.pk])
    page = words(alice.get(url))
    assert "New emails stop coming in" in page
    assert "1 email and every profile stay" in page
    mailbox.refresh_from_db()
    assert mailbox.state == "connected"
    response = alice.post(url, follow=True)
    assert "is disconnected" in notices(response)
    assert Copy.objects.count() == 1
    assert not Secret.objects.exists()


def test_signing_in_again_with_a_wrong_password_keeps_what_was_typed_except_the_password(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    url = reverse("mailbox_sign_in", args=[mailbox.pk])
    data = {"host": "127.0.0.1", "port": dovecot.port, "security": "none", "username": world.alice.email}
    response = alice.post(url, data | {"password": "not the right one"})
    html = response.content.decode()
    assert "does not accept this user name and password" in words(response)
    assert "not the right one" not in html
    assert f'value="{dovecot.port}"' in html
    assert f'value="{world.alice.email}"' in html


def test_signing_in_again_reconnects_in_place_and_asks_for_a_refresh(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.set_password(world.alice.email, "the new one")
    data = {"host": "127.0.0.1", "port": dovecot.port, "security": "none", "username": world.alice.email}
    url = reverse("mailbox_sign_in", args=[mailbox.pk])
    response = alice.post(url, data | {"password": "the new one"}, follow=True)
    assert "again. It stays connected, and is refreshed now." in notices(response)
    mailbox.refresh_from_db()
    assert mailbox.refresh_requested_at is not None
    Mailbox.objects.update(state="reauthorise", history_complete_at=now())
    response = alice.post(url, data | {"password": "the new one"}, follow=True)
    assert "is connected again. We fetch now what came meanwhile." in notices(response)


def test_a_server_the_operator_did_not_allow_stays_refused_when_someone_signs_in_again(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    """The operator named one host and port on the command line; a page cannot turn that into another."""
    mailbox = world.connect(dovecot)
    other = {"host": "127.0.0.1", "port": dovecot.expired_tls_port, "security": "tls", "username": world.alice.email}
    response = alice.post(reverse("mailbox_sign_in", args=[mailbox.pk]), other | {"password": PASSWORD})
    assert "connects only to servers on the public internet" in words(response)


def test_folders_are_set_in_plain_words_and_come_with_the_next_refresh(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(world.alice.email, mail(1), folder="Clients/Acme")
    run(mailbox)
    folder = mailbox.folders.get(name="Clients/Acme")
    url = reverse("mailbox_folders", args=[mailbox.pk])
    assert "Clients/Acme" in words(alice.get(url))
    response = alice.post(url, {f"folder-{folder.pk}": "include"}, follow=True)
    assert "comes with the next refresh" in notices(response)
    folder.refresh_from_db()
    assert folder.override == "include"
    assert "Nothing was changed" in notices(alice.post(url, {f"folder-{folder.pk}": "include"}, follow=True))
    alice.post(url, {f"folder-{folder.pk}": "everything"})
    folder.refresh_from_db()
    assert folder.override == "include"


def test_failures_in_a_row_are_one_line_and_nothing_is_said_twice(world: World) -> None:
    mailbox = mailbox_of(world.alice, state="delayed")
    moment = now()
    for hours in range(4):
        ended = moment - timedelta(hours=hours)
        Refresh.objects.create(
            mailbox=mailbox, trigger="schedule", fence=1, started_at=ended, finished_at=ended, outcome="failed",
            sentence="It did not answer.",
        )  # fmt: skip
    ConnectionEvent.objects.create(
        mailbox=mailbox, at=moment - timedelta(hours=3), event="failed_for_now", before="connected", after="delayed",
        cause="host_silent", text="It did not answer.",
    )  # fmt: skip
    assert [event.text for event in recent(mailbox)] == ["It did not answer (3 attempts)", "It did not answer"]


def test_the_90_days_show_filled_and_open_breaks_in_words(world: World, alice: Client) -> None:
    moment = now()
    mailbox = mailbox_of(world.alice, state="reauthorise", who="you", gap_since=moment - timedelta(days=9))
    Gap.objects.create(
        mailbox=mailbox, began_at=moment - timedelta(days=40), ended_at=moment - timedelta(days=33), recovered=214
    )
    page = words(alice.get(reverse("settings")))
    assert "Interrupted since" in page
    assert "; 214 emails recovered" in page


def test_a_short_break_in_which_nothing_was_missed_is_not_drawn_and_one_of_a_day_has_its_hours(
    world: World, alice: Client
) -> None:
    mailbox = mailbox_of(world.alice)
    noon = now().astimezone(world.alice.company.zone).replace(hour=12, minute=0, second=0) - timedelta(days=9)
    for minutes, recovered in ((5, 0), (20, 2), (185, 0)):
        ended = noon + timedelta(minutes=minutes)
        Gap.objects.create(mailbox=mailbox, began_at=noon, ended_at=ended, recovered=recovered)
    said = re.search(r'class="days-head">.*?<p>(.*?)</p>', alice.get(reverse("settings")).content.decode(), re.DOTALL)
    assert said is not None
    assert {part.rpartition(", ")[2] for part in said[1].split(" · ")} == {
        "12:00 to 12:20; 2 emails recovered",
        "12:00 to 15:05; nothing was missing",
    }


def test_the_servers_own_words_are_under_what_happened(world: World, alice: Client) -> None:
    mailbox_of(world.alice, state="reauthorise", who="you", answer="NO [AUTHENTICATIONFAILED] <b>No</b>")
    html = alice.get(reverse("settings")).content.decode()
    assert "NO [AUTHENTICATIONFAILED] &lt;b&gt;No&lt;/b&gt;" in html


def test_an_administrator_sees_and_mends_a_colleagues_connection_but_never_its_mail(
    world: World, alice: Client, bob: Client
) -> None:
    mailbox = mailbox_of(world.bob)
    page = words(alice.get(reverse("mailbox", args=[mailbox.pk])))
    assert "You see the connection of this mailbox, never its mail" in page
    assert "Open its emails" not in page
    assert "Open its emails" in words(bob.get(reverse("mailbox", args=[mailbox.pk])))


def test_check_now_asks_for_a_comparison_and_shows_that_it_runs_and_what_it_found(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(world.alice.email, mail(1))
    run(mailbox)
    page = words(alice.get(reverse("settings")))
    assert "Accounted for not checked yet" in page
    assert "Check now" in page
    response = alice.post(reverse("mailbox_check", args=[mailbox.pk]), follow=True)
    assert "Checking" in words(response)
    assert "Comparing every email" in words(response)
    progress = reverse("mailbox_progress", args=[mailbox.pk])
    assert "HX-Refresh" not in alice.get(progress, headers={"HX-Request": "true"}).headers
    verify(mailbox.pk)  # what the worker does with it
    assert alice.get(progress, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    page = words(alice.get(reverse("mailbox", args=[mailbox.pk])))
    assert "Accounted for 1 of 1, checked" in page
    assert "Comparing" not in page


def test_a_mailbox_that_is_not_connected_is_not_checked(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice, state="disconnected", who="you")
    response = alice.post(reverse("mailbox_check", args=[mailbox.pk]), follow=True)
    assert "not connected" in notices(response)


def test_what_is_not_accounted_for_is_said_plainly_wherever_it_is_looked_for(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice)
    Verification.objects.create(
        mailbox=mailbox, checked_at=now() - timedelta(days=1), complete=True, on_server=1204, accounted_for=1204,
        folders=[],
    )  # fmt: skip
    Verification.objects.create(
        mailbox=mailbox, checked_at=now(), complete=False, on_server=1204, accounted_for=1203, folders=[]
    )
    card = words(alice.get(reverse("settings")))
    assert "Accounted for 1,203 of 1,204; 1 is being fetched again, checked" in card
    assert "1,203 of 1,204 accounted for; 1 is being fetched again" in card  # and in the history, with those before
    assert "1,204 of 1,204 accounted for" in card
    emails = words(alice.get(reverse("folder", args=[mailbox.pk, "inbox"])))
    assert "1,203 of 1,204 accounted for; 1 is being fetched again, checked" in emails
    assert "1,203 of 1,204 1 is being fetched again checked" in words(alice.get(reverse("company")))
