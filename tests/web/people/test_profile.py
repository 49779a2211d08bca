"""The profile: what its thread line shows, and that a long one costs no more than a short one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail, run
from threadline.clock import now
from threadline.storage.models import Gap, Person

pytestmark = pytest.mark.needs("dovecot")

WITH_FILE = {
    "headers": "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
    "text": "--b\r\nContent-Type: text/plain\r\n\r\nSee my CV.\r\n--b\r\nContent-Type: application/pdf\r\n"
    'Content-Disposition: attachment; filename="CV.pdf"\r\n\r\n%PDF\r\n--b--',
}


def timeline(client: Client, person: Person, query: str = "") -> list[dict[str, object]]:
    response = client.get(f"/people/{person.pk}/{query}")
    assert response.status_code == 200
    items: list[dict[str, object]] = response.context["timeline"]
    return items


def queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_received_and_sent_emails_stand_under_their_conversation(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, subject="Interview", **WITH_FILE))
    answer = mail(2, sender=ALICE, to="anna@posten.example", subject="Re: Interview",
                  headers="In-Reply-To: <m1@posten.example>\r\n", date="Mon, 01 Jun 2026 11:00:00 +0000")  # fmt: skip
    dovecot.deliver(ALICE, answer, folder="Sent")
    run(mailbox)
    items = timeline(alice, world.anna)
    assert [item["type"] for item in items] == ["conversation", "email", "email", "start"]
    assert (items[0]["subject"], items[0]["count"]) == ("Interview", 2)
    assert [item["direction"] for item in items[1:3]] == ["sent", "received"]
    page = alice.get(f"/people/{world.anna.pk}/").content.decode()
    assert "Alice’s Sent items" in page
    assert "CV.pdf" in page
    assert "Profile created 1 January 2020" in page.replace("<time", "\n<time") or "1 January 2020" in page
    files = alice.get(f"/people/{world.anna.pk}/attachments/")
    assert [file["name"] for file in files.context["files"]] == ["CV.pdf"]


def test_a_colleague_sees_the_profile_and_whose_mailbox_it_comes_from(
    world: World, dovecot: Dovecot, bob: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    page = bob.get(f"/people/{world.anna.pk}/").content.decode()
    assert "Alice’s Inbox" in page
    assert "You have no mailbox connected" in page


def test_a_mended_break_holds_what_was_recovered_and_an_open_one_says_what_fills_it(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    began, ended = datetime(2026, 5, 12, tzinfo=UTC), datetime(2026, 5, 19, tzinfo=UTC)
    moments = [began - timedelta(days=2), began + timedelta(days=1), ended + timedelta(days=3)]
    for number in (0, 2):
        dovecot.deliver(ALICE, mail(number, date=f"{moments[number]:%a, %d %b %Y} 10:00:00 +0000"),
                        internaldate=moments[number])  # fmt: skip
    run(mailbox)
    mailbox.refresh_from_db()
    mailbox.gap_since = began
    mailbox.save()
    late = mail(1, date=f"{moments[1]:%a, %d %b %Y} 10:00:00 +0000")
    dovecot.deliver(ALICE, late, internaldate=moments[1])
    run(mailbox)
    Gap.objects.update(ended_at=ended)
    items = timeline(alice, world.anna)
    assert [item["type"] for item in items] == [
        "conversation", "email", "conversation", "break", "conversation", "email", "start",
    ]  # fmt: skip
    mended = items[3]
    assert mended["is_open"] is False
    assert mended["title"] == "Interrupted 12 to 19 May"
    assert mended["lead"] == "1 email recovered"
    assert len(mended["emails"]) == 1  # type: ignore[arg-type]
    mailbox.refresh_from_db()
    mailbox.gap_since = now() - timedelta(days=1)
    mailbox.save()
    assert timeline(alice, world.anna)[0]["is_open"] is True


def test_old_conversations_are_folded_and_open_on_request(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    for number in range(30):
        dovecot.deliver(ALICE, mail(number, date=f"Mon, 01 Jun 2026 10:{number:02}:00 +0000"))
    run(mailbox)
    items = timeline(alice, world.anna)
    folded = [item for item in items if item["type"] == "folded"]
    assert len([item for item in items if item["type"] == "email"]) == 12
    assert len(folded) == 8
    assert items[-1]["type"] == "folded"  # the profile goes on, on the next page
    url = str(folded[0]["url"])
    assert len([i for i in timeline(alice, world.anna, url.partition("/people/")[2].partition("/")[2])
                if i["type"] == "email"]) == 13  # fmt: skip
    assert timeline(alice, world.anna, "?page=2")[-1]["type"] == "start"


def test_a_long_conversation_is_read_on_pages_of_forty(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    for number in range(90):
        references = "" if number == 0 else "References: <m0@posten.example>\r\n"
        date = f"Mon, 01 Jun 2026 {10 + number // 60}:{number % 60:02}:00 +0000"
        dovecot.deliver(ALICE, mail(number, headers=references, date=date))
    run(mailbox)
    items = timeline(alice, world.anna)
    conversation, folded = items[0], items[1]
    assert (conversation["count"], folded["count"]) == (90, 90)
    shown = timeline(alice, world.anna, str(folded["url"]).rpartition("/")[2])
    assert len([item for item in shown if item["type"] == "email"]) == 40
    rest = alice.get(str(next(item["url"] for item in shown if item["type"] == "folded")) + "?page=3")
    assert len([item for item in rest.context["timeline"] if item["type"] == "email"]) == 10
    assert "81 to 90 of 90" in rest.content.decode()


def test_a_profile_costs_the_same_queries_with_many_emails_as_with_few(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    url = f"/people/{world.anna.pk}/"
    for number in range(2):
        dovecot.deliver(ALICE, mail(number, **WITH_FILE))
    run(mailbox)
    few = {path: queries(alice, url + path) for path in ("", "attachments/", "details/")}
    for number in range(2, 60):
        dovecot.deliver(ALICE, mail(number, **WITH_FILE))
    run(mailbox)
    assert {path: queries(alice, url + path) for path in few} == few


def test_an_empty_profile_says_why_and_what_fills_it(world: World, alice: Client) -> None:
    page = alice.get(f"/people/{world.anna.pk}/").content.decode()
    assert "No emails on Anna Berg’s profile yet" in page
    assert "Include earlier mail…" in page


def test_refresh_on_a_profile_asks_for_the_own_mailboxes(world: World, dovecot: Dovecot, alice: Client) -> None:
    url = f"/people/{world.anna.pk}/refresh/"
    assert "You have no mailbox connected" in alice.post(url, follow=True).content.decode()
    mailbox = world.connect(dovecot)
    run(mailbox)
    assert "refreshing now" in alice.post(url, follow=True).content.decode()
    mailbox.refresh_from_db()
    assert mailbox.refresh_requested_at is not None
