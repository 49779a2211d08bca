"""The sign-in in a real browser, as a person clicks through it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.plugins.browser import BrowserLog
from tests.servers.microsoft import REDIRECT, MicrosoftServer


def arrive(page: Page, server: MicrosoftServer, **more: str) -> None:
    """Open the sign-in; where it leads back to is answered by the test."""
    page.route(re.compile(re.escape(REDIRECT)), lambda route: route.fulfill(status=200, body="<h1>Back</h1>"))
    page.goto(server.authorize_url(prompt="select_account", state="s", **more))


def sign_in(page: Page, name: str, password: str = "secret") -> None:
    page.get_by_role("button", name=name).click()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_person_picks_an_account_signs_in_and_accepts(page: Page, server: MicrosoftServer) -> None:
    server.add_account("elin@clicking.example", name="Elin Sandberg")
    arrive(page, server)
    expect(page).to_have_title("Pick an account")
    sign_in(page, "Elin Sandberg", "wrong")
    expect(page.get_by_role("alert")).to_have_text("Your account or password is incorrect.")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading")).to_have_text("Permissions requested")
    expect(page.get_by_text("Read your mail")).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading")).to_have_text("Back")
    assert re.search(r"[?&]code=1\.A", page.url)
    assert "state=s" in page.url


def test_a_second_factor_is_approved(page: Page, server: MicrosoftServer) -> None:
    server.add_account("mia@factor.example", name="Mia Holm")
    server.demand_mfa("mia@factor.example")
    arrive(page, server)
    sign_in(page, "Mia Holm")
    expect(page.get_by_role("heading")).to_have_text("Approve sign in request")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading")).to_have_text("Permissions requested")


def test_need_admin_approval_is_settled_by_an_administrators_account(
    page: Page, server: MicrosoftServer, browser_log: BrowserLog
) -> None:
    browser_log.allow("403")
    server.add_account("user@approving.example", name="Una Berg")
    server.add_account("admin@approving.example", name="Adam Ek", admin=True)
    server.require_admin_approval("user@approving.example")
    arrive(page, server)
    sign_in(page, "Una Berg")
    expect(page.get_by_role("heading")).to_have_text("Need admin approval")
    page.get_by_role("button", name="Sign in with that account").click()
    sign_in(page, "Adam Ek")
    page.get_by_label("Consent on behalf of your organization").check()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading")).to_have_text("Back")
    arrive(page, server)
    sign_in(page, "Una Berg")
    expect(page.get_by_role("heading")).to_have_text("Back")
    assert "code=" in page.url


def test_who_asks_for_approval_is_told_that_it_was_sent(page: Page, server: MicrosoftServer) -> None:
    server.add_account("user@asking.example", name="Ute Falk")
    server.require_admin_approval("user@asking.example", "workflow")
    arrive(page, server)
    sign_in(page, "Ute Falk")
    page.get_by_role("button", name="Request approval").click()
    expect(page.get_by_role("heading")).to_have_text("Request sent")
    page.get_by_role("button", name="Return to the application").click()
    expect(page.get_by_role("heading")).to_have_text("Back")
    assert "error=access_denied" in page.url
    assert "AADSTS90095" in page.url
