"""An email is missing: it is found wherever it is, judged, and mended."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, World, mail, run
from tests.web.people.test_verdict import asked_for, is_shown, press
from tests.web.visiting import mailbox_of
from threadline.storage.models import Copy, Folder, Message

pytestmark = pytest.mark.needs("dovecot")


def look(client: Client, world: World, **details: str) -> str:
    response = client.get(f"/people/{world.anna.pk}/missing/", details)
    assert response.status_code == 200
    return response.content.decode()


def opened(client: Client, page: str) -> str:
    found = re.search(r'<h3><a href="([^"]+)"', page)
    assert found is not None
    return client.get(found[1].replace("&amp;", "&")).content.decode()


def test_one_detail_is_needed_and_bad_days_are_said_beside_the_field(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    assert "You have no mailbox connected" in look(alice, world)
    world.connect(dovecot)
    assert "Name the sender, words of the subject, a day or the Message-ID." in look(alice, world, sender="")
    assert "Expected a day" in look(alice, world, since="soon")
    assert "before the first one" in look(alice, world, since="2026-06-02", until="2026-06-01")
    nothing = look(alice, world, sender="nobody@x.example")
    assert "No email fits" in nothing
    assert "another of your mailboxes" not in nothing
    mailbox_of(world.alice, address="second@acme.example")
    assert "Choose another of your mailboxes above" in look(alice, world, sender="nobody@x.example")


def test_an_email_in_a_subfolder_is_found_judged_and_shows_after_its_folder_is_included(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1), folder="Clients/Acme")
    run(mailbox)
    page = look(alice, world, sender=ANNA)
    assert "1 email found" in page
    assert "Clients/Acme · not held: its folder is not synced" in page
    verdict = opened(alice, page)
    assert "We asked the live mailbox alice@acme.example" in verdict
    assert "Put it on the profile" not in verdict
    press(alice, verdict, "Include Clients/Acme")
    included = look(alice, world, sender=ANNA)
    assert "Clients/Acme has not been refreshed yet" in included
    assert "Clients/Acme · not held yet" in included
    assert "Clients/Acme has not been refreshed yet" in opened(alice, included)
    assert "since it arrived" not in opened(alice, included)
    asked_for(mailbox)
    assert is_shown(world.anna)
    page = look(alice, world, subject="Subject 1")
    assert "On the profile" in page
    assert f'href="{reverse("message", args=[Message.objects.get().pk])}">Open<' in page
    assert "It is on the profile." in opened(alice, page)


def test_an_email_that_came_after_the_last_refresh_shows_after_refresh_now(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    run(mailbox)
    dovecot.deliver(ALICE, mail(1, date="Mon, 01 Jun 2026 23:30:00 +0200"))
    for details in ({"since": "2026-06-01", "until": "2026-06-01"}, {"message_id": "<m1@posten.example>"}):
        assert "no refresh has run since it arrived" in look(alice, world, **details)
    verdict = opened(alice, look(alice, world, message_id="m1@posten.example"))
    assert "No refresh has run since it arrived" in verdict
    at_its_place = f"/people/{world.anna.pk}/found/?mailbox={mailbox.pk}&folder=INBOX&id=1"
    assert alice.get(at_its_place).status_code == 200
    press(alice, verdict, "Refresh now")
    asked_for(mailbox)
    assert is_shown(world.anna)
    now_held = reverse("verdict", args=[world.anna.pk, Message.objects.get().pk])
    assert alice.get(at_its_place)["Location"] == now_held
    assert "It is on the profile." in alice.get(now_held).content.decode()


def test_an_email_that_should_be_held_and_is_not_is_our_fault_and_is_fetched_again(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    Copy.objects.all().delete()
    Message.objects.all().delete()
    assert Folder.objects.filter(cursor__isnull=False).exists()
    verdict = opened(alice, look(alice, world, sender=ANNA))
    assert "It is not in Threadline’s own Inbox list" in verdict
    press(alice, verdict, "Fetch it now")
    asked_for(mailbox)
    assert is_shown(world.anna)


def test_an_email_without_a_message_id_has_a_verdict_by_its_place(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, message_id=""), folder="Clients/Acme")
    run(mailbox)
    verdict = opened(alice, look(alice, world, sender=ANNA))
    assert "It is not in the Inbox or Sent items" in verdict
    gone = alice.get(f"/people/{world.anna.pk}/found/?mailbox={mailbox.pk}&folder=Clients/Acme&id=999")
    assert gone.status_code == 404
    assert "no longer in the folder" in gone.content.decode()


def test_a_mailbox_that_cannot_be_asked_says_why_and_shows_what_is_held(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender="anna@home.example"))
    run(mailbox)
    dovecot.stop()
    page = look(alice, world, sender="anna@home.example")
    assert "could not be asked" in page
    assert "1 email found" in page
    assert "not their primary address" in page
    alone = alice.get(f"/people/{world.anna.pk}/found/?mailbox={mailbox.pk}&folder=INBOX&id=1").content.decode()
    assert "Check again" in alone
    dovecot.start()


def test_htmx_gets_only_the_results(world: World, dovecot: Dovecot, alice: Client) -> None:
    world.connect(dovecot)
    response = alice.get(f"/people/{world.anna.pk}/missing/", {"sender": ANNA}, headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert "Nothing found" in response.content.decode()
    url = f"/people/{world.anna.pk}/missing/?sender="
    assert alice.get(url, headers={"HX-Request": "true"})["HX-Redirect"] == url
    back = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    for path in ("/people/", f"/people/{world.anna.pk}/missing/?sender={ANNA}"):
        assert "<html" in alice.get(path, headers=back).content.decode()
