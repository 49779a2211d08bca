"""When it does not work: one clear sentence, the right exit status, and nothing half done."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from tests.cli.conftest import OWNER, Answer, Cli, connect, connecting, email
from tests.faults.proxy import FaultProxy
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from threadline.cli import failures
from threadline.services import connect as connect_service
from threadline.storage.models import Copy, Mailbox, Person, Secret

ANNA = "anna@posten.test"


def refused_once(answer: Answer, *words: str) -> None:
    """Exit status 1, one line on standard error that says these words, no traceback, and nothing stored."""
    said = [line for line in answer.err.splitlines() if not line.startswith(("Mail server:", "Warning:"))]
    assert answer.status == 1, answer
    assert len(said) == 1, answer.err
    assert said[0].endswith("."), said
    for word in words:
        assert word in said[0], said
    assert (answer.out, Mailbox.objects.count(), Secret.objects.count()) == ("", 0, 0)


def test_a_wrong_password_connects_nothing(northgate: Cli, mail_server: Dovecot, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not it\n")
    answer = northgate(*connecting(mail_server.host, mail_server.port, str(wrong)))
    refused_once(answer, "Check the user name and the password, then try again.")
    assert "Sign in again" not in answer.err


def test_an_unknown_host_is_named(northgate: Cli, password_file: str) -> None:
    refused_once(northgate(*connecting("imap.nowhere.test", 993, password_file)), "imap.nowhere.test")


def test_an_expired_certificate_gets_no_password(
    northgate: Cli, mail_server: Dovecot, password_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(mail_server.ca_file))
    arguments = connecting("localhost", mail_server.expired_tls_port, password_file, security="tls")
    refused_once(northgate(*arguments), "expired", "certificate")
    assert f"user=<{OWNER}>" not in mail_server.log()


def test_a_host_that_never_answers_is_given_up(
    northgate: Cli, mail_server: Dovecot, password_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_service, "PATIENCE", 0.5)
    with FaultProxy(mail_server.port) as proxy:
        proxy.behave(hang=True)
        answer = northgate(*connecting("127.0.0.1", proxy.port, password_file))
    refused_once(answer, "127.0.0.1", "Check the host name, the port and the protection")
    assert "Nothing needs to be done" not in answer.err


def test_a_refused_connection_is_said(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    mail_server.stop()
    refused_once(northgate(*connecting("127.0.0.1", mail_server.port, password_file)), "127.0.0.1")


def test_without_a_password_and_a_terminal_it_is_wrong_use(northgate: Cli) -> None:
    answer = northgate("mailbox", "add", OWNER, "--user", OWNER, "--imap-host", "127.0.0.1")
    assert (answer.status, "--password-file" in answer.err, Mailbox.objects.count()) == (2, True, 0)


def test_plain_text_is_used_with_a_warning_only(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    answer = northgate.ok(*connecting(mail_server.host, mail_server.port, password_file))
    assert "Warning" in answer.err
    assert answer.err.index("Mail server: 127.0.0.1") < answer.err.index("Warning")


@pytest.fixture
def slow(mail_server: Dovecot) -> Iterator[FaultProxy]:
    with FaultProxy(mail_server.port) as proxy:
        yield proxy


def test_a_server_that_says_bye_in_the_middle_loses_nothing(
    northgate: Cli, mail_server: Dovecot, password_file: str, slow: FaultProxy
) -> None:
    body = "\r\n".join(["x" * 70] * 200)
    mail_server.deliver_many(OWNER, [Delivery(email(n, ANNA, OWNER, body=body)) for n in range(120)])
    connect(northgate, mail_server, password_file, port=slow.port)
    slow.reset_counts()
    slow.behave(rate=800_000)

    def kick() -> None:
        while slow.bytes_down < 300_000:
            time.sleep(0.01)
        mail_server.kick(OWNER)

    kicker = threading.Thread(target=kick)
    kicker.start()
    answer = northgate("mailbox", "refresh", OWNER)
    kicker.join()
    slow.behave()
    assert answer.status == 1, answer
    assert answer.err == ""
    assert "again" in answer.out
    assert northgate.json("mailbox", "status", OWNER)["state"] == "delayed"
    assert northgate.json("mailbox", "refresh", OWNER)["outcome"] == "complete"
    assert Copy.objects.count() == 120
    assert northgate.json("mailbox", "verify", OWNER)["complete"] is True


def test_an_empty_mailbox_is_complete(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    connect(northgate, mail_server, password_file)
    report = northgate.json("mailbox", "refresh", OWNER)
    assert (report["outcome"], sum(folder["listed"] for folder in report["folders"])) == ("complete", 0)
    check = northgate.json("mailbox", "verify", OWNER)
    assert (check["complete"], sum(folder["on_server"] for folder in check["folders"])) == (True, 0)
    assert northgate.ok("messages", "list", "--mailbox", OWNER, "--json").out == ""


def test_a_50_mb_message_is_listed_and_its_attachment_comes_on_demand(
    northgate: Cli, mail_server: Dovecot, password_file: str, tmp_path: Path
) -> None:
    content = bytes(range(256)) * (37 * 4096)
    head = (
        f"From: {ANNA}\r\nTo: {OWNER}\r\nMessage-ID: <large@mail.test>\r\nSubject: portfolio\r\n"
        "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nhere it is\r\n--b\r\nContent-Type: application/pdf; name=work.pdf\r\n"
        "Content-Disposition: attachment; filename=work.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    raw = head.encode() + base64.encodebytes(content).replace(b"\n", b"\r\n") + b"--b--\r\n"
    assert len(raw) > 50_000_000
    mail_server.deliver(OWNER, raw)
    connect(northgate, mail_server, password_file)
    assert northgate.json("mailbox", "refresh", OWNER)["folders"][0]["new"] == 1
    (row,) = northgate.lines("messages", "list", "--mailbox", OWNER)
    assert [(part["name"], part["type"]) for part in row["attachments"]] == [("work.pdf", "application/pdf")]
    target = tmp_path / "work.pdf"
    northgate.ok("messages", "attachment", str(row["id"]), "1", "-o", str(target))
    assert target.read_bytes() == content
    again = northgate("messages", "attachment", str(row["id"]), "1", "-o", str(target))
    assert (again.status, again.err) == (1, f"{target} exists already; name a file that does not.\n")
    nowhere = northgate("messages", "raw", str(row["id"]), "-o", str(tmp_path / "not" / "mail.eml"))
    assert (nowhere.status, f"There is no folder {tmp_path / 'not'};" in nowhere.err) == (1, True)
    missing = northgate("messages", "attachment", str(row["id"]), "2", "-o", str(tmp_path / "other"))
    assert (missing.status, "1 attachment" in missing.err) == (1, True)
    assert northgate.json("messages", "show", str(row["id"]))["text"].strip() == "here it is"


def test_an_interrupted_download_leaves_no_file(
    northgate: Cli, mail_server: Dovecot, password_file: str, tmp_path: Path
) -> None:
    mail_server.deliver(OWNER, email(1, ANNA, OWNER))
    connect(northgate, mail_server, password_file)
    northgate.ok("mailbox", "refresh", OWNER)
    (row,) = northgate.lines("messages", "list", "--mailbox", OWNER)
    mail_server.stop()
    answer = northgate("messages", "raw", str(row["id"]), "-o", str(tmp_path / "mail.eml"))
    assert (answer.status, len(answer.err.splitlines())) == (1, 1)
    assert not list(tmp_path.glob("*mail.eml*"))


def test_an_unknown_person_in_explain_is_a_failure(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    connect(northgate, mail_server, password_file)
    answer = northgate("explain", "--mailbox", OWNER, "--message-id", "m1@mail.test", "--person", "nobody@posten.test")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == "There is no candidate or contact 'nobody@posten.test' in Northgate.\n"


def test_an_empty_ledger_claims_no_more_than_it_knows(northgate: Cli) -> None:
    assert northgate.ok("ledger", "list").out == "Nothing is set aside. Every email that was listed could be stored.\n"


@pytest.mark.parametrize("command", ["status", "refresh", "verify", "disconnect", "reconnect", "folders"])
def test_an_unknown_mailbox_is_a_failure(northgate: Cli, command: str) -> None:
    answer = northgate("mailbox", command, "who@northgate.test")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == "There is no mailbox who@northgate.test. Connect it first.\n"


@pytest.mark.parametrize("address", ["", "  "])
def test_an_empty_address_is_named_as_that(northgate: Cli, address: str) -> None:
    answer = northgate("mailbox", "refresh", address)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == "The address of the mailbox is empty. Give it as robin@example.com.\n"


def test_an_ambiguous_address_asks_for_the_company(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    connect(northgate, mail_server, password_file)
    northgate.ok("company", "add", "Southgate")
    other = northgate("people", "list")
    assert (other.status, "--company" in other.err) == (1, True)
    assert northgate.ok("mailbox", "status", OWNER, "--company", "northgate")
    assert northgate("mailbox", "status", OWNER, "--company", "Southgate").status == 1


def test_with_json_an_error_is_an_object_on_standard_error(northgate: Cli) -> None:
    answer = northgate("user", "add", OWNER, "--json")
    assert (answer.status, answer.out) == (1, "")
    assert (
        answer.err == '{"error": "There is a user with the address sofia@northgate.test already.", "field": "email"}\n'
    )


def test_a_failing_doctor_says_which_step_who_acts_and_what_helps(
    northgate: Cli, mail_server: Dovecot, password_file: str
) -> None:
    connect(northgate, mail_server, password_file)
    mail_server.set_password(OWNER, "another")
    checks = {check["name"]: check for check in northgate.json("doctor", OWNER, status=1)["checks"]}
    assert [name for name, check in checks.items() if not check["ok"]] == ["sign_in"]
    assert (checks["sign_in"]["cause"], checks["sign_in"]["who"]) == ("credentials_rejected", "you")
    assert checks["sign_in"]["remedy"]
    assert "read_only_open" not in checks
    northgate.ok("mailbox", "disconnect", OWNER)
    checks = {check["name"]: check for check in northgate.json("doctor", OWNER, status=1)["checks"]}
    assert checks["sign_in"]["cause"] == "disconnected_by_user"


def test_the_unexpected_goes_to_the_log_and_one_sentence_to_the_terminal(
    northgate: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the moon")

    monkeypatch.setattr("threadline.services.accounts.only_company", broken)
    monkeypatch.setenv("THREADLINE_DATA_DIR", str(tmp_path))
    answer = northgate("people", "list")
    log = tmp_path / "log" / "errors.log"
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == f"Something went wrong on our side; details in the log: {log}\n"
    assert "RuntimeError: the moon" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "closed", "full", "says"),
    [
        ("database or disk is full", [], False, "The store in {folder} cannot be used: its disk is full. Make room"),
        ("disk I/O error", [], True, "The store in {folder} cannot be used: its disk is full. Make room"),
        ("disk I/O error", [], False, "The store cannot be used: disk I/O error. What was done before it stays."),
        (
            "unable to open database file",
            ["search.sqlite3"],
            False,
            "{folder}/search.sqlite3 cannot be used: this user",
        ),
        ("unable to open database file", [], True, "The store in {folder} cannot be used: its disk is full. Make room"),
        ("attempt to write a readonly database", ["", "threadline.sqlite3"], False, "The store in {folder} cannot be"),
    ],
)
def test_what_is_behind_the_stores_words_is_said(
    words: str,
    closed: list[str],
    full: bool,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A root's tests cannot close a file to themselves, so the system's answers are given here; a disk that is really
    full is in tests/faults/test_disk.py."""
    monkeypatch.setenv("THREADLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(connection, "vendor", "sqlite")
    for name in ("search.sqlite3", "threadline.sqlite3", "my-backup.sqlite3"):
        (tmp_path / name).touch()
    shut = [tmp_path / name for name in (*closed, "my-backup.sqlite3")]
    monkeypatch.setattr("os.access", lambda path, _mode: path not in shut)
    monkeypatch.setattr("threadline.cli.failures._room", lambda _folder: 0 if full else 10**9)
    assert failures.explain_failure(OperationalError(words), as_json=False) == 1
    said = capsys.readouterr().err
    assert said.startswith(says.format(folder=tmp_path)), said
    assert said.count("\n") == 1


def test_ctrl_c_leaves_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.explain_failure(KeyboardInterrupt(), as_json=False) == 130
    assert capsys.readouterr().err == "Stopped. Nothing was left half done.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command"),
        (["mailbox", "refresh"], "ADDRESS"),
        (["people", "add", "--kind", "robot", "--name", "X"], "robot"),
        (["people", "add", "--kind", "contact", "--name", "X", "--created-at", "soon"], "soon"),
        (["policy", "set", "earlier_mail"], "KEY=VALUE"),
        (["mailbox", "folders", OWNER, "--set", "Clients=yes"], "FOLDER="),
        (["people", "import", "/nowhere/people.csv"], "/nowhere/people.csv"),
        (["messages", "raw", "1", "--json"], "-o FILE"),
        (["messages", "show", "first"], "'first' is no such number; expected a whole number of at least 1."),
        (["mailbox", "add", OWNER, "--user", OWNER, "--imap-port", "abc"], "a whole number from 1 to 65535."),
    ],
)
def test_wrong_use_leaves_with_2(northgate: Cli, arguments: list[str], says: str) -> None:
    answer = northgate(*arguments)
    assert (answer.status, answer.out, says in answer.err) == (2, "", True), answer
    assert Person.objects.count() == 0
