"""A check that found every email is a green tick only as long as nothing has failed since."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail, run
from tests.web.visiting import mailbox_of, words
from threadline.clock import now
from threadline.services.connect import status
from threadline.services.verify import verify
from threadline.storage.models import Mailbox, Refresh, Verification
from threadline.web.people.freshness import up_to_date

pytestmark = pytest.mark.invariant("I12")
REFRESH = "not checked since, because the last refresh did not complete"
CHECK = "not checked since, because the last check did not complete"
AWAY = "not checked since, because the mailbox is not connected"
BROKEN = "not checked since, because the connection is interrupted"
LATER = "newer emails come later, because the last refresh did not complete"


def ran(mailbox: Mailbox, outcome: str, at: datetime, trigger: str = "schedule") -> None:
    Refresh.objects.create(
        mailbox=mailbox, trigger=trigger, fence=1, started_at=at, finished_at=at, outcome=outcome, sentence="It broke."
    )


def checked(mailbox: Mailbox, at: datetime, accounted_for: int = 740) -> None:
    Verification.objects.create(
        mailbox=mailbox,
        checked_at=at,
        complete=accounted_for == 740,
        on_server=740,
        accounted_for=accounted_for,
        folders=[],
    )


@pytest.mark.parametrize(
    ("state", "outcome", "trigger", "after", "doubt"),
    [
        ("connected", "complete", "schedule", True, ""),
        ("connected", "failed", "schedule", False, ""),
        ("connected", "failed", "verify", False, ""),
        ("connected", "failed", "schedule", True, REFRESH),
        ("connected", "partial", "button", True, REFRESH),
        ("connected", "failed", "verify", True, CHECK),
        ("delayed", "failed", "schedule", True, REFRESH),
        ("delayed", "failed", "schedule", False, LATER),
        ("reauthorise", "complete", "schedule", True, AWAY),
        ("disconnected", "complete", "schedule", True, AWAY),
        ("interrupted", "failed", "schedule", True, BROKEN),
    ],
)
def test_the_tick_is_green_only_while_nothing_failed_since(
    world: World, alice: Client, state: str, outcome: str, trigger: str, after: bool, doubt: str
) -> None:
    mailbox = mailbox_of(world.alice, state=state)
    moment = now() - timedelta(minutes=30)
    checked(mailbox, moment)
    ran(mailbox, outcome, moment + timedelta(minutes=5 if after else -5), trigger)
    pages = {
        name: words(alice.get(url))
        for name, url in (
            ("emails", reverse("folder", args=[mailbox.pk, "inbox"])),
            ("settings", reverse("settings")),
            ("company", reverse("company")),
        )
    }
    (line,) = [line for line in up_to_date(world.alice)[0]["lines"] if "accounted for" in line["text"]]
    found = status(mailbox)["completeness"]
    assert (found["complete"], found["current"], found["doubt"]) == (None if doubt else True, not doubt, doubt or None)
    assert (line["icon"] == "check-circle") is (doubt == "")
    if doubt:
        assert {name for name, page in pages.items() if doubt not in page} == set()
        assert "740 of 740 accounted for when last checked, " in pages["emails"]
        assert line["text"].endswith(doubt)
    else:
        assert "740 of 740 accounted for, checked " in pages["emails"]
        assert not [page for page in pages.values() if "last checked" in page]


def test_a_refresh_that_got_through_again_ends_the_doubt(world: World) -> None:
    mailbox = mailbox_of(world.alice)
    moment = now() - timedelta(minutes=30)
    checked(mailbox, moment)
    ran(mailbox, "failed", moment + timedelta(minutes=1))
    assert status(mailbox)["completeness"]["current"] is False
    ran(mailbox, "complete", moment + timedelta(minutes=2))
    assert status(mailbox)["completeness"]["current"] is True


def test_a_check_that_found_emails_missing_stays_one_when_it_is_old(world: World, alice: Client) -> None:
    mailbox = mailbox_of(world.alice, state="delayed")
    moment = now() - timedelta(minutes=30)
    checked(mailbox, moment, accounted_for=739)
    ran(mailbox, "failed", moment + timedelta(minutes=5))
    assert status(mailbox)["completeness"]["complete"] is False
    page = words(alice.get(reverse("folder", args=[mailbox.pk, "inbox"])))
    assert "739 of 740 accounted for when last checked, " in page


def test_a_mailbox_never_checked_is_neither_whole_nor_in_doubt(world: World) -> None:
    found = status(mailbox_of(world.alice))["completeness"]
    assert (found["complete"], found["current"], found["doubt"]) == (None, None, None)


def test_a_delay_is_no_break_and_is_not_called_none(world: World, alice: Client) -> None:
    mailbox_of(world.alice, state="delayed", cause="folder_rests")
    page = words(alice.get(reverse("settings")))
    assert "No break since" not in page
    assert "History complete up to " in page
    assert "emails that arrived after" in page


@pytest.mark.needs("dovecot")
def test_what_has_come_since_the_check_is_said_beside_it(world: World, dovecot: Dovecot, alice: Client) -> None:
    mailbox = world.connect(dovecot)
    here = reverse("folder", args=[mailbox.pk, "inbox"])
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    verify(mailbox.pk)
    assert "1 of 1 accounted for" in words(alice.get(here))
    assert "more have come since" not in words(alice.get(here))
    dovecot.deliver(ALICE, mail(2))
    run(mailbox)
    page = words(alice.get(here))
    assert "1 of 1 accounted for, checked" in page
    assert "; more have come since" in page
    verify(mailbox.pk)
    assert "2 of 2 accounted for" in words(alice.get(here))
    assert "more have come since" not in words(alice.get(here))
