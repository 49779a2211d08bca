"""What a recruiter does in the pages, by the words that stand on them."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

# The default of five seconds is too short where other work has the machine.
expect.set_options(timeout=15_000)


class Recruiter:
    """Somebody at a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    def press(self, name: str, *, within: Locator | None = None) -> None:
        (within or self.main).get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        (within or self.main).get_by_role("link", name=name).first.click()

    def fill(self, **fields: str) -> None:
        """Fill in by the names of the fields."""
        for name, value in fields.items():
            field = self.main.locator(f"form [name={name}]")
            if field.evaluate("field => field.localName") == "select":
                field.select_option(value)
            else:
                field.fill(value)

    def reads(self, text: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        expect(within or self.main).to_contain_text(text)

    def error_beside(self, field: str) -> str:
        """The one sentence beside a field that was refused."""
        sentences = self.main.locator(f"#id_{field}_error .error")
        expect(sentences).to_have_count(1)
        return sentences.inner_text().strip()

    # Who

    def sign_in(self, email: str, password: str) -> None:
        self.go("/accounts/login/")
        self.fill(login=email, password=password)
        self.press("Sign in")
        expect(self.page.locator("header.rail")).to_be_visible()

    def sign_out(self) -> None:
        rail = self.page.locator(".rail-foot")
        rail.locator("summary").click()
        rail.get_by_role("button", name="Sign out").click()

    # The mailbox

    def find_server(self, address: str) -> None:
        """Step one of connecting, up to where the password is asked for."""
        self.go("/settings/connect/")
        self.fill(address=address)
        self.press("Detect email type")
        expect(self.main.locator("[name=password]")).to_be_attached()

    def refresh(self) -> str:
        """Press Refresh over the list, wait until it has ended, and read what it did."""
        self.go("/emails/")
        head = self.page.locator("#list-head")
        head.get_by_role("button", name="Refresh").click()
        expect(head.locator(".fact.running")).to_be_visible()
        expect(head.locator(".fact.running")).to_have_count(0, timeout=30_000)
        return head.locator(".facts").inner_text()

    # Emails and people

    def row(self, subject: str) -> Locator:
        return self.page.locator(".email-row").filter(has_text=subject)

    def open_email(self, subject: str) -> Locator:
        """Open it beside the list."""
        self.row(subject).locator(".subject a").click()
        reading = self.page.locator("#reading")
        expect(reading.get_by_role("heading", level=1)).to_have_text(subject)
        return reading

    def open_profile(self, name: str) -> None:
        self.go("/people/")
        self.follow(re.compile(re.escape(name)))
        expect(self.main.get_by_role("heading", level=1)).to_have_text(name)

    def look_for(self, name: str, subject: str) -> Locator:
        """Ask on a profile for an email that is missing there; the results."""
        self.open_profile(name)
        self.follow("Find the missing email")
        self.fill(subject=subject)
        self.press("Find it")
        results = self.page.locator("#results")
        expect(results.get_by_role("heading", level=2)).to_contain_text("found")
        return results

    def unmet(self) -> list[str]:
        """The conditions that a verdict says are not met."""
        expect(self.page.locator("ol.verdict")).to_be_visible()
        return self.page.locator("ol.verdict > .unmet h2").all_inner_texts()

    def download(self, link: Locator) -> tuple[str, bytes]:
        with self.page.expect_download() as waited:
            link.click()
        return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()
