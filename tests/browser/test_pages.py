"""Every page at three widths: nothing sticks out, nothing is refused, and all of it is reached by keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests import templates
from tests.browser.installation import Installation
from tests.browser.recruiter import Recruiter
from tests.sweep import sample

pytestmark = pytest.mark.xdist_group("pages")  # what they share is made once

ACCOUNT, PASSWORD = "sofia@northgate.example", "threadline-demo"
WIDTHS = (1280, 390, 320)
EXAMINED = 6  # pages, of some forty, in each set of colours
PEOPLE = ("Anna Berg", "Karin Ek", "Stefan Brückner")
FOCUSABLE = (
    "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select, textarea, summary, iframe"
)
# Numbers what can be focused, as far as it is to be seen now, and returns how many there are.
NUMBER = """selector => {
    const seen = [...document.querySelectorAll(selector)].filter(e => e.checkVisibility() && e.tabIndex >= 0);
    seen.forEach((element, number) => element.dataset.number = number);
    return seen.map(e => (e.getAttribute("aria-label") || e.textContent || e.name || e.tagName).trim().slice(0, 60));
}"""
FOCUSED = """() => {
    const element = document.activeElement;
    const marked = style => style.outlineStyle != "none" || style.boxShadow != "none";
    const looks = [[element], [element, "::after"], [element.parentElement]].map(where => getComputedStyle(...where));
    const shown = looks.some(marked) || element.tagName == "IFRAME";
    return [element.dataset.number ?? null, shown];
}"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The demo with Sofia's mailbox connected."""
    folder = tmp_path_factory.mktemp("pages")
    templates.seeded_sandbox(folder / "data" / "sandbox")
    with Installation(folder / "data", "--demo", THREADLINE_DEMO="1") as running:
        password = Path(folder / "password")
        password.write_text("sofia-demo")
        port = re.search(r'"imap_port": (\d+)', (running.folder / "sandbox" / "ready.json").read_text())
        assert port is not None
        where = ("--imap-host", "127.0.0.1", "--imap-port", port[1], "--imap-security", "none")
        running.json("mailbox", "add", ACCOUNT, "--user", ACCOUNT, "--password-file", str(password), *where)
        deadline = time.monotonic() + 60  # the worker begins by itself
        while running.json("mailbox", "status", ACCOUNT)["history"]["state"] != "complete":
            assert time.monotonic() < deadline
        yield running


@pytest.fixture
def sofia(demo: Installation, page: Page) -> Recruiter:
    recruiter = Recruiter(page, demo.url)
    recruiter.sign_in(ACCOUNT, PASSWORD)
    return recruiter


def paths(sofia: Recruiter) -> list[str]:
    """Every page, those of an email and of a person for several of them."""
    found = ["/people/", "/people/?q=zebra", "/people/add/", "/support/", "/help/", "/demo/", "/company/"]
    found += [f"/company/{page}/" for page in ("policy", "import", "users", "audit")]
    found += [f"/accounts/{page}/" for page in ("2fa", "sessions", "password/change")]
    found += [
        f"/settings/{page}" for page in ("", "connect/", "1/", "1/folders/", "1/sign-in/", "1/disconnect/", "1/for-it/")
    ]
    found += [f"/emails/1/{page}" for page in ("inbox/", "sent/", "inbox/?q=certificate", "inbox/?q=zzzz")]
    sofia.go("/emails/1/inbox/?q=Jonas")
    opened = [link.get_attribute("href") or "" for link in sofia.page.locator(".email-row .subject a").all()[:3]]
    found += opened
    for url in opened:
        sofia.go(url)
        found += [a.get_attribute("href") or "" for a in sofia.page.locator(".on-profiles a").all()]
    for name in PEOPLE:
        sofia.go(f"/people/?q={name}")
        found.append(sofia.page.locator(".person-cell").first.get_attribute("href") or "")
    found += [found[-1] + page for page in ("attachments/", "details/", "edit/", "merge/?q=a", "missing/?subject=a")]
    return list(dict.fromkeys(path.partition("#")[0] for path in found))


