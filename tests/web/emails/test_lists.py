"""The Inbox and Sent lists: what a row says, searching, paging both ways, and what a list costs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.browser.letters import letter
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, World, run
from tests.storage.test_search import email
from tests.web.emails.conftest import ON_A_PROFILE, PLAIN, SENT, STRANGER, UNLINKED
from tests.web.visiting import mailbox_of, words
from threadline.domain.connection import State
from threadline.services import people
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.storage import search
from threadline.storage.models import Copy, Mailbox, ToIndex, User

pytestmark = pytest.mark.needs("dovecot")


def url(mailbox: Mailbox, role: str = "inbox") -> str:
    return f"/emails/{mailbox.pk}/{role}/"


def subjects(answer: Any) -> list[str]:
    return [row["subject"] for row in answer.context["rows"]]


def test_without_a_mailbox_the_page_says_how_to_connect_one(bob: Client) -> None:
    assert "No mailbox is connected yet" in words(bob.get("/emails/"))


def test_a_row_names_the_sender_and_the_profiles_it_is_on_or_asks_why_not(mailbox: Mailbox, alice: Client) -> None:
    answer = alice.get("/emails/", follow=True)
    assert subjects(answer) == [ON_A_PROFILE, PLAIN, UNLINKED]
    rows = {row["subject"]: row for row in answer.context["rows"]}
    assert [person["name"] for person in rows[ON_A_PROFILE]["people"]] == ["Anna Berg"]
    assert rows[UNLINKED]["people"] == []
    assert [rows[name]["has_attachments"] for name in (ON_A_PROFILE, PLAIN, UNLINKED)] == [True, False, True]
    page = words(answer)
    assert "Anna Berg First call" not in page  # the time stands between them
    assert "on no profile" in page
    assert subjects(alice.get(url(mailbox, "sent"))) == [SENT]
    assert f"To {ANNA}" in words(alice.get(url(mailbox, "sent")))


def test_a_search_says_how_many_it_found_and_offers_the_other_list(mailbox: Mailbox, alice: Client) -> None:
    inbox = alice.get(url(mailbox), {"q": ANNA})
    assert "1 found in Inbox · 1 in Sent" in words(inbox)
    assert f'<a href="{url(mailbox, "sent")}?q=' in inbox.content.decode()
    assert f'href="{url(mailbox)}">Clear search</a>' in inbox.content.decode()
    nothing = alice.get(url(mailbox), {"q": "no such word"})
    assert "0 found in Inbox · 0 in Sent" in words(nothing)
    assert "Clear search" not in words(nothing)  # the empty list says how to leave it
    assert "found in" not in words(alice.get(url(mailbox)))


def test_the_page_opens_in_every_state_of_the_connection(mailbox: Mailbox, alice: Client) -> None:
    for state in State:
        Mailbox.objects.filter(pk=mailbox.pk).update(state=state.value)
        answer = alice.get("/emails/", follow=True)
        assert answer.status_code == 200
        offers_refresh = '<button class="button small" data-key="refresh"' in answer.content.decode()
        assert offers_refresh == (state.value not in NOT_REFRESHABLE), state


def test_searching_finds_words_of_texts_names_addresses_and_file_names(mailbox: Mailbox, alice: Client) -> None:
    for asked, found in (
        ("quokka", [PLAIN]),
        ("zebra quokka", [PLAIN]),
        ("Anna Berg", [ON_A_PROFILE]),
        ("offer.pdf", [UNLINKED]),
        (STRANGER, [PLAIN, UNLINKED]),
        ("no such word", []),
        ('zebra" OR 1 NEAR( * -', []),
    ):
        answer = alice.get(url(mailbox), {"q": asked})
        assert subjects(answer) == found, asked
        assert ("Nothing found" in words(answer)) is (not found)
    for odd in ('"', "*", "   ", "\x00", "-", "a" * 5000):
        assert alice.get(url(mailbox), {"q": odd}).status_code == 200, odd
    for without_words in ('"', "* -", "!!!"):
        assert "A search needs letters or digits" in words(alice.get(url(mailbox), {"q": without_words}))


def test_a_search_says_when_it_did_not_look_at_every_email_of_the_company(
    mailbox: Mailbox, alice: Client, world: World
) -> None:
    def says_so(asked: str = "zebra") -> bool:
        page = words(alice.get(url(mailbox), {"q": asked}))
        assert "Nothing found yet" not in page or "No email here holds" not in page
        return "Some emails are still being added to the search" in page

    assert not says_so()
    assert not says_so("nothing")
    theirs = email(world.rival, "Montag")
    assert not says_so(), "what another company waits for is its own affair"
    body = email(mailbox.company, "Montag")
    assert {theirs.pk, body.pk} == set(ToIndex.objects.values_list("body_id", flat=True))
    assert says_so()
    assert says_so("nothing")
    assert "Clear search" in words(alice.get(url(mailbox), {"q": "nothing"})), "no other way leads out of this one"
    assert not says_so("!"), "that would not be found later either"
    assert "still being added" not in words(alice.get(url(mailbox))), "without a search there is nothing to say"
    search.catch_up()
    assert not says_so()


def test_a_search_without_a_mailbox_is_one_in_the_first(mailbox: Mailbox, alice: Client) -> None:
    assert subjects(alice.get("/emails/", {"q": "zebra quokka"}, follow=True)) == [PLAIN]


def test_paging_goes_to_the_end_and_back_over_the_same_emails(
    mailbox: Mailbox, dovecot: Dovecot, alice: Client
) -> None:
    same_second = [letter(f"n{n}", STRANGER, ALICE, subject=f"n{n}", days_ago=9 + n // 40) for n in range(120)]
    dovecot.deliver_many(ALICE, same_second)
    run(mailbox)
    older, forward, place = "?", list[list[str]](), url(mailbox)
    while older:
        answer = alice.get(place + older)
        forward.append(subjects(answer))
        older, newer = answer.context["older_url"], answer.context["newer_url"]
    seen = [subject for page in forward for subject in page]
    assert [len(page) for page in forward] == [50, 50, 23]
    assert len(set(seen)) == len(seen) == 123
    back = [forward[-1]]
    while newer:
        answer = alice.get(place + newer)
        back.append(subjects(answer))
        newer = answer.context["newer_url"]
    assert back == forward[::-1]


def test_a_position_made_up_by_hand_is_no_error_of_ours(mailbox: Mailbox, alice: Client) -> None:
    for position in ("x", "1_", "_1", "nan_1", "inf_1", "1e300_1", "-1_1", f"1_{10**40}", "1_-1", "1_1_1"):
        for name in ("before", "after"):
            assert alice.get(url(mailbox), {name: position}).status_code in {200, 404}, position


def test_a_list_costs_the_same_for_few_emails_as_for_many(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    alice.get(url(mailbox))  # the first page of a session writes it down
    few = _queries(alice, url(mailbox)), _queries(alice, url(mailbox) + "?q=dear")
    person = people.add(mailbox.company, kind="contact", name="Tom", email="tom@posten.example", door="command")
    assert person.pk
    many = [letter(f"n{n}", ANNA, f"{ALICE}, tom@posten.example", subject=f"n{n}") for n in range(40)]
    dovecot.deliver_many(ALICE, many)
    run(mailbox)
    assert len(subjects(alice.get(url(mailbox)))) == 43
    assert (_queries(alice, url(mailbox)), _queries(alice, url(mailbox) + "?q=dear")) == few


def _queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_an_email_opens_beside_its_list_and_to_htmx_alone(mailbox: Mailbox, alice: Client) -> None:
    place = url(mailbox) + f"{Copy.objects.get(message__subject=PLAIN).pk}/"
    whole = alice.get(place)
    assert subjects(whole) == [ON_A_PROFILE, PLAIN, UNLINKED]
    assert "A zebra & a <quokka>" in words(whole)
    assert len(re.findall(r"<h1", whole.content.decode())) == 1
    part = alice.get(place, headers={"HX-Request": "true"})
    assert "A zebra &amp; a &lt;quokka&gt;" in part.content.decode()
    assert "email-row" not in part.content.decode()


def test_a_row_that_is_not_in_this_mailbox_does_not_open(mailbox: Mailbox, alice: Client) -> None:
    other = mailbox_of(User.objects.get(pk=mailbox.owner_id), "second@acme.example")
    copy = Copy.objects.filter(mailbox=mailbox).first()
    assert copy is not None
    assert alice.get(f"{url(other)}{copy.pk}/").status_code == 404
    for number in (10**17, 10**30, "9" * 5000):
        assert alice.get(f"{url(mailbox)}{number}/").status_code == 404
        assert alice.get(f"/emails/{number}/inbox/").status_code == 404
