"""The first set-up, support, help, the demo's panel and the pages for what cannot be shown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from tests import templates
from tests.services.world import PASSWORD, World
from tests.web.visiting import mailbox_of, notices, refused_by_the_policy, words
from threadline.domain.connection_texts import STATE_TEXTS
from threadline.services import accounts
from threadline.storage.models import Company, User
from threadline.web.letters import for_support
from threadline.web.start.control import Sandbox
from threadline.web.start.microsoft_troubles import MICROSOFT_TROUBLES

COMPANY = {
    "company": "Northgate Talent",
    "timezone": "Europe/Stockholm",
    "name": "Sofia Lindqvist",
    "email": "sofia@northgate.example",
    "password": "a long enough password",
}


# --- the first set-up


@pytest.mark.parametrize("path", ["/", "/settings/", "/company/", "/accounts/login/", "/no-such-page/"])
def test_every_page_leads_to_the_set_up_while_there_is_nobody(path: str, transactional_db: None) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("set_up")


@pytest.mark.parametrize("token", ["", "wrong", "ö"])
def test_the_set_up_is_closed_without_its_word_and_says_where_to_find_it(token: str, transactional_db: None) -> None:
    accounts.setup_token()
    for response in (
        Client().get(reverse("set_up"), {"token": token}),
        Client().post(reverse("set_up"), COMPANY | {"token": token}),
    ):
        assert response.status_code == 403
        assert "the address printed where the program was started" in words(response)
        assert refused_by_the_policy(response) == []
    assert not User.objects.exists()


def test_the_set_up_signs_its_administrator_in_and_leads_to_the_mailbox(transactional_db: None) -> None:
    client, token = Client(), accounts.setup_token()
    page = client.get(reverse("set_up"), {"token": token})
    assert refused_by_the_policy(page) == []
    assert "Europe/Stockholm" in words(page)
    response = client.post(reverse("set_up"), COMPANY | {"token": token}, follow=True)
    assert response.redirect_chain == [(reverse("connect"), 302)]
    assert "is set up" in notices(response)
    sofia = User.objects.get()
    assert sofia.is_admin
    assert sofia.company.timezone == "Europe/Stockholm"
    assert client.get(reverse("set_up")).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("password", "short", "too short"),
        ("email", "sofia", "is no email address"),
        ("timezone", "Mars/Base", "Select a valid choice"),
        ("company", "", "Enter the name of your company"),
        ("name", "", "Enter your name"),
    ],
)
def test_a_bad_set_up_leaves_nothing_half_done(field: str, value: str, said: str, transactional_db: None) -> None:
    token = accounts.setup_token()
    response = Client().post(reverse("set_up"), COMPANY | {"token": token, field: value})
    assert said in words(response)
    assert COMPANY["password"] not in response.content.decode()
    assert "data-suggest-zone" not in response.content.decode()  # the choice that was made stays
    assert not User.objects.exists()
    assert not Company.objects.exists()


def test_the_start_leads_to_the_emails(alice: Client) -> None:
    assert alice.get("/").headers["Location"] == reverse("emails")


# --- support and help


def test_support_says_whom_to_write_to_and_fills_in_what_is_known(world: World, alice: Client, settings: Any) -> None:
    settings.SUPPORT_EMAIL = "help@acme.example"
    mailbox = mailbox_of(world.alice, state="interrupted", who="operator", cause="host_silent", answer="timed out")
    response = alice.get(reverse("support"))
    page = words(response)
    for said in ("help@acme.example", "Name: Alice", "Company: Acme", "a screenshot or a recording", "did not answer"):
        assert said in page
    assert "mailto:help@acme.example?" in response.content.decode()
    for url in (reverse("mailbox_sign_in", args=[mailbox.pk]), reverse("mailbox_refresh", args=[mailbox.pk])):
        assert url in response.content.decode()
    settings.SUPPORT_EMAIL = ""
    assert "the administrator of this installation" in words(alice.get(reverse("support")))


def test_the_text_for_support_holds_no_secret(world: World) -> None:
    mailbox = mailbox_of(world.alice, state="reauthorise", answer="NO [X] refused")
    text = for_support(world.alice, [mailbox], "").text
    assert PASSWORD not in text
    assert "Threadline 0" in text


def test_help_has_every_state_from_the_domain_and_all_five_conditions(world: World, alice: Client) -> None:
    page = words(alice.get(reverse("help")))
    for text in STATE_TEXTS.values():
        assert text.word.format(provider="the mail provider") in page
    assert "A refresh has run since it arrived. Without the button, that is 24 hours after the last refresh." in page


# --- what cannot be shown


@pytest.mark.parametrize("template", ["400.html", "403_csrf.html", "500.html"])
def test_a_page_for_a_failure_needs_no_store_and_no_request(template: str) -> None:
    html = render_to_string(template)
    assert "<h1>" in html
    assert "To the start" in html


# --- the demo


@pytest.fixture
def sandbox(tmp_path: Path, settings: Any) -> Iterator[None]:
    """The demo's own mail server, with what it starts with."""
    templates.seeded_sandbox(tmp_path)
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "threadline.sandbox", "--data", str(tmp_path), "--ready-file", str(ready)]
    process = subprocess.Popen([*command, "--watch-stdin"], stdin=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        settings.DEMO = True
        settings.SANDBOX_READY_FILE = ready
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def test_the_panel_makes_trouble_and_says_what_to_look_at(sandbox: None, alice: Client) -> None:
    page = alice.get(reverse("demo"))
    assert "sofia-demo" in words(page)
    assert refused_by_the_policy(page) == []
    said = {
        "deliver": "press Refresh on the Emails page",
        "file": "is in Clients/Acme now",
        "password": "The password of sofia@northgate.example is now",
        "uidvalidity": "nothing is fetched twice",
        "throttle": "asks everyone to slow down",
        "delay": "a third of a second",
        "cut": "breaks off in its middle",
        "stop": "The mail server is stopped",
        "start": "The mail server runs again",
    }
    for trouble, sentence in said.items():
        response = alice.post(reverse("demo_make", args=[trouble]), follow=True)
        assert sentence in notices(response), trouble
        if trouble in {"throttle", "delay"}:
            assert "Back to normal" in words(response)
        if trouble == "stop":
            assert "Stopped" in words(response)
    assert "usual pace again" in notices(alice.post(reverse("demo_make", args=["throttle"]), follow=True))
    assert alice.post(reverse("demo_make", args=["explode"])).status_code == 404


def test_the_panel_makes_the_troubles_of_microsoft_and_takes_them_back(
    sandbox: None, alice: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADLINE_NOW_FILE", str(tmp_path / "now"))
    page = alice.get(reverse("demo"))
    assert "elin@northgate-365.example password elin-demo" in words(page)
    assert refused_by_the_policy(page) == []
    said = {
        "microsoft-password": "is now another-elin-demo",
        "microsoft-revoke": "signed out everywhere",
        "microsoft-mfa": "confirmed by a second step",
        "microsoft-consent": "was withdrawn",
        "microsoft-approval": "only an administrator may allow",
        "microsoft-grant": "has allowed it for everybody",
        "microsoft-secret": "nobody is asked to sign in",
        "microsoft-moved": "on a server of the company",
        "microsoft-throttle": "wait for two minutes",
        "microsoft-days": "Ninety days have passed",
    }
    assert set(said) == set(MICROSOFT_TROUBLES)
    for trouble, sentence in said.items():
        response = alice.post(reverse("demo_make", args=[trouble]), follow=True)
        assert sentence in notices(response), trouble
    back = {
        "microsoft-mfa": "needs no second step",
        "microsoft-approval": "for themselves again",
        "microsoft-secret": "is good again",
        "microsoft-moved": "is in Microsoft 365 again",
    }
    for trouble, sentence in back.items():
        assert sentence in notices(alice.post(reverse("demo_make", args=[trouble]), follow=True)), trouble
    assert (tmp_path / "now").read_text().startswith("+77760")


def test_a_new_email_can_be_delivered_to_every_mailbox_of_the_demo(
    sandbox: None, alice: Client, world: World, settings: Any
) -> None:
    page = alice.get(reverse("demo"))
    elin, it = "elin@northgate-365.example", "it@northgate-365.example"
    assert page.context["mailboxes"] == ["sofia@northgate.example", "mark@northgate.example", elin, it]
    assert page.context["mailbox"] == "sofia@northgate.example"
    mailbox_of(world.alice, elin, provider="graph")
    page = alice.get(reverse("demo"))
    assert page.context["mailbox"] == elin, "whoever has connected one means that one"
    for account in page.context["mailboxes"]:
        said = notices(alice.post(reverse("demo_make", args=["deliver"]), {"account": account}, follow=True))
        assert f"is in the Inbox of {account}" in said
        assert ("Microsoft tells us" in said) is account.endswith("365.example")
    server = Sandbox()
    (newest,) = server.get("microsoft/messages", account=elin, limit="1")["messages"]
    assert newest["subject"] == server.get("messages", account="mark@northgate.example")["messages"][0]["subject"]


def test_a_panel_without_its_server_says_how_to_start_it(tmp_path: Path, alice: Client, settings: Any) -> None:
    settings.DEMO = True
    settings.SANDBOX_READY_FILE = tmp_path / "ready.json"
    assert "threadline serve --demo" in words(alice.get(reverse("demo")))
    (tmp_path / "token").write_text("t")
    ready = {
        "host": "127.0.0.1",
        "control_port": 1,
        "token_path": str(tmp_path / "token"),
        "accounts": [{"address": "a"}],
    }
    settings.SANDBOX_READY_FILE.write_text(json.dumps(ready))
    assert "does not answer" in notices(alice.post(reverse("demo_make", args=["stop"]), follow=True))