@pytest.mark.timeout(300)
def test_no_page_is_wider_than_its_window_and_each_has_one_main_heading(sofia: Recruiter) -> None:
    page, troubles = sofia.page, []
    for path in paths(sofia):
        answer = page.goto(sofia.url + path, timeout=60_000)  # one looks for mail in every folder of the server
        if answer is None or answer.status >= 400:
            troubles.append(f"{path} answers {answer.status if answer else 'nothing'}")
        headings = page.get_by_role("heading", level=1).count()
        if headings != 1:
            troubles.append(f"{path} has {headings} main headings")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if over > 0:
                troubles.append(f"{path} is {over} px wider than a window of {width}")
    assert troubles == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_page_hard_to_use(colours: Literal["light", "dark"], sofia: Recruiter) -> None:
    """axe-core's rules of WCAG 2.2 A and AA and its own best practices; mail itself is its sender's."""
    sofia.page.emulate_media(color_scheme=colours)
    options = {"resultTypes": ["violations"]}
    troubles = []
    for path in sample(paths(sofia), EXAMINED):
        sofia.page.goto(sofia.url + path, timeout=60_000)
        found = Axe().run(sofia.page, context={"exclude": [["iframe"]]}, options=options).response["violations"]
        troubles += [f"{path}: {rule['help']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
    assert troubles == []


@pytest.mark.timeout(300)
def test_the_colours_follow_the_system_and_the_readers_choice(sofia: Recruiter, context: BrowserContext) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    for path in ("/emails/1/inbox/", "/people/1/", "/settings/", "/company/policy/"):
        sofia.page.emulate_media(color_scheme="light")
        sofia.go(path)
        light = sofia.page.evaluate(ground)
        sofia.page.emulate_media(color_scheme="dark")
        dark = sofia.page.evaluate(ground)
        assert light != dark
    rail = sofia.page.locator(".rail-foot")
    rail.locator("summary").click()
    rail.get_by_role("button", name="Light").click()
    assert sofia.page.evaluate(ground) == light
    sofia.page.reload()
    assert sofia.page.evaluate(ground) == light
    assert {cookie.get("name"): cookie.get("value") for cookie in context.cookies()}["theme"] == "light"


@pytest.mark.parametrize("width", WIDTHS[:2])
def test_everything_is_reached_by_tab_and_shows_that_it_is(width: int, sofia: Recruiter) -> None:
    page = sofia.page
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/emails/1/inbox/?q=Jonas", "/people/1/", "/people/1/missing/", "/settings/1/", "/company/policy/"):
        sofia.go(path)
        names = page.evaluate(NUMBER, FOCUSABLE)
        reached: set[str] = set()
        for _ in range(len(names) + 30):
            page.keyboard.press("Tab")
            number, shows = page.evaluate(FOCUSED)
            if number is not None:
                assert shows, f"{path}: nothing shows that {names[int(number)]!r} has the focus"
                reached.add(number)
        missed = [name for number, name in enumerate(names) if str(number) not in reached]
        assert missed == [], path


def test_the_list_is_read_with_the_keyboard_alone(sofia: Recruiter) -> None:
    page = sofia.page
    sofia.go("/emails/1/inbox/")
    rows = page.locator(".email-row .subject a")
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(rows.nth(1)).to_be_focused()
    subject = rows.nth(1).inner_text()
    page.keyboard.press("Enter")
    heading = page.locator("#reading").get_by_role("heading", level=1)
    expect(heading).to_have_text(subject)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page).to_have_title(f"{subject} · Threadline")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(heading).to_have_text(rows.nth(2).inner_text())
    page.go_back()
    expect(heading).to_have_text(subject)
    page.keyboard.press("/")
    expect(page.locator("[data-key=search]")).to_be_focused()
    page.keyboard.type("rj?")
    expect(page.locator("[data-key=search]")).to_have_value("rj?")
    heading.click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("#list-head .fact.running")).to_be_visible()


def test_on_a_phone_an_email_opens_alone_and_leads_back(sofia: Recruiter) -> None:
    page = sofia.page
    page.set_viewport_size({"width": 390, "height": 844})
    sofia.go("/emails/1/inbox/")
    first = page.locator(".email-row").first
    first.locator(".subject a").click()
    expect(page.locator("#reading").get_by_role("heading", level=1)).to_be_visible()
    expect(first).to_be_hidden()
    page.get_by_role("navigation", name="Back").get_by_role("link").click()
    expect(first).to_be_visible()
