"""Connecting a Microsoft 365 mailbox by the pages, with a browser that goes to Microsoft and comes back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.microsoft import MicrosoftServer
from tests.services.microsoft_world import IT, Office, registration
from tests.services.world import ALICE, BOB, World, run
from tests.web.visiting import browser_of, mailbox_of, notices, refused_by_the_policy, words
from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured
from threadline.jobs.sign_ins import SignIns
from threadline.services import doctor, installation
from threadline.storage.models import Mailbox, Refresh

CALLBACK = "/oauth/microsoft/callback"


@pytest.fixture
def office(microsoft: MicrosoftServer, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("THREADLINE_NOW_FILE", str(microsoft.now_file))
    return Office(microsoft, world, settings)


def to_step_three(browser: Client, address: str = ALICE) -> Any:
    return browser.post(reverse("connect"), {"address": address}, follow=True)


def sign_in(browser: Client, office: Office, way: str, as_: str = ALICE, **how: Any) -> Any:
    """Follow the link to Microsoft, sign in there, and come back to the page it leads to."""
    there = browser.get(way)
    assert there.status_code == 302, words(there)
    back = urlsplit(office.server.click_through(there.url, as_, **how))
    assert back.path == CALLBACK
    return browser.get(f"{back.path}?{back.query}", follow=True)


def look_after() -> None:
    """What the worker does about sign-ins at one look."""
    keeper = SignIns()
    keeper.step()
    keeper.close(wait=True)


def connect(browser: Client, office: Office) -> Mailbox:
    to_step_three(browser)
    sign_in(browser, office, reverse("connect_microsoft"))
    return Mailbox.objects.get()


def test_three_steps_lead_to_microsoft_and_back_to_a_connected_mailbox(office: Office, alice: Client) -> None:
    page = to_step_three(alice)
    said = words(page)
    for promise in ("Continue with Microsoft", "Read your mail", "Move, mark or delete mail", "a code or your phone"):
        assert promise in said
    assert "Password of this mailbox" in said  # for who keeps the mail elsewhere, folded away
    assert refused_by_the_policy(page) == []
    done = sign_in(alice, office, reverse("connect_microsoft"))
    mailbox = Mailbox.objects.get()
    assert done.redirect_chain[-1][0] == reverse("mailbox", args=[mailbox.pk])
    assert f"{ALICE} is connected" in notices(done)
    assert mailbox.refresh_requested_at is not None
    said = words(done)
    assert "Forecast: stays connected" in said
    assert "Unused, it would end on" in said
    assert "Sign-in expires" in said
    assert "Microsoft 365 · yours" in said


def test_an_installation_that_is_not_registered_says_who_must_act(
    microsoft: MicrosoftServer, world: World, alice: Client, settings: Any
) -> None:
    settings.MICROSOFT = registration(microsoft, client_id="", client_secret="")
    settings.MICROSOFT_DOMAINS = frozenset({"acme.example"})
    page = to_step_three(alice)
    assert "not set up for Microsoft 365 yet" in words(page)
    assert reverse("help_microsoft") in page.content.decode()
    assert "operator" in words(alice.get(reverse("connect_microsoft")))
    assert CALLBACK in words(alice.get(reverse("help_microsoft")))
    assert reverse("help_microsoft") in alice.get(reverse("help")).content.decode()


def test_an_approval_is_asked_for_waited_for_and_finished_with_one_click(office: Office, alice: Client) -> None:
    office.server.require_admin_approval(ALICE)
    to_step_three(alice)
    page = sign_in(alice, office, reverse("connect_microsoft"))
    mailbox = Mailbox.objects.get()
    assert page.redirect_chain[-1][0] == reverse("mailbox_for_it", args=[mailbox.pk])
    letter = page.context["letter"].text
    assert "Mail.Read" in letter
    link = next(line.strip() for line in letter.splitlines() if "/adminconsent?" in line)
    assert letter.index("/adminconsent?") < letter.index("The server's own words: access_denied")
    card = words(alice.get(reverse("mailbox", args=[mailbox.pk])))
    assert "Waiting for your administrator's approval" in card
    for of_a_connected_one in ("Last 90 days", "since it was connected", "Open its emails"):
        assert of_a_connected_one not in card
    assert "It is approved: continue" in card
    back = urlsplit(office.server.click_through(link, IT))
    stranger = Client()
    page = stranger.get(f"{back.path}?{back.query}", follow=True)
    assert "Microsoft reports that your administrator has allowed it; we are checking" in words(page)
    assert "Your administrator has allowed it" not in words(alice.get(reverse("people")))
    look_after()
    page = stranger.get(reverse("microsoft_ended"))
    assert "that was all" in words(page)
    assert "Microsoft has confirmed it" in words(page)
    everywhere = alice.get(reverse("people"))
    assert "Your administrator has allowed it" in words(everywhere)
    card, emails = (
        words(alice.get(place)) for place in (reverse("settings"), reverse("folder", args=[mailbox.pk, "inbox"]))
    )
    for said in (card, emails):
        assert "Finish connecting" in said
        assert "Finish signing in" not in said
        assert "Connect again" not in said
    done = sign_in(alice, office, reverse("mailbox_sign_in", args=[mailbox.pk]))
    assert Mailbox.objects.get().state == "connected"
    assert "Your administrator has allowed it" not in words(done)
    assert "Open its emails" in words(done)


def test_who_was_stopped_at_microsofts_page_says_so_here(office: Office, alice: Client) -> None:
    to_step_three(alice)
    page = alice.post(reverse("connect_approval"), follow=True)
    mailbox = Mailbox.objects.get()
    assert page.redirect_chain[-1][0] == reverse("mailbox_for_it", args=[mailbox.pk])
    assert (mailbox.state, mailbox.cause) == ("connecting", "admin_approval")


def test_who_declines_reads_a_sentence_and_can_try_again(office: Office, alice: Client) -> None:
    to_step_three(alice)
    page = sign_in(alice, office, reverse("connect_microsoft"), consent="cancel")
    said = words(page)
    assert f"{ALICE} is not connected" in said
    assert "declined" in said
    assert "Did Microsoft say “Need admin approval”?" in said
    assert reverse("connect_microsoft") in page.content.decode()
    assert refused_by_the_policy(page) == []
    assert not Mailbox.objects.exists()


def test_another_account_than_typed_is_asked_about(office: Office, alice: Client) -> None:
    office.server.add_account(BOB)
    to_step_three(alice)
    page = sign_in(alice, office, reverse("connect_microsoft"), as_=BOB)
    said = words(page)
    assert "Which mailbox do you mean?" in said
    assert ALICE in said
    assert BOB in said
    done = alice.post(reverse("connect_confirm"), follow=True)
    assert f"{BOB} is connected" in notices(done)
    assert Mailbox.objects.get().address == BOB


def test_a_sign_in_that_somebody_else_began_is_refused(office: Office, alice: Client, world: World) -> None:
    to_step_three(alice)
    there = alice.get(reverse("connect_microsoft")).url
    back = urlsplit(office.server.click_through(there, ALICE))
    for other in (browser_of(world.bob), browser_of(world.charlie), browser_of(world.alice), Client()):
        page = other.get(f"{back.path}?{back.query}", follow=True)
        assert page.status_code == 403
        assert "begun in another browser or by somebody else" in words(page)
    assert not Mailbox.objects.exists()
    assert f"{ALICE} is connected" in notices(alice.get(f"{back.path}?{back.query}", follow=True))


@pytest.mark.parametrize("query", ["", "state=guessed&code=x", "error=server_error&state=guessed"])
def test_an_answer_that_nobody_waits_for_changes_nothing(query: str, office: Office, alice: Client) -> None:
    for browser in (alice, Client()):
        page = browser.get(f"{CALLBACK}?{query}", follow=True)
        assert page.status_code == 400
        assert "belongs to no sign-in" in words(page)
        assert ("Begin again in Settings" in words(page)) is (browser is alice)  # a stranger has none
    assert not Mailbox.objects.exists()


def test_signing_in_again_is_one_click_and_another_account_is_refused(office: Office, alice: Client) -> None:
    mailbox = connect(alice, office)
    office.server.add_account(BOB)
    page = sign_in(alice, office, reverse("mailbox_sign_in", args=[mailbox.pk]), as_=BOB)
    said = words(page)
    assert f"You signed in as {BOB}, and this mailbox belongs to {ALICE}. Nothing was changed" in said
    assert f"{ALICE} stays connected" in said
    assert f"{ALICE} is not connected" not in said
    assert page.status_code == 409
    page = sign_in(alice, office, reverse("mailbox_sign_in", args=[mailbox.pk]))
    assert f"You are signed in to {ALICE} again. It stays connected, and is refreshed now." in notices(page)
    assert "came meanwhile" not in notices(page)


def test_who_presses_cancel_reads_that_nothing_was_changed(office: Office, alice: Client) -> None:
    mailbox = connect(alice, office)
    there = urlsplit(alice.get(reverse("mailbox_sign_in", args=[mailbox.pk])).url)
    cancelled = {"error": "access_denied", "error_subcode": "cancel", "state": dict(parse_qsl(there.query))["state"]}
    page = alice.get(CALLBACK, cancelled, follow=True)
    assert f"{ALICE} stays connected" in words(page)
    assert "cancelled, or its permission declined, on Microsoft's page. Nothing was changed." in words(page)
    assert "press Accept" not in words(page)


@pytest.mark.parametrize(
    ("state", "heading"),
    [
        ("reauthorise", f"{ALICE} is still waiting for a sign-in"),
        ("disconnected", f"{ALICE} is still not connected"),
        ("interrupted", f"The connection of {ALICE} is still interrupted"),
    ],
)
def test_the_heading_says_how_the_mailbox_is(state: str, heading: str, office: Office, alice: Client) -> None:
    mailbox = connect(alice, office)
    Mailbox.objects.update(state=state)
    office.server.add_account(BOB)
    page = sign_in(alice, office, reverse("mailbox_sign_in", args=[mailbox.pk]), as_=BOB)
    assert re.findall(r"<h1[^>]*>(.*?)</h1>", page.content.decode()) == [heading]
    assert Mailbox.objects.get().state == state


def test_what_microsoft_sent_back_stays_in_no_address_and_in_no_log(
    office: Office, alice: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it ends well or not: the page that is shown has a clean address, and reads the same again."""
    to_step_three(alice)
    back = urlsplit(office.server.click_through(alice.get(reverse("connect_microsoft")).url, ALICE))
    secrets = [value for name, value in parse_qsl(back.query) if name in {"code", "state"}]
    assert len(secrets) == 2
    caplog.set_level("DEBUG")
    for status in (200, 400):  # used, and used once more
        first = alice.get(f"{back.path}?{back.query}")
        assert (first.status_code, first["Referrer-Policy"]) == (302, "no-referrer")
        page = alice.get(first.url)
        assert page.status_code == status
        for secret in secrets:
            assert secret not in first.url + page.content.decode()
            assert [line for line in caplog.text.splitlines() if secret in line] == []
    for again in (page, alice.get(reverse("microsoft_ended"))):
        assert f"{ALICE} stays connected" in words(again)
        assert "was finished already. Nothing was changed." in words(again)
        assert "Begin again" not in words(again)
        assert "Not connected" not in words(again)
    assert refused_by_the_policy(page) == []


