"""Set aside: what the page says of an email that could not be stored, what its buttons do, and for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail, run
from tests.web.visiting import mailbox_of, notices, refused_by_the_policy, words
from threadline.clock import now
from threadline.providers.mime.pool import Parser
from threadline.services.refresh import refresh
from threadline.storage.models import Copy, Folder, LedgerEntry, Mailbox
from threadline.web.ledger.urls import urlpatterns

RAW = b"From: Anna Berg <anna@posten.example>\r\nSubject: My application\r\n\r\nDear Alice\r\n"


def set_aside(mailbox: Mailbox, **more: Any) -> LedgerEntry:
    folder, _ = Folder.objects.get_or_create(
        mailbox=mailbox, remote_name="INBOX", defaults={"name": "INBOX", "role": "inbox", "generation": "1"}
    )
    values: dict[str, Any] = {
        "remote_id": str(LedgerEntry.objects.count() + 7),
        "generation": folder.generation,
        "reason": "timed_out",
    }
    values |= {"subject": "My application", "sender": "Anna Berg", "raw": RAW, "attempts": 3}
    values |= {"first_at": now() - timedelta(days=2), "next_try_at": now() + timedelta(hours=6)}
    return LedgerEntry.objects.create(mailbox=mailbox, folder=folder, **(values | more))


def test_an_entry_says_which_email_where_why_and_when_it_is_tried_again(world: World, alice: Client) -> None:
    set_aside(mailbox_of(world.alice))
    response = alice.get(reverse("ledger"))
    page = words(response)
    why = "Reading this email takes too long, even by itself and even its header alone."
    assert f"My application Anna Berg Inbox {why} 3 times first" in page
    assert "Try again now" in page
    assert "Download the raw email" in page
    assert refused_by_the_policy(response) == []


def test_without_entries_the_page_says_that_nothing_is_set_aside(world: World, alice: Client) -> None:
    page = words(alice.get(reverse("ledger")))
    assert "Nothing is set aside" in page
    assert "Connect a mailbox" in page
    mailbox_of(world.alice)
    assert "could be stored" in words(alice.get(reverse("ledger")))


def test_a_subject_of_any_length_leaves_the_page_readable(world: World, alice: Client) -> None:
    set_aside(mailbox_of(world.alice), subject="Long " * 100_000)
    page = words(alice.get(reverse("ledger")))
    assert page.count("Long") < 200 / len("Long ") + 1
    assert "Long…" in page.replace(" …", "…")


def test_what_nobody_knows_and_what_an_attacker_wrote_is_said_as_such(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice)
    set_aside(mailbox, subject="", sender="", raw=None, reason="unreadable_at_server",
              detail="The connection to the mail server ends whenever this email is asked for.")  # fmt: skip
    set_aside(mailbox, subject="<script>alert(1)</script>", sender="\x1b[31m<b>")
    response = alice.get(reverse("ledger"))
    page = words(response)
    assert "Subject not known sender not known" in page
    assert "ends whenever this email is asked for" in page
    assert "<script>alert(1)" not in response.content.decode()
    assert refused_by_the_policy(response) == []


def test_more_than_a_page_of_entries_is_paged(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice)
    for number in range(53):
        set_aside(mailbox, subject=f"Email {number}")
    assert "Page 1 of 2" in words(alice.get(reverse("ledger")))
    assert words(alice.get(reverse("ledger") + "?page=2")).count("Try again now") == 3


def test_one_that_is_kept_out_on_purpose_has_no_button(world: World, alice: Client) -> None:
    entry = set_aside(mailbox_of(world.alice), reason="erased", next_try_at=None, raw=None)
    page = words(alice.get(reverse("ledger")))
    assert "kept out on purpose" in page
    assert "Try again now" not in page
    response = alice.post(reverse("ledger_retry", args=[entry.pk]), follow=True)
    assert "kept out on purpose" in notices(response)


def test_the_kept_raw_form_is_a_download_and_never_shown(world: World, alice: Client) -> None:
    entry = set_aside(mailbox_of(world.alice))
    response = alice.get(reverse("ledger_raw", args=[entry.pk]))
    assert b"".join(response.streaming_content) == RAW  # type: ignore[attr-defined]
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


def test_trying_again_while_not_connected_says_so(world: World, alice: Client) -> None:
    entry = set_aside(mailbox_of(world.alice, state="disconnected", who="you"))
    response = alice.post(reverse("ledger_retry", args=[entry.pk]), follow=True)
    assert "not connected" in notices(response)


@pytest.mark.parametrize("name", [str(pattern.name) for pattern in urlpatterns])
def test_nobody_else_sees_an_entry_or_does_anything_with_it(
    name: str, world: World, alice: Client, bob: Client, charlie: Client
) -> None:
    entry = set_aside(mailbox_of(world.bob))
    url = reverse(name, args=[entry.pk] if name != "ledger" else [])
    for outsider in (alice, charlie):  # an administrator sees connections, and no mail
        if name == "ledger":
            assert "My application" not in words(outsider.get(url))
        else:
            response = outsider.post(url) if name == "ledger_retry" else outsider.get(url)
            assert response.status_code == 404
    assert Client().get(url).status_code in {302, 405}
    LedgerEntry.objects.get(next_try_at=entry.next_try_at)
    if name == "ledger":
        assert "My application" in words(bob.get(url))


def test_the_card_and_the_list_lead_to_it_and_a_colleague_learns_only_how_many(
    world: World, alice: Client, bob: Client
) -> None:
    mailbox = mailbox_of(world.bob)
    assert "set aside" not in words(bob.get(reverse("settings")))
    set_aside(mailbox)
    for page in (reverse("settings"), reverse("folder", args=[mailbox.pk, "inbox"])):
        assert f'<a href="{reverse("ledger")}">1 email set aside</a>' in bob.get(page).content.decode()
    shown = alice.get(reverse("mailbox", args=[mailbox.pk])).content.decode()
    assert "1 email, tried again automatically" in shown
    assert reverse("ledger") not in shown


# --- with a mail server -----------------------------------------------------------------------------------------------

DEADLY = mail(2, subject="The deadly one", headers="Cc: " + "@," * 480_000 + "\r\n")


@pytest.fixture
def poisoned(world: World, dovecot: Dovecot) -> Mailbox:
    """A mailbox with an email whose header takes its reader seconds, between two ordinary ones."""
    mailbox = world.connect(dovecot)
    for raw in (mail(1), DEADLY, mail(3)):
        dovecot.deliver(ALICE, raw)
    with Parser(seconds=1) as parser:
        report = refresh(mailbox.pk, trigger="command", parser=parser)
    assert (report.outcome, report.total("new"), report.total("ledger")) == ("complete", 2, 1)
    return mailbox


@pytest.mark.needs("dovecot")
@pytest.mark.invariant("I7")
def test_an_email_that_kills_its_reader_is_set_aside_with_its_name_and_its_raw_form(
    poisoned: Mailbox, alice: Client
) -> None:
    entry = LedgerEntry.objects.get()
    assert (entry.subject, entry.message_id, entry.sender) == (
        "The deadly one", "m2@posten.example", "anna@posten.example",
    )  # fmt: skip
    page = words(alice.get(reverse("ledger")))
    assert "The deadly one" in page
    # In its batch, by itself, and its header alone: the reader died of each.
    assert "takes too long, even by itself and even its header alone. 3 times first" in page
    response = alice.get(reverse("ledger_raw", args=[entry.pk]))
    assert b"".join(response.streaming_content) == DEADLY  # type: ignore[attr-defined]


@pytest.mark.needs("dovecot")
def test_trying_again_now_brings_an_email_that_can_be_read_by_now(poisoned: Mailbox, alice: Client) -> None:
    entry = LedgerEntry.objects.get()
    response = alice.post(reverse("ledger_retry", args=[entry.pk]), follow=True)
    assert "We try this email again now" in notices(response)
    poisoned.refresh_from_db()
    assert poisoned.refresh_requested_at is not None
    run(poisoned)  # by a reader with more time
    assert not LedgerEntry.objects.exists()
    assert Copy.objects.filter(message__message_id="m2@posten.example").exists()


@pytest.mark.needs("dovecot")
def test_without_a_kept_raw_form_it_comes_from_the_server_or_the_page_says_why_not(
    poisoned: Mailbox, alice: Client, dovecot: Dovecot
) -> None:
    LedgerEntry.objects.update(raw=None)
    url = reverse("ledger_raw", args=[LedgerEntry.objects.get().pk])
    assert b"".join(alice.get(url).streaming_content) == DEADLY  # type: ignore[attr-defined]
    dovecot.stop()
    assert "could not be fetched" in notices(alice.get(url, follow=True))
