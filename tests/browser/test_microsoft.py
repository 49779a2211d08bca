"""A Microsoft 365 mailbox in the real pages: approved by an administrator, synced, expired, renewed, nothing lost."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import templates
from tests.browser.installation import Installation
from tests.browser.letters import letter
from tests.browser.recruiter import Recruiter
from tests.servers.microsoft import MicrosoftServer

SOFIA, IT = "sofia@northgate.onmicrosoft.com", "it@northgate.onmicrosoft.com"
ANNA, PASSWORD = "anna@posten.test", "a long way to Tipperary"
WORKING = 60_000  # milliseconds that the worker may take


@pytest.fixture
def office(microsoft: MicrosoftServer) -> MicrosoftServer:
    """Northgate in Microsoft 365, where only an administrator may allow reading mail."""
    microsoft.add_account(SOFIA, name="Sofia Lindqvist")
    microsoft.add_account(IT, name="Jonas Ek", admin=True)
    microsoft.require_admin_approval(SOFIA)
    for number in range(12):
        microsoft.deliver(SOFIA, mail(number))
    microsoft.set_clock(timedelta())
    return microsoft


@pytest.fixture
def place(tmp_path: Path, office: MicrosoftServer) -> Iterator[Installation]:
    known = {
        "THREADLINE_TESTING": "1",
        "THREADLINE_NOW_FILE": str(office.now_file),
        "THREADLINE_MICROSOFT_CLIENT_ID": office.client_id,
        "THREADLINE_MICROSOFT_CLIENT_SECRET": office.client_secret,
        "THREADLINE_MICROSOFT_LOGIN_URL": office.login_url,
        "THREADLINE_MICROSOFT_GRAPH_URL": office.graph_url,
    }
    prepared = Installation(templates.migrated(tmp_path / "data"), **known)
    prepared.environment["THREADLINE_MICROSOFT_NOTIFICATIONS_URL"] = prepared.url
    with prepared as running:
        password = tmp_path / "password"
        password.write_text(PASSWORD)
        running.json("company", "add", "Northgate", "--timezone", "Europe/Stockholm")
        running.json("user", "add", SOFIA, "--company", "Northgate", "--name", "Sofia Lindqvist", "--role", "admin",
                     "--password-file", str(password))  # fmt: skip
        running.json("people", "add", "--kind", "candidate", "--name", "Anna Berg", "--email", ANNA,
                     "--created-at", "2020-01-01T00:00:00Z")  # fmt: skip
        yield running


def mail(number: int, days_ago: int = 2) -> bytes:
    return letter(
        f"m{number}", f"Anna Berg <{ANNA}>", SOFIA, subject=f"About interview {number}", days_ago=days_ago
    ).raw


def at_microsoft(page: Page, name: str, *, password: str = "secret") -> None:
    """What a person does on Microsoft's pages up to where they lead back, or ask to allow something."""
    page.get_by_role("button", name=re.compile(name)).first.click()
    if page.get_by_role("heading", name="Enter password").is_visible():
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()


def held(place: Installation) -> Counter[str]:
    return Counter(one["message_id"] for one in place.lines("messages", "list", "--mailbox", SOFIA))


@pytest.mark.timeout(900)
def test_approved_by_an_administrator_synced_expired_and_renewed_with_nothing_lost(
    place: Installation, office: MicrosoftServer, page: Page, browser: Browser
) -> None:
    sofia = Recruiter(page, place.url)
    sofia.sign_in(SOFIA, PASSWORD)
    link = asks_for_the_approval(sofia)
    an_administrator_allows_it(browser, link)
    finishes_with_one_click(sofia)
    sees_the_emails(sofia)
    a_new_one_is_there_within_seconds(sofia, place, office)
    before = held(place)
    assert len(before) == 13
    ninety_days_pass(sofia, office)
    signs_in_again_with_one_click(sofia)
    after = held(place)
    assert set(after.values()) == {1}
    assert (len(after), set(before) <= set(after)) == (14, True)
    status = place.json("mailbox", "status", SOFIA)
    assert (status["state"], status["expires"]["basis"]) == ("connected", "90 days after its last use")
    assert place.json("mailbox", "verify", SOFIA)["complete"]