def test_how_it_ended_is_told_to_nobody_else(office: Office, alice: Client, world: World) -> None:
    to_step_three(alice)
    page = sign_in(alice, office, reverse("connect_microsoft"), consent="cancel")
    assert page.status_code == 403
    bob = browser_of(world.bob)
    bob.cookies["microsoft_ended"] = alice.cookies["microsoft_ended"].value
    assert ALICE not in words(bob.get(reverse("microsoft_ended")))
    assert Client().get(reverse("microsoft_ended")).status_code == 404


def test_the_link_of_an_administrator_is_believed_for_nothing_by_itself(office: Office, alice: Client) -> None:
    """Whoever has the link can open the way back without having been at Microsoft at all."""
    office.server.require_admin_approval(ALICE)
    to_step_three(alice)
    page = sign_in(alice, office, reverse("connect_microsoft"))
    link = next(line.strip() for line in page.context["letter"].text.splitlines() if "/adminconsent?" in line)
    state = dict(parse_qsl(urlsplit(link).query))["state"]
    mailbox = Mailbox.objects.get()
    forger = Client()
    for tenant, status in (("somewhere", 200), ("", 400)):
        page = forger.get(CALLBACK, {"state": state, "tenant": tenant, "admin_consent": "True"}, follow=True)
        assert page.status_code == status
        assert "that was all" not in words(page)
    look_after()
    assert "we are checking" in words(
        forger.get(CALLBACK, {"state": state, "tenant": "somewhere", "admin_consent": "True"}, follow=True)
    )
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.cause) == ("connecting", "admin_approval")


