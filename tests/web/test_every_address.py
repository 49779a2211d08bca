"""Every address of Settings, Company and the start: walked by a stranger, an outsider and its owner."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from tests.services.world import ALICE, World
from tests.web.visiting import mailbox_of, refused_by_the_policy, words
from threadline.storage.models import Mailbox
from threadline.web.company import urls as company
from threadline.web.settings import urls as settings_urls
from threadline.web.start import urls as start

SECTIONS = (settings_urls, company, start)
OPEN = {
    "set_up",
    "home",
    "parts",
    "microsoft_callback",
    "microsoft_ended",
}  # not behind the sign-in, or only leading on
POST_ONLY = {"mailbox_refresh", "mailbox_check", "company_user", "demo_make", "connect_approval"}
DEMO = {"demo", "demo_make"}
LEADS_ON = {
    "connect_sign_in",
    "connect_microsoft",
    "connect_confirm",
    "company_policy_progress",
}  # asked for alone
PATTERNS: list[URLPattern] = [pattern for section in SECTIONS for pattern in section.urlpatterns]
NAMES = [str(pattern.name) for pattern in PATTERNS]
OF_A_MAILBOX = [name for name in NAMES if name.startswith("mailbox")]


@pytest.fixture
def mailbox(world: World) -> Mailbox:
    return mailbox_of(world.alice, state="admin_needed", cause="imap_disabled", who="it_administrator", answer="NO [X]")


def address(name: str, world: World, mailbox: Mailbox) -> str:
    """The address with Acme's own objects in it."""
    values: dict[str, Any] = {"mailbox_id": mailbox.pk, "user_id": world.bob.pk, "trouble": "stop"}
    pattern = next(pattern for pattern in PATTERNS if pattern.name == name)
    return reverse(name, kwargs={key: values[key] for key in pattern.pattern.converters})


def visit(client: Client, name: str, url: str) -> Any:
    return client.post(url) if name in POST_ONLY else client.get(url)


@pytest.mark.parametrize("name", sorted(set(NAMES) - OPEN))
def test_a_stranger_is_led_to_the_sign_in(name: str, world: World, mailbox: Mailbox) -> None:
    response = visit(Client(), name, address(name, world, mailbox))
    assert response.status_code == 302
    assert response.url.startswith("/accounts/login/")


@pytest.mark.parametrize("name", OF_A_MAILBOX)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_another_companys_does_not_exist_for_an_outsider(
    name: str, method: str, world: World, mailbox: Mailbox, charlie: Client
) -> None:
    response = getattr(charlie, method)(address(name, world, mailbox))
    if method == "get" and name in POST_ONLY:
        assert response.status_code == 405
    else:
        assert response.status_code == 404
        assert "acme" not in words(response).lower()


@pytest.mark.parametrize("name", OF_A_MAILBOX)
def test_a_colleagues_mailbox_does_not_exist_for_a_member(
    name: str, world: World, mailbox: Mailbox, bob: Client
) -> None:
    assert visit(bob, name, address(name, world, mailbox)).status_code == 404


def test_another_companys_user_cannot_be_changed(world: World, charlie: Client) -> None:
    response = charlie.post(reverse("company_user", args=[world.bob.pk]), {"role": "admin"})
    assert response.status_code == 404
    world.bob.refresh_from_db()
    assert world.bob.role == "member"


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(OF_A_MAILBOX) - POST_ONLY - OPEN - DEMO - LEADS_ON))
def test_nothing_of_one_company_shows_on_the_pages_of_another(
    name: str, world: World, mailbox: Mailbox, charlie: Client
) -> None:
    response = visit(charlie, name, address(name, world, mailbox))
    assert response.status_code == 200
    assert ALICE not in response.content.decode()
    assert "Acme" not in words(response)


@pytest.mark.parametrize("name", sorted(set(NAMES) - POST_ONLY - DEMO - LEADS_ON - {"home", "set_up"}))
def test_every_page_keeps_to_the_content_policy(name: str, world: World, mailbox: Mailbox, alice: Client) -> None:
    response = visit(alice, name, address(name, world, mailbox))
    if response.status_code == 302:  # nothing to ask, or to take: it was not there to be answered
        assert name in {"mailbox_progress", "microsoft_callback"}
        return
    assert response.status_code == (404 if name == "microsoft_ended" else 200)  # nothing has ended
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert refused_by_the_policy(response) == []
    assert response.content.decode().count("<h1") == 1 or name == "parts"


@pytest.mark.parametrize("name", sorted(DEMO))
def test_without_the_demo_there_is_nothing_to_break(name: str, world: World, mailbox: Mailbox, alice: Client) -> None:
    response = visit(alice, name, address(name, world, mailbox))
    assert response.status_code == 404
    assert "not the demo" in words(response)


def test_a_page_that_is_not_there_is_said_in_the_frame_of_who_is_signed_in(alice: Client) -> None:
    response = alice.get("/no-such-page/")
    assert response.status_code == 404
    assert refused_by_the_policy(response) == []
    assert "There is nothing here" in words(response)
    assert 'class="rail"' in response.content.decode()


def test_a_form_without_its_token_is_refused_in_a_sentence(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.alice)
    response = client.post(reverse("connect"), {"address": ALICE})
    assert response.status_code == 403
    assert "Nothing was done" in words(response)
    assert refused_by_the_policy(response) == []
