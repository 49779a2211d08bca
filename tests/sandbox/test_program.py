"""The sandbox as a process: the ready file, the control API, and what survives a violent end."""

from __future__ import annotations

import imaplib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import templates
from tests.servers.certificates import Authority
from threadline.sandbox.demo import MAILBOX, PASSWORD

pytestmark = pytest.mark.xdist_group("program")  # what they share is made once

ANNA = {"name": "Anna Berg", "address": "anna.berg@posten.example"}


class Program:
    """A running sandbox."""

    def __init__(self, data: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.data = data
        ready = data / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "threadline.sandbox", "--data", str(data), "--ready-file", str(ready)]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        until = time.monotonic() + 110
        while not ready.exists():
            assert self.process.poll() is None, self.process.stderr.read()  # type: ignore[union-attr]
            assert time.monotonic() < until
            time.sleep(0.02)
        self.ready = json.loads(ready.read_text())
        self.token = Path(self.ready["token_path"]).read_text()

    def call(self, path: str, body: dict[str, object] | None = None, token: str | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ready['control_port']}/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token if token is None else token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def refused(self, path: str, body: dict[str, object] | None = None, token: str | None = None) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as problem:
            self.call(path, body, token)
        with problem.value as answer:
            return answer.code, json.load(answer)["error"]

    def client(self, password: str = PASSWORD) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.ready["imap_port"], timeout=20)
        try:
            client.login(MAILBOX, password)
        except imaplib.IMAP4.error:
            client.shutdown()
            raise
        return client

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        status = self.process.wait(20)
        for stream in (self.process.stdin, self.process.stderr):
            assert stream
            stream.close()
        return status


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def begin(*arguments: str, environment: dict[str, str] | None = None) -> Program:
        programs.append(Program(tmp_path, *arguments, environment=environment))
        return programs[-1]

    yield begin
    for program in programs:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


@pytest.fixture
def seeded(tmp_path: Path) -> None:
    """The folder of `start` holds the demo's mail already."""
    templates.seeded_sandbox(tmp_path)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(templates.seeded_sandbox(tmp_path_factory.mktemp("demo")), "--only", "imap")
    yield program
    assert program.end() == 0


# The process


def test_the_ready_file_says_where_everything_is(demo: Program) -> None:
    assert {account["address"]: account["password"] for account in demo.ready["accounts"]}[MAILBOX] == PASSWORD
    assert stat.S_IMODE(Path(demo.ready["token_path"]).stat().st_mode) == 0o600
    client = demo.client()
    assert int(client.select("INBOX", readonly=True)[1][0]) > 350
    client.logout()


def test_one_of_the_servers_can_be_left_out(start: Start) -> None:
    first = start("--empty")
    assert first.ready["imap_port"]
    first.end()
    second = start("--empty", "--only", "microsoft")
    assert second.ready["imap_port"] == 0
    assert second.ready["microsoft"]["port"] == first.ready["microsoft"]["port"]
    assert second.call("microsoft/state")["client_id"] == first.ready["microsoft"]["client_id"]
    second.end()
    third = start("--empty", "--only", "imap")
    assert "microsoft" not in third.ready
    assert third.ready["imap_port"] == first.ready["imap_port"]
    assert third.refused("microsoft/nothing")[0] == 404


def test_a_killed_sandbox_comes_back_on_its_ports_with_its_mail(start: Start) -> None:
    first = start("--only", "imap")
    validity = first.call("folders")["folders"]
    delivered = [first.call("deliver", {"person": ANNA})["uid"] for _ in range(5)]
    first.end(signal.SIGKILL)
    second = start("--only", "imap")
    assert second.ready["imap_port"] == first.ready["imap_port"]
    assert second.ready["control_port"] == first.ready["control_port"]
    assert second.token == first.token
    assert second.ready["accounts"] == first.ready["accounts"], "who is the demo's own is who is named first"
    found = second.call("messages?limit=5")["messages"]
    assert [one["uid"] for one in found] == delivered[::-1]
    after = {one["name"]: one["uid_validity"] for one in second.call("folders")["folders"]}
    assert after == {one["name"]: one["uid_validity"] for one in validity}


def test_a_taken_port_is_given_up_for_another(start: Start) -> None:
    first = start("--empty")
    first.end()
    with socket.create_server(("127.0.0.1", first.ready["imap_port"])):
        second = start("--empty")
        assert second.ready["imap_port"] != first.ready["imap_port"]


def test_a_second_sandbox_over_the_same_folder_says_so_and_ends(start: Start) -> None:
    first = start("--empty")
    again = subprocess.run(
        [sys.executable, "-m", "threadline.sandbox", "--data", first.data], capture_output=True, timeout=30, check=False
    )
    assert again.returncode == 1
    assert b"Another sandbox is running" in again.stderr


def test_it_ends_when_its_standard_input_does(start: Start) -> None:
    program = start("--empty", "--watch-stdin")
    assert program.process.stdin
    program.process.stdin.close()
    assert program.finish() == 0