def test_what_is_refused_of_the_installation_is_shown_to_who_can_act_and_asks_nothing_of_owners(
    office: Office, alice: Client, bob: Client
) -> None:
    mailbox_of(office.world.alice, provider="graph", identity="t/o")
    mailbox_of(office.world.bob, provider="graph", identity="t/p")
    installation.refused(AppMisconfigured(cause=Cause.APP_SECRET_EXPIRED), now=now())
    table = words(alice.get(reverse("company")))
    assert "held up for every mailbox" in table
    assert "Someone must act 2" in table
    assert "Nothing to do 0" in table
    for said in ("The operator", "has to make a new client secret. Nobody has to sign in again."):
        assert table.count(said) >= 2, said
    assert "Nobody Accounted" not in table
    assert set(Mailbox.objects.values_list("state", "who")) == {("connected", "nobody")}
    assert "held up for every mailbox" not in words(bob.get(reverse("company")))
    mailbox = Mailbox.objects.get(owner=office.world.bob)
    Refresh.objects.create(
        mailbox=mailbox, trigger="button", fence=1, started_at=now(), finished_at=now(), outcome="failed",
        sentence="The client secret of this installation has expired.",
    )  # fmt: skip
    emails = words(bob.get(reverse("folder", args=[mailbox.pk, "inbox"])))
    assert "The operator of this installation has to mend that. Nothing is needed from you" in emails
    assert "Nothing needs to be done" not in emails
    card = words(bob.get(reverse("settings")))
    assert "The client secret of this installation has expired" in card
    assert "Nothing is needed from you" in card
    assert "Sign in again" not in card.partition("Refresh")[0]


