"""Text that came by mail is printed and never obeyed."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given

from tests.cli.conftest import OWNER, Cli, connect
from tests.servers.dovecot import Dovecot
from threadline.cli import output

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ereversed\u2066\x7f"
CLI = Path(output.__file__).parent
DIRECTION = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    for character in output.safe(text):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in DIRECTION


@given(st.text())
def test_a_text_keeps_its_lines_and_nothing_else(text: str) -> None:
    for character in output.safe_text(text):
        assert character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}


def test_ordinary_text_in_any_script_is_printed_as_it_is() -> None:
    for text in ("Åsa Öberg", "こんにちは", "שלום", "नमस्ते", "a\u200dz"):
        assert output.safe(text) == text


def test_columns_line_up_also_with_wide_characters() -> None:
    assert output.table([("送信", "x"), ("abcd", "y")]) == ["送信  x", "abcd  y"]


def test_every_command_prints_through_the_one_door() -> None:
    """`click.echo`, `print` and `sys.stdout` elsewhere would be a way around it."""
    allowed = {"output.py", "failures.py", "serve.py"}
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"echo", "secho", "write"} and path.name not in allowed:
                receiver = ast.unparse(node.value)
                assert receiver in {"target", "sys.stdout.buffer"}, f"{path.name}: {receiver}.{node.attr}"


def test_a_hostile_email_does_not_reach_the_terminal(northgate: Cli, mail_server: Dovecot, password_file: str) -> None:
    raw = (
        f"From: =?utf-8?q?{''.join(f'={byte:02X}' for byte in EVIL.encode())}?= <anna@posten.test>\r\n"
        f"To: {OWNER}\r\nMessage-ID: <m1@mail.test>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
        f"Subject: =?utf-8?q?{''.join(f'={byte:02X}' for byte in EVIL.encode())}?=\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode() + EVIL.encode()
    mail_server.deliver(OWNER, raw)
    mail_server.create_folder(OWNER, "Evil \u202e")
    northgate.ok("people", "add", "--kind", "contact", "--name", f"Anna {EVIL}", "--email", "anna@posten.test")
    connect(northgate, mail_server, password_file)
    number = "0"
    for command in (
        ("mailbox", "refresh", OWNER),
        ("mailbox", "folders", OWNER),
        ("people", "list"),
        ("messages", "list", "--mailbox", OWNER),
        ("messages", "show", "NUMBER"),
        ("explain", "--mailbox", OWNER, "--message-id", "m1@mail.test", "--person", "anna@posten.test"),
        ("link", "NUMBER", "anna@posten.test"),
    ):
        for extra in ((), ("--json",)):
            answer = northgate.ok(*(number if word == "NUMBER" else word for word in command), *extra)
            for character in answer.out.replace("\n", "") + answer.err.replace("\n", ""):
                assert unicodedata.category(character) != "Cc", (command, answer.out)
                assert unicodedata.bidirectional(character) not in DIRECTION, (command, answer.out)
        if command[:2] == ("messages", "list"):
            number = str(northgate.lines(*command)[0]["id"])
            assert "reversed" in northgate.ok(*command).out  # what is left of it when the email has been read
