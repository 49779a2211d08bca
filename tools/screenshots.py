"""Takes a picture of each page: wide and phone, light and dark.

    .venv/bin/python tools/screenshots.py http://127.0.0.1:8000 OUT /emails/ /people/ [--login EMAIL:PASSWORD]

Pictures are named after the path, the width and the colours (`emails-wide-dark.png`). A page that answers with an error
or logs one (a refused style, a missing file) is reported, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

SIZES = {"wide": (1280, 800), "phone": (390, 844), "narrow": (320, 640)}


def main() -> int:
    options = _arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_sandbox())
        for size in options.sizes.split(","):
            for colours in options.colours.split(","):
                with _page(browser, size, colours, troubles) as page:
                    if options.login:
                        _sign_in(page, options.base, options.login)
                    for path in options.paths:
                        _picture(page, options, path, f"{size}-{colours}", troubles)
        browser.close()
    for trouble in dict.fromkeys(troubles):
        print(trouble, file=sys.stderr)  # noqa: T201 - a tool's output
    return 1 if troubles else 0


def _sandbox() -> list[str]:
    """Chromium refuses to run its sandbox as root, which is what containers usually are."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="where the pages are, for example http://127.0.0.1:8000")
    parser.add_argument("out", type=Path, help="the folder for the pictures")
    parser.add_argument("paths", nargs="+", help="paths of pages, each beginning with /")
    parser.add_argument("--login", help="EMAIL:PASSWORD to sign in with first")
    parser.add_argument("--sizes", default="wide,phone", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--colours", default="light,dark")
    parser.add_argument("--window", action="store_true", help="only what the window shows, not the whole page")
    return parser.parse_args()


@contextmanager
def _page(browser: Browser, size: str, colours: str, troubles: list[str]) -> Iterator[Page]:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if colours == "dark" else "light",
        reduced_motion="reduce",
        device_scale_factor=1,
    )
    page = context.new_page()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            troubles.append(f"{page.url} ({size}): {message.text}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            troubles.append(f"{response.url}: {response.status}")

    page.on("console", heard)
    page.on("response", answered)
    try:
        yield page
    finally:
        context.close()


def _sign_in(page: Page, base: str, login: str) -> None:
    email, _, password = login.partition(":")
    page.goto(f"{base}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_load_state()


def _picture(page: Page, options: argparse.Namespace, path: str, suffix: str, troubles: list[str]) -> None:
    page.goto(options.base + path)
    page.wait_for_load_state("networkidle")
    name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"
    width, height = SIZES[suffix.split("-", maxsplit=1)[0]]
    if not options.window:
        # A window as tall as the page puts what is fixed to its edges where a reader sees it, instead of in the middle.
        tall = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height, tall)})
    page.screenshot(path=options.out / f"{name}-{suffix}.png", full_page=not options.window)
    page.set_viewport_size({"width": width, "height": height})
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 0:
        troubles.append(f"{path} ({suffix}): the page is {overflow} px wider than the window")


if __name__ == "__main__":
    sys.exit(main())
