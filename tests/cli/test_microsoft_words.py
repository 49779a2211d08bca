"""What commands say of a Microsoft mailbox is what its card says, and no more than is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.cli.conftest import OWNER, Cli, named
from tests.servers.microsoft import MicrosoftServer
from tests.services.microsoft_world import registration
from tests.web.visiting import words
from threadline.services import health
from threadline.services.microsoft import approval, signing_in
from threadline.storage.models import Mailbox, User

LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC)


def test_the_doctor_says_who_is_waited_for_as_the_card_does(registered: Cli) -> None:
    mailbox = approval.wait(User.objects.get(email=OWNER), OWNER, mailbox=None, door="pages")
    for who in ("it_administrator", "you"):
        card = health.describe_mailbox(Mailbox.objects.get())
        check = named(registered.json("doctor", OWNER, status=1)["checks"], "sign_in")
        assert (check["ok"], check["who"]) == (False, who)
        assert "Next: after the sign-in." in registered.ok("mailbox", "status", OWNER).out
        assert (check["detail"], check["remedy"]) == (card.sentence, card.next_step)
        Mailbox.objects.filter(cause="admin_approval").update(since=LONG_AGO)
        approval.arrived(mailbox)
    assert Mailbox.objects.get().since > LONG_AGO
    assert "Finish connecting" in check["remedy"]


@pytest.mark.parametrize(("state", "remedy"), [("expired", "make a new client secret"), ("replaced", "or secret")])
def test_the_status_says_that_the_operator_holds_it_up(
    state: str, remedy: str, connected: Cli, microsoft: MicrosoftServer
) -> None:
    microsoft.set_secret(state)
    microsoft.set_clock(timedelta(days=2))  # its access has to be renewed
    connected("mailbox", "refresh", OWNER)
    said = connected.ok("mailbox", "status", OWNER).out
    assert "New emails come in later; none is lost." in said
    assert "Next step: The operator of this installation has to" in said
    assert remedy in said
    for untrue in ("with every refresh", "Nothing needs to be done"):
        assert untrue not in said


def test_after_another_account_the_page_and_the_command_both_say_that_it_has_ended(
    registered: Cli, microsoft: MicrosoftServer
) -> None:
    other = "elin@northgate.test"
    microsoft.add_account(other)
    begun = signing_in.begin(User.objects.get(email=OWNER), OWNER, door="command")
    browser = Client()

    def come_back(who: str) -> str:
        back = urlsplit(microsoft.click_through(begun.url, who))
        return words(browser.get(f"{back.path}?{back.query}", follow=True))

    ended = "The command in the terminal has ended; run it again for a new link."
    said = come_back(other)
    assert f"You signed in as {other}" in said
    assert ended in said
    assert "goes on" not in said
    said = come_back(OWNER)
    assert "finished already" in said
    assert ended in said
    assert "Begin again in Settings" not in said
    assert not Mailbox.objects.exists()


def test_what_rests_on_a_sign_in_that_was_ended_is_not_called_in_order(
    connected: Cli, microsoft: MicrosoftServer, settings: Any
) -> None:
    settings.MICROSOFT = registration(microsoft, notifications_url="https://threadline.northgate.test")
    names = [check["name"] for check in connected.json("doctor", OWNER)["checks"]]
    assert "notifications" in names
    connected.ok("mailbox", "refresh", OWNER)
    microsoft.revoke(OWNER)
    connected("mailbox", "refresh", OWNER)
    checks = connected.json("doctor", OWNER, status=1)["checks"]
    assert [name for name in names if name not in {check["name"] for check in checks}][-1] == "notifications"
    detail = named(checks, "microsoft")["detail"]
    assert "before a mailbox is connected" not in detail, "one was"


def test_nobody_is_told_twice_that_nobody_has_to_sign_in(connected: Cli, microsoft: MicrosoftServer) -> None:
    microsoft.set_secret("expired")
    microsoft.set_clock(timedelta(days=2))
    check = named(connected.json("doctor", OWNER, status=1)["checks"], "sign_in")
    said = f"{check['detail']} {check['remedy']}"
    assert said.count("Nobody has to sign in again.") == 1, said