def test_it_goes_by_the_clock_of_the_installation(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "now"
    file.write_text("2027-03-04T05:06:07Z")
    program = start(environment={"THREADLINE_NOW_FILE": str(file)})
    assert program.call("deliver", {"person": ANNA})["received_at"] == "2027-03-04T05:06:07+00:00"
    assert program.call("state")["now"] == "2027-03-04T05:06:07+00:00"


def test_it_speaks_tls_with_the_certificate_it_is_given(seeded: None, start: Start, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.pair("valid")
    both = tmp_path / "both.pem"
    both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    program = start("--tls-cert", str(both))
    trusting = ssl.create_default_context(cafile=str(authority.ca_file))
    trusting.check_hostname = False
    client = imaplib.IMAP4_SSL("127.0.0.1", program.ready["imap_port"], ssl_context=trusting, timeout=20)
    client.login(MAILBOX, PASSWORD)
    client.logout()


# The control API


def test_nobody_gets_in_without_the_token(demo: Program) -> None:
    for token in ("", "wrong"):
        assert demo.refused("state", token=token) == (401, "The control API needs the token from its token file")


def test_a_new_email_is_delivered_filed_and_deleted(demo: Program) -> None:
    given = {"person": ANNA, "subject": "Grüße aus Malmö", "text": "Hej!", "at": "2026-01-05T10:00:00+01:00"}
    arrived = demo.call("deliver", given)
    assert (arrived["subject"], arrived["received_at"]) == (given["subject"], given["at"])
    filed = demo.call("file", {"uid": arrived["uid"], "to": "Clients/Acme/New"})
    assert (filed["folder"], filed["message_id"]) == ("Clients/Acme/New", arrived["message_id"])
    demo.call("delete", {"folder": "Clients/Acme/New", "uid": filed["uid"]})
    assert demo.call("messages?folder=Clients/Acme/New")["messages"] == []


def test_mail_to_sent_is_from_the_owner(demo: Program) -> None:
    sent = demo.call("deliver", {"person": ANNA, "folder": "Sent", "template": "question"})
    assert sent["from"] == f"Sofia Lindqvist <{MAILBOX}>"
    assert sent["flags"] == ["\\Seen"]


def test_a_changed_password_is_told_and_the_old_one_refused(seeded: None, start: Start) -> None:
    program = start("--only", "imap")
    client = program.client()
    changed = program.call("password", {})
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()
    client.shutdown()
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        program.client()
    program.client(changed["password"]).logout()


def test_a_stopped_server_refuses_connections_until_it_is_started_again(demo: Program) -> None:
    assert demo.call("stop", {})["imap"]["running"] is False
    with pytest.raises(ConnectionRefusedError):
        demo.client()
    assert demo.call("start", {})["imap"]["port"] == demo.ready["imap_port"]
    demo.client().logout()


def test_a_new_uidvalidity_keeps_the_mail(demo: Program) -> None:
    before = next(one for one in demo.call("folders")["folders"] if one["name"] == "Archive")
    after = demo.call("uidvalidity", {"folder": "Archive"})
    assert after["uid_validity"] > before["uid_validity"]
    assert after["messages"] == before["messages"]


def test_faults_are_set_shown_and_taken_back(demo: Program) -> None:
    assert demo.call("throttle", {"mode": "connections"})["throttle"] == "connections"
    with pytest.raises(imaplib.IMAP4.error, match="Too many simultaneous connections"):
        demo.client()
    demo.call("throttle", {"mode": "off"})
    demo.call("delay", {"ms": 150})
    begun = time.monotonic()
    demo.client().logout()
    assert time.monotonic() - begun > 0.3
    assert demo.call("delay", {"ms": 0})["delay_ms"] == 0
    assert demo.call("cut", {})["cut_next_fetch"] is True
    client = demo.client()
    client.select("INBOX", readonly=True)
    with pytest.raises(imaplib.IMAP4.abort):
        client.fetch("1", "(BODY.PEEK[])")
    client.shutdown()
    assert demo.call("state")["cut_next_fetch"] is False


@pytest.mark.parametrize(
    ("verb", "body", "status", "sentence"),
    [
        ("deliver", {}, 400, "person must be an object"),
        ("deliver", {"person": {"address": "nobody"}}, 400, "must be an email address"),
        ("deliver", {"person": ANNA, "template": "x"}, 400, "There is no template"),
        ("deliver", {"person": ANNA, "at": "yesterday"}, 400, "RFC 3339"),
        ("deliver", {"person": ANNA, "subject": "a\r\nBcc: b@x.example"}, 400, "cannot be written"),
        ("deliver", {"person": ANNA, "folder": "a//b"}, 400, "cannot be a folder's name"),
        ("deliver", {"person": ANNA, "account": "x@y.example"}, 404, "There is no account"),
        ("file", {"uid": 999_999}, 404, "There is no email"),
        ("delete", {"folder": "Nowhere"}, 404, "There is no folder"),
        ("throttle", {"mode": "much"}, 400, "no way to throttle"),
        ("delay", {"ms": -1}, 400, "must be a number"),
        ("explode", {}, 404, "There is no POST"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_a_sentence(
    demo: Program, verb: str, body: dict[str, object], status: int, sentence: str
) -> None:
    code, said = demo.refused(verb, body)
    assert code == status
    assert sentence in said


def test_the_page_can_offer_people_and_templates(demo: Program) -> None:
    assert ANNA["address"] in {person["address"] for person in demo.call("people")["people"]}
    assert {"thanks", "question"} <= {template["name"] for template in demo.call("templates")["templates"]}
