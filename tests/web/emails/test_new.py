"""An open list asks whether there is new mail: what it is told, what that costs, and who is told nothing."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.browser.letters import letter
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, World, run
from tests.web.emails.conftest import STRANGER
from tests.web.visiting import mailbox_of, refused_by_the_policy, words
from threadline.services import new_in_list
from threadline.storage.models import Mailbox

pytestmark = pytest.mark.needs("dovecot")
HTMX = {"HX-Request": "true"}


def asks(answer: object) -> str:
    """Where the page, or what was said on it, asks next."""
    found = re.search(r'id="new-emails"[^>]*hx-get="([^"]+)"', answer.content.decode())  # type: ignore[attr-defined]
    assert found is not None
    return unescape(found[1])


def deliver(dovecot: Dovecot, mailbox: Mailbox, *names: str, days_ago: int = 0) -> None:
    mails = [letter(name, f"Anna Berg <{ANNA}>", ALICE, subject=name, days_ago=days_ago) for name in names]
    dovecot.deliver_many(ALICE, mails)
    run(mailbox)


def test_new_mail_is_said_once_and_again_when_there_is_more(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")
    assert "new email" not in words(page)
    assert alice.get(asks(page), headers=HTMX).status_code == 204
    deliver(dovecot, mailbox, "one")
    first = alice.get(asks(page), headers=HTMX)
    assert words(first) == "1 new email – show it"
    assert refused_by_the_policy(first) == []
    assert 'data-announce="now"' in first.content.decode()
    assert alice.get(asks(first), headers=HTMX).status_code == 204, "said already"
    deliver(dovecot, mailbox, "two")
    assert words(alice.get(asks(first), headers=HTMX)) == "2 new emails – show them"
    again = alice.get(f"/emails/{mailbox.pk}/inbox/")
    assert [row["subject"] for row in again.context["rows"]][:2] in (["one", "two"], ["two", "one"])
    assert alice.get(asks(again), headers=HTMX).status_code == 204


def test_what_is_older_than_the_page_is_not_new(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    """A first load brings older mail for hours; who reads the first page need not hear of each."""
    deliver(dovecot, mailbox, *(f"n{number}" for number in range(60)), days_ago=1)
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")
    deliver(dovecot, mailbox, "long ago", days_ago=300)
    assert alice.get(asks(page), headers=HTMX).status_code == 204
    deliver(dovecot, mailbox, *(f"m{number}" for number in range(new_in_list.MOST_COUNTED + 5)))
    assert words(alice.get(asks(page), headers=HTMX)) == "more than 50 new emails – show them"


def test_an_empty_list_is_loaded_anew_by_itself(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")
    assert "HX-Trigger" not in alice.get(asks(page), headers=HTMX)
    deliver(dovecot, mailbox, "first")
    answer = alice.get(asks(page), headers=HTMX)
    assert (answer.status_code, answer["HX-Trigger"]) == (204, "list-changed")


def test_only_the_top_of_a_whole_list_asks(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    deliver(dovecot, mailbox, *(f"n{number}" for number in range(60)), days_ago=1)
    top = alice.get(f"/emails/{mailbox.pk}/inbox/")
    for place in (top.context["older_url"], "?q=anna"):
        assert 'id="new-emails"' not in alice.get(f"/emails/{mailbox.pk}/inbox/{place}").content.decode()
    assert 'id="new-emails"' in alice.get(top.context["rows"][0]["url"]).content.decode()


def test_a_look_costs_the_same_in_every_mailbox(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")

    def questions() -> int:
        with CaptureQueriesContext(connection) as captured:
            alice.get(asks(page), headers=HTMX)
        return len(captured)

    questions()
    few = questions()
    deliver(dovecot, mailbox, *(f"n{number}" for number in range(60)), days_ago=300)
    page = alice.get(f"/emails/{mailbox.pk}/inbox/")
    assert questions() == few <= 6


def test_nobody_else_is_told_anything(mailbox: Mailbox, alice: Client, bob: Client, charlie: Client) -> None:
    place = asks(alice.get(f"/emails/{mailbox.pk}/inbox/"))
    for other in (bob, charlie):
        assert other.get(place, headers=HTMX).status_code == 404
    assert Client().get(place, headers=HTMX).status_code == 401
    assert Client().get(place)["Location"].startswith("/accounts/login/")
    assert alice.get(place)["Location"] == f"/emails/{mailbox.pk}/inbox/"


def test_a_mark_of_one_mailbox_says_nothing_of_another(mailbox: Mailbox, world: World, bob: Client) -> None:
    other = mailbox_of(world.bob)
    answer = bob.get(f"/emails/{other.pk}/inbox/new/?since=0_0&said=0", headers=HTMX)
    assert (answer.status_code, "HX-Trigger" in answer) == (204, False)


@pytest.mark.parametrize("mark", ["", "x", "1_", "nan_1", f"1_{10**40}", "1e300_1", f"0_{STRANGER}"])
def test_a_mark_made_up_by_hand_is_no_error_of_ours(mark: str, mailbox: Mailbox, alice: Client) -> None:
    answer = alice.get(f"/emails/{mailbox.pk}/inbox/new/", {"since": mark, "said": "x"}, headers=HTMX)
    assert answer.status_code in {200, 204, 404}