@pytest.mark.parametrize("kind", ["on_premises", "unlicensed"])
def test_a_mailbox_that_is_not_there_any_more_is_not_forecast_to_stay(kind: str, office: Office, alice: Client) -> None:
    mailbox = connect(alice, office)
    assert "Forecast: stays connected" in words(alice.get(reverse("settings")))
    office.server.set_user(ALICE, kind=kind)
    run(mailbox)
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.cause) == ("admin_needed", "no_mailbox")
    card = words(alice.get(reverse("settings")))
    assert "Forecast" not in card
    assert "Sign-in expires" not in card
    assert "(likely)" not in card, "the sentence says it already"
    likely = "Likely this mailbox is inactive, deleted, or on a server of your company"
    Mailbox.objects.update(refresh_requested_at=None)
    for page in ("settings", "company"):
        assert likely in words(alice.get(reverse(page)))
    assert f"{likely}." in words(alice.get(reverse("folder", args=[mailbox.pk, "inbox"])))
    for page in (reverse("settings"), reverse("folder", args=[mailbox.pk, "inbox"])):
        assert "Check again</button>" in alice.get(page).content.decode()
    letter = alice.get(reverse("mailbox_for_it", args=[mailbox.pk])).context["letter"].text
    assert f"What happened: {likely[:1].lower()}{likely[1:]}." in letter
    assert "Please look where this mailbox is now." in letter
    for not_the_trouble in ("Mail.Read", "client) ID", "/adminconsent?"):
        assert not_the_trouble not in letter


def test_a_withdrawn_permission_is_as_likely_on_every_page(office: Office, alice: Client) -> None:
    mailbox = connect(alice, office)
    run(mailbox)
    office.server.withdraw_consent(ALICE)
    office.server.set_clock(timedelta(days=2))  # its access has to be renewed
    assert run(mailbox).outcome == "failed"
    said = "Likely the permission to read this mailbox was withdrawn"
    for place in (reverse("settings"), reverse("company"), reverse("folder", args=[mailbox.pk, "inbox"])):
        assert said in words(alice.get(place)), place
    sign_in = next(check for check in doctor.examine(Mailbox.objects.get()).checks if not check.ok)
    assert (sign_in.name, sign_in.detail.startswith(f"{said}.")) == ("sign_in", True)


def test_disconnecting_says_what_stays_at_microsoft(office: Office, alice: Client) -> None:
    mailbox = connect(alice, office)
    assert "myaccount.microsoft.com" in words(alice.get(reverse("mailbox_disconnect", args=[mailbox.pk])))
    page = alice.post(reverse("mailbox_disconnect", args=[mailbox.pk]), follow=True)
    assert "its sign-in is forgotten" in notices(page)
    assert "Connect again" in words(page)
