"""Connecting a mailbox: its server is found and shown first; a password is asked for without echo; tokens work too."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import templates
from tests.cli.conftest import OWNER, PASSWORD, Cli, connect
from tests.cli.test_installation import THREADLINE, Installation
from tests.servers.dovecot import Dovecot
from tests.servers.process import free_port
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.detection import Detection, Source
from threadline.services import connect as service
from threadline.storage import leases
from threadline.storage.models import Mailbox


def test_the_server_is_found_from_the_address_and_shown(
    northgate: Cli, mail_server: Dovecot, password_file: str, settings: Any
) -> None:
    found = {"host": "127.0.0.1", "port": mail_server.port, "security": "none", "username": "%EMAILADDRESS%"}
    settings.MAIL_SERVERS = {"northgate.test": found}
    answer = northgate.ok("mailbox", "add", OWNER, "--user", OWNER, "--password-file", password_file)
    assert f"Mail server: 127.0.0.1, port {mail_server.port}, no encryption; as {OWNER}." in answer.err
    assert northgate.json("mailbox", "refresh", OWNER)["outcome"] == "complete"


def test_with_json_standard_error_holds_the_error_alone(northgate: Cli, tmp_path: Path) -> None:
    northgate.ok("company", "add", "Southgate")
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    unused = free_port()
    arguments = ("mailbox", "add", OWNER, "--user", OWNER, "--password-file", str(secret), "--json", "--imap-host")
    answer = northgate(*arguments, "127.0.0.1", "--imap-port", str(unused), "--imap-security", "none")
    assert (answer.status, answer.out) == (1, "")
    assert "then try again" in json.loads(answer.err)["error"]
    other = northgate(*arguments, "127.0.0.1", "--company", "Southgate")
    assert json.loads(other.err) == {
        "error": f"{OWNER} is a user of Northgate, not of Southgate.",
        "field": "company",
    }


@pytest.mark.tries_the_network("detection asks the internet about the domain")
def test_an_address_whose_server_nobody_knows_is_said(northgate: Cli, password_file: str) -> None:
    answer = northgate("mailbox", "add", OWNER, "--user", OWNER, "--password-file", password_file)
    assert (answer.status, answer.out, len(answer.err.splitlines())) == (1, "", 1)
    assert "northgate.test" in answer.err


def test_a_server_that_could_be_forged_gets_no_password_until_it_is_named(
    northgate: Cli, password_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerSettings("imap.forged.test", 993, Security.TLS, OWNER)
    forged = Detection(OWNER, "northgate.test", "imap", (server,), Source.GUESS, (), protected=False, hint="")
    monkeypatch.setattr(service, "detect", lambda _: forged)
    answer = northgate("mailbox", "add", OWNER, "--user", OWNER, "--password-file", password_file)
    assert (answer.status, Mailbox.objects.count()) == (1, 0)
    assert "--imap-host imap.forged.test --imap-port 993 --imap-security tls" in answer.err


def test_an_access_token_signs_in(northgate: Cli, mail_server: Dovecot, tmp_path: Path) -> None:
    mail_server.accept_token("a-token", OWNER)
    token = tmp_path / "token"
    token.write_text("a-token\n")
    place = ("--imap-host", mail_server.host, "--imap-port", str(mail_server.port), "--imap-security", "none")
    northgate.ok("mailbox", "add", OWNER, "--user", OWNER, *place, "--token-file", str(token))
    assert northgate.json("mailbox", "refresh", OWNER)["outcome"] == "complete"


def test_a_password_comes_from_standard_input_too(northgate: Cli, mail_server: Dovecot) -> None:
    place = ("--imap-host", mail_server.host, "--imap-port", str(mail_server.port), "--imap-security", "none")
    arguments = ("mailbox", "add", OWNER, "--user", OWNER, *place, "--password-file", "-")
    assert northgate(*arguments, standard_input=PASSWORD + "\n").status == 0


def test_reconnecting_without_a_stored_password_needs_one(
    northgate: Cli, mail_server: Dovecot, password_file: str
) -> None:
    connect(northgate, mail_server, password_file)
    northgate.ok("mailbox", "reconnect", OWNER)
    said = northgate.ok("mailbox", "disconnect", OWNER).out
    assert "Held here, now as before: 0 emails; on profiles: 0." in said
    assert northgate("mailbox", "reconnect", OWNER).status == 2
    assert northgate.json("mailbox", "status", OWNER)["state"] == "disconnected"


def test_a_mailbox_that_is_connected_is_not_connected_again(
    northgate: Cli, mail_server: Dovecot, password_file: str
) -> None:
    connect(northgate, mail_server, password_file)
    place = ("--imap-host", mail_server.host, "--imap-port", str(mail_server.port), "--imap-security", "none")
    answer = northgate("mailbox", "add", OWNER, "--user", OWNER, *place, "--password-file", password_file)
    assert (answer.status, "connected already" in answer.err) == (1, True)


def test_a_refresh_under_way_is_not_begun_twice(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    connect(northgate, mail_server, password_file)
    with leases.hold(Mailbox.objects.get().pk):
        for command in ("refresh", "verify"):
            answer = northgate("mailbox", command, OWNER)
            assert (answer.status, answer.out) == (1, "")
            assert "being refreshed already" in answer.err
    northgate.ok("mailbox", "refresh", OWNER)


def test_on_a_terminal_the_server_is_shown_before_the_password_is_asked_for(
    tmp_path: Path, mail_server: Dovecot
) -> None:
    installation = Installation(templates.migrated(tmp_path / "data"))
    installation.ok("company", "add", "Northgate")
    installation.ok("user", "add", OWNER)
    place = ["--imap-host", "127.0.0.1", "--imap-port", str(mail_server.port), "--imap-security", "none"]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            sys.executable, [*THREADLINE, "mailbox", "add", OWNER, "--user", OWNER, *place], installation.environment
        )
    said = b""
    while b"Password of" not in said:
        said += os.read(terminal, 1024)
    assert said.index(b"Mail server: 127.0.0.1") < said.index(b"Warning") < said.index(b"Password of")
    os.write(terminal, PASSWORD.encode() + b"\n")
    try:
        while chunk := os.read(terminal, 1024):
            said += chunk
    except OSError:
        pass  # Linux says EIO when the other side of a terminal is closed
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"Connected" in said
    assert PASSWORD.encode() not in said