def asks_for_the_approval(sofia: Recruiter) -> str:
    """Connecting ends at "Need admin approval"; the link of the ready message."""
    sofia.go("/settings/connect/")
    sofia.fill(address=SOFIA)
    sofia.press("Detect email type")
    sofia.reads("Move, mark or delete mail")
    sofia.follow("Continue with Microsoft")
    at_microsoft(sofia.page, "Sofia Lindqvist")
    expect(sofia.page.get_by_role("heading", name="Need admin approval")).to_be_visible()
    sofia.page.get_by_role("button", name="Return to the application").click()
    sofia.reads("Message for your IT administrator")
    text = sofia.page.locator("#letter").input_value()
    found = re.search(r"http\S+/adminconsent\?\S+", text)
    assert found is not None, text
    return found[0]


def an_administrator_allows_it(browser: Browser, link: str) -> None:
    """Somebody else, with a browser that has never been here."""
    elsewhere = browser.new_context()
    page = elsewhere.new_page()
    page.goto(link)
    at_microsoft(page, "Jonas Ek")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", name=re.compile("We are checking|Thank you, that was all"))).to_be_visible()
    assert page.url.endswith("/oauth/microsoft/ended/"), "no state stays in the address"
    expect(page.get_by_role("heading", name="Thank you, that was all")).to_be_visible(timeout=WORKING)
    elsewhere.close()


def finishes_with_one_click(sofia: Recruiter) -> None:
    sofia.go("/people/")
    sofia.reads("Your administrator has allowed it")
    sofia.follow("Finish connecting")
    at_microsoft(sofia.page, "Sofia Lindqvist")
    sofia.reads(f"{SOFIA} is connected")


def sees_the_emails(sofia: Recruiter) -> None:
    expect(sofia.main).to_contain_text("History is complete", timeout=WORKING)
    sofia.reads("Forecast: stays connected")
    sofia.go("/emails/")
    expect(sofia.row("About interview 3")).to_be_visible()
    sofia.open_profile("Anna Berg")
    sofia.reads("About interview 7")


def a_new_one_is_there_within_seconds(sofia: Recruiter, place: Installation, office: MicrosoftServer) -> None:
    """Nobody presses anything, and the schedule is a day away: Microsoft says so."""
    wait_until(sofia, lambda: "in 2 folders" in told(place), seconds=60)
    sofia.go("/emails/")
    opened = sofia.open_email("About interview 5")
    where = sofia.row("About interview 5").bounding_box()
    office.deliver(SOFIA, mail(99, days_ago=0))
    said = sofia.main.get_by_role("link", name="1 new email – show it")
    expect(said).to_be_visible(timeout=45_000)
    expect(sofia.page.locator("#announcements")).to_have_text("1 new email – show it")
    assert sofia.row("About interview 5").bounding_box() == where, "nothing moves under who is reading"
    expect(sofia.row("About interview 99")).to_have_count(0)
    said.focus()
    sofia.page.keyboard.press("Enter")
    expect(sofia.row("About interview 99").locator(".subject a")).to_be_focused()
    expect(sofia.row("About interview 5")).to_have_attribute("aria-current", "true")
    expect(opened).to_contain_text("About interview 5")
    expect(sofia.page.locator("#list-head")).to_contain_text("Inbox 13")
    expect(said).to_have_count(0)
    assert "last at" in told(place)


def told(place: Installation) -> str:
    checks = place.json("doctor", SOFIA)["checks"]
    return str(next(check["detail"] for check in checks if check["name"] == "notifications"))


def wait_until(sofia: Recruiter, holds: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        sofia.page.wait_for_timeout(500)


def ninety_days_pass(sofia: Recruiter, office: MicrosoftServer) -> None:
    office.set_clock(timedelta(days=91))
    office.deliver(SOFIA, mail(12, days_ago=0))
    for _ in range(60):
        sofia.go("/settings/")
        if sofia.main.get_by_text("had not been used for 90 days").count():
            break
        sofia.page.wait_for_timeout(1000)
    sofia.reads("Microsoft ended our access because it had not been used for 90 days")
    sofia.reads("Who must act")


def signs_in_again_with_one_click(sofia: Recruiter) -> None:
    sofia.follow("Sign in again")
    at_microsoft(sofia.page, "Sofia Lindqvist")
    sofia.reads("is connected again")
    expect(sofia.main).to_contain_text("History is complete", timeout=WORKING)
    sofia.go("/emails/")
    expect(sofia.row("About interview 12")).to_be_visible()
