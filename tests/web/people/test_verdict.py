"""The verdict page: every rule in words, and every remedy really makes the email show."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, World, mail, run
from threadline.services import link, people, policy
from threadline.services.refresh import refresh
from threadline.storage.models import Link, Mailbox, Message, Person

pytestmark = pytest.mark.needs("dovecot")


def why(client: Client, person: Person, message: Message | None = None) -> str:
    message = message or Message.objects.get()
    response = client.get(f"/people/{person.pk}/why/{message.pk}/")
    assert response.status_code == 200
    return response.content.decode()


def press(client: Client, page: str, words: str) -> str:
    """Press the button with these words: its form's address is what the page says."""
    forms = re.findall(r'<form method="post" action="([^"]+)">.*?<button[^>]*>(.*?)</button>', page, re.DOTALL)
    found = [url for url, label in forms if words in re.sub(r"<[^>]+>", "", label)]
    assert len(found) == 1, [label for _, label in forms]
    response = client.post(found[0].replace("&amp;", "&"), follow=True)
    assert response.status_code == 200
    return response.content.decode()


def is_shown(person: Person, message_id: str = "m1@posten.example") -> bool:
    return Link.objects.filter(person=person, message__message_id=message_id, detached=False).exists()


def asked_for(mailbox: Mailbox) -> None:
    """What the worker does with a refresh that was asked for."""
    mailbox.refresh_from_db()
    assert mailbox.refresh_requested_at is not None
    refresh(mailbox.pk, trigger="button")


def test_a_secondary_address_is_a_near_miss_and_one_click_makes_it_the_primary(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender="anna@home.example"))
    run(mailbox)
    page = why(alice, world.anna)
    assert "Why is this email not on Anna Berg’s profile?" in page
    assert "1 of 5 conditions is not met." in page
    assert "<mark>home.example</mark>" in page
    assert "this is Anna’s secondary address" in page
    page = press(alice, page, "Make it the primary")
    assert "It is on the profile." in page
    assert is_shown(world.anna)
    assert people.secondaries_of(world.anna) == [ANNA]


def test_letting_secondary_addresses_count_is_for_administrators_others_are_told_whom_to_ask(
    world: World, dovecot: Dovecot, alice: Client, bob: Client
) -> None:
    mailbox = world.connect(dovecot, world.bob)
    dovecot.deliver(world.bob.email, mail(1, sender="anna@home.example", to=world.bob.email))
    run(mailbox)
    assert "Or ask Alice (administrator) to let secondary addresses count." in why(bob, world.anna)
    alices = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender="anna@home.example", to=world.bob.email))
    run(alices)
    page = why(alice, world.anna)
    assert "Count secondary too…" in page
    assert 'href="/company/policy/"' in page


def test_an_unknown_sender_can_be_made_the_primary_address(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender="someone@else.example"))
    run(mailbox)
    page = press(alice, why(alice, world.anna), "Make it the primary")
    assert "It is on the profile." in page


def test_an_address_that_was_typed_wrongly_is_corrected(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender="anna+jobs@gmail.com"))
    people.edit(world.anna, email="anna@gmail.com", secondary=[], door="command")
    run(mailbox)
    page = why(alice, world.anna)
    assert "anna<mark>+jobs</mark>@gmail.com" in page
    assert "the part from + on differs" in page
    added = press(alice, page, "Add as secondary")
    assert "this is Anna’s secondary address" in added
    assert "It is on the profile." in press(alice, added, "Make it the primary")


def test_an_email_from_before_the_profile_shows_once_the_profile_counts_from_then_on(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    people.edit(world.anna, created_at=datetime(2026, 7, 1, tzinfo=UTC), door="command")
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1), internaldate=datetime(2026, 6, 1, 10, 0, tzinfo=UTC))
    run(mailbox)
    page = why(alice, world.anna)
    assert "It arrived before Anna’s profile was created" in page
    assert "Mon 1 June 2026, 12:00:00" in page  # the company's zone
    assert "Include earlier mail…" in page
    assert "It is on the profile." in press(alice, page, "Count from 1 June")


def test_a_filed_email_that_is_on_the_profile_stays_and_says_where_it_is_now(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    page = why(alice, world.anna)
    assert "Why is this email on Anna Berg’s profile?" in page
    assert "It stays on the profile" in page
    assert "now in Clients/Acme" in alice.get(f"/people/{world.anna.pk}/").content.decode()


def test_an_email_that_was_filed_before_it_could_show_is_mended_by_including_its_folder(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    people.edit(world.anna, email="", secondary=[], door="command")
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    people.edit(world.anna, email=ANNA, door="command")
    page = why(alice, world.anna)
    assert "It is not in the Inbox or Sent items" in page
    assert "<mark>Clients / Acme</mark>" in page
    assert "Not judged yet" in page
    page = press(alice, page, "Include Clients/Acme")
    assert "counts beside the Inbox and Sent items from now on" in page
    asked_for(mailbox)
    assert "It is on the profile." in why(alice, world.anna)


def test_a_blocklisted_email_names_the_entry_and_can_still_be_put_on_by_hand(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    policy.save(world.company, policy.changed(world.company, {"blocklist": "@posten.example"}), None, door="command")
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    page = why(alice, world.anna)
    assert "An address on it is on your company’s blocklist." in page
    assert "<mark>@posten.example</mark>" in page
    assert "Edit the blocklist…" in page
    assert "Alice put it there by hand." in press(alice, page, "Put it on the profile")


def test_mail_among_colleagues_says_so(world: World, dovecot: Dovecot, alice: Client) -> None:
    people.edit(world.anna, email=world.bob.email, door="command")
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender=world.bob.email))
    run(mailbox)
    assert "Everyone on it is a colleague." in why(alice, world.anna)


def test_taking_off_asks_first_and_the_rules_do_not_put_it_back(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    url = f"/people/{world.anna.pk}/why/{Message.objects.get().pk}/take-off/"
    assert "The rules will not put it back." in alice.get(url).content.decode()
    assert is_shown(world.anna)
    alice.post(url)
    link.link_person(world.anna)
    assert not is_shown(world.anna)
    page = why(alice, world.anna)
    assert "Someone took it off Anna’s profile." in page
    assert alice.get(url).status_code == 404
    assert page.count("put-on/") == 1  # beside the rule; not once more beside the answer
    alice.post(f"/people/{world.anna.pk}/why/{Message.objects.get().pk}/put-on/")
    assert is_shown(world.anna)


def test_an_email_on_two_profiles_is_moved_to_the_one_it_belongs_to(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    twin = people.add(world.company, kind="contact", name="Twin", email=ANNA, created_at=world.anna.created_at,
                      door="command")  # fmt: skip
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    assert is_shown(world.anna)
    assert is_shown(twin)
    assert "another profile has this address" in alice.get(f"/people/{world.anna.pk}/").content.decode()
    press(alice, why(alice, world.anna), "Move to Twin")
    assert not is_shown(world.anna)
    assert is_shown(twin)


def test_a_remedy_needs_post_and_an_unknown_one_does_nothing(alice: Client, world: World) -> None:
    assert alice.get(f"/people/{world.anna.pk}/remedy/refresh/").status_code == 405
    assert alice.post(f"/people/{world.anna.pk}/remedy/explode/").status_code == 404
    page = alice.post(f"/people/{world.anna.pk}/remedy/make-primary/?address=nonsense", follow=True).content.decode()
    assert "is no email address" in page
    assert people.primary_of(world.anna) == ANNA
