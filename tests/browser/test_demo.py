"""The demo as somebody meets it: what it prints, its account, its cases, its panel of troubles, and its end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.installation import PROGRAM, Installation
from tests.browser.recruiter import Recruiter

ACCOUNT = "sofia@northgate.example"
# Every case in one process: starting the program eighteen times would take longer than all the rest.
EXPLAIN = """
import json, sys
from click.testing import CliRunner
from threadline.cli.program import program
for case in json.load(sys.stdin)["cases"]:
    told = CliRunner().invoke(program, ["explain", "--mailbox", sys.argv[1], "--message-id", case["message_id"],
                                        "--person", case["person"], "--json"])
    print(json.dumps([case, json.loads(told.stdout)]))
"""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    path = tmp_path / "now"
    path.write_text("+0")
    return path


@pytest.fixture
def demo(tmp_path: Path, clock: Path) -> Iterator[Installation]:
    with Installation(tmp_path / "data", "--demo", THREADLINE_DEMO="1", THREADLINE_NOW_FILE=str(clock)) as running:
        yield running


@pytest.mark.timeout(300)
def test_the_demo_breaks_and_mends_as_it_says_and_finds_its_data_again(
    demo: Installation, clock: Path, page: Page
) -> None:
    sofia = Recruiter(page, demo.url)
    connect_the_printed_account(sofia, demo)
    every_case_is_explained_as_expected(demo)
    a_delivered_email_comes_with_the_next_refresh(sofia)
    a_filed_email_stays_on_the_profile_with_a_note(sofia)
    a_stopped_server_asks_nothing_of_anybody(sofia)
    new_numbers_bring_nothing_twice(sofia, demo)
    a_changed_password_is_noticed_and_mended_in_place(sofia, clock)
    a_taken_port_is_said_plainly(demo)
    held = len(demo.lines("messages", "list", "--mailbox", ACCOUNT))
    assert len(demo.processes()) >= 3
    assert demo.stop() == 0
    assert "Stopped. Everything is kept" in demo.printed
    assert demo.processes() == {}
    assert "is connected; what you did last time is still here" in demo.start()
    sofia.go("/emails/")
    expect(sofia.page.locator(".email-row").first).to_be_visible()
    assert len(demo.lines("messages", "list", "--mailbox", ACCOUNT)) == held


def connect_the_printed_account(sofia: Recruiter, demo: Installation) -> None:
    user = re.search(r"Sign in\s+(\S+)\s+password: (\S+)", demo.printed)
    mailbox = re.search(r"Mailbox\s+(\S+)\s+password: (\S+)", demo.printed)
    assert user is not None, demo.printed
    assert mailbox is not None, demo.printed
    assert f"Threadline    {demo.url}" in demo.printed
    assert f"{demo.url}/demo/" in demo.printed
    sofia.sign_in(user[1], user[2])
    sofia.follow("Connect a mailbox")
    sofia.find_server(mailbox[1])
    sofia.fill(password=mailbox[2])
    sofia.press("Connect")
    sofia.page.wait_for_url(re.compile(r"/settings/\d+/$"))
    expect(sofia.page.locator("section.panel")).to_have_count(0, timeout=60_000)
    sofia.reads("History is complete")


def every_case_is_explained_as_expected(demo: Installation) -> None:
    expected = (demo.folder / "sandbox" / "expected.json").read_text()
    done = subprocess.run(
        [sys.executable, "-c", EXPLAIN, ACCOUNT],
        env=demo.environment,
        input=expected,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(json.loads(expected)["cases"]) > 15
    assert [_as_told(case, verdict) for case, verdict in told] == [_as_expected(case) for case, _ in told]


def _as_expected(case: dict[str, Any]) -> dict[str, Any]:
    return {name: case[name] for name in ("case", "shown", "near_miss")} | {"rules": sorted(case["rules"])}


def _as_told(case: dict[str, Any], verdict: dict[str, Any]) -> dict[str, Any]:
    near = [reason["near_miss"] for reason in verdict["reasons"] if reason["near_miss"]]
    rules = sorted(reason["rule"] for reason in verdict["reasons"])
    return {"case": case["case"], "shown": verdict["shown"], "near_miss": "".join(near), "rules": rules}


def a_delivered_email_comes_with_the_next_refresh(sofia: Recruiter) -> None:
    sofia.go("/demo/")
    sofia.fill(template="thanks")
    sofia.press("Deliver it")
    sofia.reads("It is not on a profile yet: press Refresh on the Emails page and see it come.")
    assert "1 new, 1 on profiles" in sofia.refresh()
    expect(sofia.page.locator(".email-row").first.locator(".chip")).not_to_contain_text("no profile")


def a_filed_email_stays_on_the_profile_with_a_note(sofia: Recruiter) -> None:
    sofia.go("/emails/")
    newest = sofia.page.locator(".email-row").first
    subject, profile = newest.locator(".subject").inner_text(), newest.locator(".chip").first.get_attribute("href")
    sofia.go("/demo/")
    sofia.press("File it")
    sofia.reads("is in Clients/Acme now")
    sofia.refresh()
    sofia.go(profile or "")
    email = sofia.page.locator("li.received").filter(has_text=subject.strip()).first
    expect(email).to_contain_text("now in Clients/Acme")


def a_stopped_server_asks_nothing_of_anybody(sofia: Recruiter) -> None:
    sofia.go("/demo/")
    sofia.press("Stop it")
    sofia.reads("The mail server is stopped.")
    sofia.refresh()
    sofia.go("/settings/")
    sofia.reads("Connected, catching up")
    assert "Who must act" not in sofia.main.inner_text()
    sofia.go("/demo/")
    sofia.press("Start it")
    sofia.reads("The mail server runs again")
    assert "Done" in sofia.refresh()
    sofia.go("/settings/")
    assert "catching up" not in sofia.main.inner_text()


def new_numbers_bring_nothing_twice(sofia: Recruiter, demo: Installation) -> None:
    before = demo.lines("messages", "list", "--mailbox", ACCOUNT)
    sofia.go("/demo/")
    sofia.press("Renumber it")
    sofia.reads("have new numbers")
    assert "Nothing new" in sofia.refresh()
    after = demo.lines("messages", "list", "--mailbox", ACCOUNT)
    assert sorted(map(_identity, after)) == sorted(map(_identity, before))


def _identity(copy: dict[str, Any]) -> tuple[str, str, str]:
    return copy["folder"], str(copy["message_id"]), copy["subject"]


def a_changed_password_is_noticed_and_mended_in_place(sofia: Recruiter, clock: Path) -> None:
    sofia.go("/demo/")
    sofia.press("Change it")
    said = re.search(rf"The password of {ACCOUNT} is now (\S+)\. Press", sofia.main.inner_text())
    assert said is not None
    sofia.refresh()
    sofia.go("/settings/")
    sofia.reads("Connected, catching up")
    clock.write_text("+660")  # one more attempt, at least ten minutes later, decides
    for _ in range(60):
        sofia.page.reload()
        if "Sign in again" in sofia.page.locator(".status-card .state").first.inner_text():
            break
        sofia.page.wait_for_timeout(500)
    sofia.follow("Sign in again")
    sofia.fill(password=said[1])
    sofia.press("Sign in")
    sofia.reads("is connected again")
    expect(sofia.page.locator("section.panel")).to_have_count(0, timeout=30_000)
    expect(sofia.page.locator(".status-card .state").first).to_have_text("Connected")


def a_taken_port_is_said_plainly(demo: Installation) -> None:
    done = subprocess.run(
        [*PROGRAM, "serve", "--port", str(demo.port)],
        env=demo.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"Port {demo.port} on 127.0.0.1 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
