"""A Microsoft mailbox from the command line: a link is printed, a browser opens it, the command says how it ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from tests import templates
from tests.browser.installation import PROGRAM, Installation
from tests.cli.conftest import ANNA, OWNER, Cli, named, northgate_mail
from tests.servers.microsoft import MicrosoftServer
from tests.servers.process import free_port
from tests.services.microsoft_world import registration

SOFIA = "sofia@northgate.onmicrosoft.com"
SECONDS = 120


@pytest.fixture
def installation(tmp_path: Path, microsoft: MicrosoftServer) -> Iterator[Installation]:
    """The program with its own data, registered with Microsoft. Its pages are not started yet."""
    known = {
        "THREADLINE_TESTING": "1",
        "THREADLINE_MICROSOFT_CLIENT_ID": microsoft.client_id,
        "THREADLINE_MICROSOFT_CLIENT_SECRET": microsoft.client_secret,
        "THREADLINE_MICROSOFT_LOGIN_URL": microsoft.login_url,
        "THREADLINE_MICROSOFT_GRAPH_URL": microsoft.graph_url,
    }
    microsoft.add_account(SOFIA)
    prepared = Installation(templates.migrated(tmp_path / "data"), **known)
    prepared.environment["THREADLINE_PORT"] = str(prepared.port)
    assert prepared.command("company", "add", "Northgate").returncode == 0
    assert prepared.command("user", "add", SOFIA, "--company", "Northgate").returncode == 0
    yield prepared
    prepared.__exit__(None, None, None)


def adding(installation: Installation, *options: str) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    """`mailbox add` at work, and the link it has printed."""
    return signing_in_with(installation, "mailbox", "add", SOFIA, "--user", SOFIA, *options)


@contextmanager
def signing_in_with(installation: Installation, *command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command at work that waits for a sign-in, and the link it has printed."""
    process = subprocess.Popen(
        [*PROGRAM, *command],
        env=installation.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        yield (
            process,
            next(found[0] for line in process.stderr if (found := re.search(r"http\S+/authorize\?\S+", line))),
        )
    finally:
        process.kill()
        process.communicate()


def visit(url: str) -> str:
    """What a browser without any session is shown."""
    script = "import sys, httpx; print(httpx.get(sys.argv[1], trust_env=False, follow_redirects=True).text)"
    done = subprocess.run(
        [sys.executable, "-c", script, url], env=os.environ, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return done.stdout


@pytest.mark.timeout(300)
def test_the_printed_link_connects_the_mailbox_while_the_command_waits(
    installation: Installation, microsoft: MicrosoftServer
) -> None:
    installation.start()
    with adding(installation, "--json") as (command, link):
        back = microsoft.click_through(link, SOFIA)
        assert back.startswith(f"{installation.url}/oauth/microsoft/callback?")
        assert "the command in the terminal goes on" in visit(back)
        output, _ = command.communicate(timeout=SECONDS)
    assert command.returncode == 0
    status = json.loads(output)
    assert (status["provider"], status["state"]) == ("graph", "connected")
    assert status["expires"]["basis"] == "90 days after its last use"
    deadline = time.monotonic() + SECONDS  # the worker is at it already, so that another refresh may be refused
    while installation.json("mailbox", "status", SOFIA)["history"]["state"] != "complete":
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.mark.timeout(300)
def test_without_the_pages_the_address_the_browser_ended_at_is_pasted(
    installation: Installation, microsoft: MicrosoftServer
) -> None:
    with adding(installation) as (command, link):
        output, error = command.communicate(microsoft.click_through(link, SOFIA) + "\n", timeout=SECONDS)
    assert command.returncode == 0, error
    assert f"Connected {SOFIA}" in output
    checks = installation.json("doctor", SOFIA)["checks"]
    assert all(check["ok"] for check in checks), checks
    assert "accepts this installation" in named(checks, "microsoft")["detail"]


def test_another_account_than_the_typed_one_is_refused_at_the_terminal(
    installation: Installation, microsoft: MicrosoftServer
) -> None:
    microsoft.add_account("elin@northgate.onmicrosoft.com")
    with adding(installation, "--json") as (command, link):
        back = microsoft.click_through(link, "elin@northgate.onmicrosoft.com")
        output, error = command.communicate(back + "\n", timeout=SECONDS)
    assert (command.returncode, output) == (1, "")
    said = json.loads(error)["error"]
    assert "You signed in as elin@northgate.onmicrosoft.com" in said
    assert said.endswith("The command has ended; run it again for a new link.")
    assert installation.lines("mailbox", "list") == []


@pytest.mark.parametrize(
    ("state", "ok", "said"),
    [("valid", True, "accepts this installation"), ("expired", False, "expired"), ("replaced", False, "secret")],
)
def test_the_doctor_asks_microsoft_whether_it_knows_this_installation(
    state: str, ok: bool, said: str, registered: Cli, microsoft: MicrosoftServer
) -> None:
    microsoft.set_secret(state)
    check = named(registered.json("doctor", status=0 if ok else 1)["checks"], "microsoft")
    assert check["ok"] is ok
    assert said in check["detail"]
    assert ok or (check["who"], bool(check["remedy"])) == ("operator", True)


def test_the_doctor_says_what_is_missing_and_what_ends_soon(
    registered: Cli, microsoft: MicrosoftServer, settings: Any
) -> None:
    settings.MICROSOFT = registration(microsoft, secret_expires=date.today() + timedelta(days=9))  # noqa: DTZ011
    check = named(registered.json("doctor")["checks"], "microsoft")
    assert (check["ok"], bool(check["remedy"])) == (True, True)
    assert "days" in check["detail"]
    assert [warning.id for warning in run_checks() if warning.id.startswith("threadline")] == ["threadline.W001"]
    settings.MICROSOFT = registration(microsoft, client_secret="")
    check = named(registered.json("doctor", status=1)["checks"], "microsoft")
    assert "THREADLINE_MICROSOFT_CLIENT_SECRET" in check["detail"]
    settings.MICROSOFT = registration(microsoft, client_secret="", client_id="")
    assert "not set up" in named(registered.json("doctor")["checks"], "microsoft")["detail"]


def test_the_doctor_names_the_setting_of_an_address_that_does_not_answer(
    registered: Cli, microsoft: MicrosoftServer, settings: Any
) -> None:
    nobody_there = f"http://127.0.0.1:{free_port()}"
    settings.MICROSOFT = registration(microsoft, login_url=nobody_there)
    check = named(registered.json("doctor", status=1)["checks"], "microsoft")
    assert (check["ok"], check["who"]) == (False, "operator")
    assert f"Is THREADLINE_MICROSOFT_LOGIN_URL right? It is {nobody_there}." in check["remedy"]


def explained(cli: Cli, number: int, *options: str) -> dict[str, Any]:
    key = f"m{number}@posten.example"
    found: dict[str, Any] = cli.json(
        "explain", "--mailbox", OWNER, "--message-id", key, "--person", ANNA, *options, status=0
    )
    return found


def test_a_microsoft_mailbox_is_refreshed_verified_and_explained(connected: Cli, microsoft: MicrosoftServer) -> None:
    assert "known after a refresh" in connected.ok("mailbox", "folders", OWNER).out
    report = connected.json("mailbox", "refresh", OWNER)
    assert [(folder["name"], folder["new"]) for folder in report["folders"]] == [("Inbox", 2), ("Sent Items", 1)]
    assert explained(connected, 0)["shown"] is True
    assert "Candidates" in json.dumps(explained(connected, 2))  # found by asking Microsoft
    folders = connected.json("mailbox", "folders", OWNER, "--set", "Candidates=include")
    assert {one["name"] for one in folders if one["synced"]} == {"Inbox", "Sent Items", "Candidates"}
    assert connected.json("mailbox", "refresh", OWNER)["folders"][2]["new"] == 1
    assert explained(connected, 2)["shown"] is True
    gone = microsoft.messages(OWNER)[0]
    microsoft.delete(OWNER, gone["id"])
    microsoft.deliver(OWNER, northgate_mail(9))
    check = connected.json("mailbox", "verify", OWNER)
    assert check["complete"]
    assert {(one["name"], one["on_server"], one["held"], one["new"]) for one in check["folders"]} == {
        ("Inbox", 2, 1, 1), ("Sent Items", 1, 1, 0), ("Candidates", 1, 1, 0),
    }  # fmt: skip


def test_a_disconnected_one_keeps_its_emails_and_says_what_to_do(connected: Cli) -> None:
    connected.ok("mailbox", "refresh", OWNER)
    said = connected.ok("mailbox", "disconnect", OWNER).out
    assert "Its sign-in was forgotten. Held here, now as before: 3 emails; on profiles: " in said
    assert len(connected.lines("messages", "list", "--mailbox", OWNER)) == 3
    assert "not signed in" in connected("mailbox", "refresh", OWNER).out
    assert connected("mailbox", "verify", OWNER).err.strip().endswith("Sign in again; nothing is lost.")
    check = named(connected.json("doctor", OWNER, status=1)["checks"], "sign_in")
    assert (check["ok"], check["who"]) == (False, "you")


def test_an_ended_sign_in_is_said_once_with_what_to_do(connected: Cli, microsoft: MicrosoftServer) -> None:
    connected.ok("mailbox", "refresh", OWNER)
    microsoft.revoke(OWNER)
    for command in (("verify", OWNER), ("refresh", OWNER)):
        answer = connected("mailbox", *command)
        assert answer.status == 1
        assert (answer.out + answer.err).count("Sign in") == 1
    checks = connected.json("doctor", OWNER, status=1)["checks"]
    assert [check["name"] for check in checks if not check["ok"]] == ["sign_in"]
    status = connected.json("mailbox", "status", OWNER)
    assert (status["state"], status["expires"]) == ("reauthorise", None)


@pytest.mark.timeout(300)
def test_signing_in_again_at_the_terminal_is_for_the_same_account_only(
    installation: Installation, microsoft: MicrosoftServer, tmp_path: Path
) -> None:
    with adding(installation) as (command, link):
        command.communicate(microsoft.click_through(link, SOFIA) + "\n", timeout=SECONDS)
    assert installation.command("mailbox", "disconnect", SOFIA).returncode == 0
    microsoft.add_account("elin@northgate.onmicrosoft.com")
    for who, status, said in (
        ("elin@northgate.onmicrosoft.com", 1, f"this mailbox belongs to {SOFIA}"),
        (SOFIA, 0, f"Connected {SOFIA} again"),
    ):
        with signing_in_with(installation, "mailbox", "reconnect", SOFIA) as (command, link):
            output, error = command.communicate(microsoft.click_through(link, who) + "\n", timeout=SECONDS)
        assert (command.returncode, said in output + error) == (status, True), output + error
    password = tmp_path / "password"
    password.write_text("secret")
    refused = installation.command("mailbox", "reconnect", SOFIA, "--password-file", str(password))
    assert (refused.returncode, "takes no password" in refused.stderr) == (1, True)
