"""Chromium for tests of the real pages: a new context per test, and no error in the console goes unnoticed.

`page` fails its test when the page wrote an error to the console, threw one, or was stopped by the
Content-Security-Policy. A test that provokes one says so beforehand: `browser_log.allow("404")`.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from tests.plugins.needs import CHROMIUM

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # The browser too reaches nothing but this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class BrowserLog:
    """What went wrong in the pages of one test."""

    def __init__(self) -> None:
        self._allowed: list[re.Pattern[str]] = []
        self._said: list[str] = []

    def allow(self, pattern: str) -> None:
        """Errors matching this regular expression are expected in this test."""
        self._allowed.append(re.compile(pattern))

    @property
    def problems(self) -> list[str]:
        return [said for said in self._said if not any(pattern.search(said) for pattern in self._allowed)]

    def watch(self, context: BrowserContext) -> None:
        # Chromium reports what a Content-Security-Policy stopped as an error in the console.
        context.on("console", self._console)
        context.on("weberror", lambda error: self._said.append(f"uncaught: {error.error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location
            self._said.append(f"{message.text} ({place.get('url', '')}:{place.get('lineNumber', '')})")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module: it starts in 0.7 s, and other modules do not inherit its event loop."""
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright's synchronous calls run an event loop in this thread, which makes Django refuse its own.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def browser_log() -> BrowserLog:
    return BrowserLog()


@pytest.fixture
def context(browser: Browser, browser_log: BrowserLog) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", timezone_id="Europe/London")
    made.set_default_timeout(15_000)
    browser_log.watch(made)
    yield made
    try:
        made.close()
    except Error as error:
        raise AssertionError(f"the browser ended during the test: {error}") from error
    assert browser_log.problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
