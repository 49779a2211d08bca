"""The command line inside the test's process, over a store of its own; and a small world to use it on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from tests.servers.dovecot import Dovecot
from tests.servers.microsoft import MicrosoftServer
from tests.servers.pymap import PymapServer
from tests.services import world
from tests.services.microsoft_world import registration
from threadline.cli.program import program
from threadline.services.microsoft import signing_in
from threadline.services.microsoft.answers import Returned
from threadline.storage import search
from threadline.storage.models import User

OWNER = "sofia@northgate.test"
PASSWORD = "correct horse"
ANNA = "anna@posten.example"


@dataclass(frozen=True)
class Answer:
    """What a command left behind. `err` is what a person reads on standard error."""

    status: int
    out: str
    err: str
    raw: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Cli:
    """`threadline` as a person without a terminal uses it."""

    def __call__(self, *arguments: str, standard_input: str = "") -> Answer:
        done = CliRunner().invoke(program, list(arguments), input=standard_input)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Answer(done.exit_code, done.stdout, done.stderr, done.stdout_bytes)

    def ok(self, *arguments: str) -> Answer:
        """Run what must succeed."""
        answer = self(*arguments)
        assert answer.status == 0, (arguments, answer)
        return answer

    def json(self, *arguments: str, status: int = 0) -> Any:
        answer = self(*arguments, "--json")
        assert answer.status == status, (arguments, answer)
        return answer.data

    def lines(self, *arguments: str) -> list[Any]:
        return [json.loads(line) for line in self.ok(*arguments, "--json").out.splitlines()]


@pytest.fixture(autouse=True)
def _store(transactional_db: None) -> None:
    """A refresh uses durable transactions, so tests cannot be wrapped in one; the search index starts empty."""
    search.rebuild()


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
def northgate(cli: Cli) -> Cli:
    """A company with one user."""
    cli.ok("company", "add", "Northgate", "--timezone", "Europe/Stockholm")
    cli.ok("user", "add", OWNER, "--company", "Northgate", "--name", "Sofia Lind")
    return cli


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return str(path)


@pytest.fixture
def mail_server(dovecot: Dovecot) -> Dovecot:
    """Dovecot with Sofia's account."""
    dovecot.add_user(OWNER, PASSWORD)
    return dovecot


def connect(cli: Cli, server: Dovecot | PymapServer, password_file: str, *, port: int | None = None) -> None:
    """Connect Sofia's mailbox at this server."""
    cli.ok(*connecting(server.host, port or server.port, password_file))


def connecting(host: str, port: int, password_file: str, *, security: str = "none") -> list[str]:
    return [
        *("mailbox", "add", OWNER, "--user", OWNER, "--password-file", password_file),
        *("--imap-host", host, "--imap-port", str(port), "--imap-security", security),
    ]


def email(number: int, sender: str, to: str, *, subject: str = "", body: str = "hello") -> bytes:
    return (
        f"From: {sender}\r\nTo: {to}\r\nMessage-ID: <m{number}@mail.test>\r\n"
        f"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nSubject: {subject or f'mail {number}'}\r\n\r\n{body}\r\n"
    ).encode()


@pytest.fixture
def registered(northgate: Cli, microsoft: MicrosoftServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Northgate is in Microsoft 365, and this installation is registered there."""
    monkeypatch.setenv("THREADLINE_NOW_FILE", str(microsoft.now_file))
    settings.MICROSOFT = registration(microsoft)
    settings.MICROSOFT_DOMAINS = frozenset({"northgate.test"})
    microsoft.add_account(OWNER)
    return northgate


def northgate_mail(number: int, *, sender: str = ANNA, to: str = OWNER) -> bytes:
    """An email, by default from Anna to Sofia."""
    return world.mail(number, sender=sender, to=to)


@pytest.fixture
def connected(registered: Cli, microsoft: MicrosoftServer) -> Cli:
    """Sofia's mailbox with two emails from Anna in the Inbox, one in a folder of her own, and one sent to Anna."""
    registered.ok("people", "add", "--kind", "candidate", "--name", "Anna", "--email", ANNA, "--created-at",
                  "2020-01-01T00:00:00Z")  # fmt: skip
    microsoft.make_folder(OWNER, "Candidates")
    for number, folder in enumerate(("inbox", "inbox", "Candidates", "sentitems")):
        sender, to = (OWNER, ANNA) if folder == "sentitems" else (ANNA, OWNER)
        microsoft.deliver(OWNER, northgate_mail(number, sender=sender, to=to), folder)
    begun = signing_in.begin(User.objects.get(email=OWNER), OWNER, door="command")
    returned = Returned.of(dict(parse_qsl(urlsplit(microsoft.click_through(begun.url, OWNER)).query)))
    assert signing_in.finish(signing_in.found(returned), returned, user=None, session="").outcome == "connected"
    return registered


def named(checks: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The check of this name among those of the doctor."""
    return next(check for check in checks if check["name"] == name)
