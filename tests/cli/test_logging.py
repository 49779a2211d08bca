"""What is logged: one line each, without secrets."""

from __future__ import annotations

import json
import logging as standard
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.conftest import ANNA, OWNER, Cli
from threadline.config import logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    level = standard.getLogger().level
    yield
    root = standard.getLogger()
    for handler in [one for one in root.handlers if one.get_name() == "threadline"]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    for library in ("httpx", "httpcore"):
        standard.getLogger(library).setLevel(standard.NOTSET)
    structlog.reset_defaults()


def test_a_line_is_json_and_secrets_are_not_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    logging.to_terminal("INFO")
    log = structlog.get_logger("threadline.test")
    log.info("signed in", mailbox=7, password="hunter2", access_token="ya29", new_secret="x")
    standard.getLogger("django.request").warning("Not Found: %s", "/nowhere")
    log.debug("not at this level")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (first["event"], first["mailbox"], first["level"], first["logger"]) == (
        "signed in",
        7,
        "info",
        "threadline.test",
    )
    assert {first["password"], first["access_token"], first["new_secret"]} == {"(not shown)"}
    assert second["event"] == "Not Found: /nowhere"


def test_a_traceback_has_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logging.to_terminal("INFO")
    password = "hunter" + "2"
    try:
        int("x" * len(password))
    except ValueError:
        structlog.get_logger("threadline.test").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError" in json.loads(line)["exception"]
    assert "hunter2" not in line


def test_a_command_logs_to_a_file_of_its_owner_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log" / "commands.log"
    logging.to_file(path, "INFO")
    assert not path.exists()
    structlog.get_logger("threadline.test").info("refreshed", new=3)
    assert (json.loads(path.read_text())["new"], path.stat().st_mode & 0o077) == (3, 0)
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_written_adds_nothing_to_what_the_command_says(capfd: pytest.CaptureFixture[str]) -> None:
    logging.to_file(Path("/dev/full"), "INFO")
    log = structlog.get_logger("threadline.test")
    log.info("lost")
    log.info("lost as well")
    assert capfd.readouterr().err == ""


def test_no_address_of_an_email_or_a_folder_is_logged(connected: Cli, tmp_path: Path) -> None:
    connected.ok("mailbox", "refresh", OWNER)
    path = tmp_path / "log" / "commands.log"
    logging.to_file(path, "DEBUG")
    key = "m2@posten.example"
    asked = connected("explain", "--mailbox", OWNER, "--message-id", key, "--person", ANNA)
    assert "Candidates" in asked.out, "Microsoft was asked"
    logged = path.read_text() if path.exists() else ""
    for never in ("HTTP Request", "posten.example", "mailFolders"):
        assert never not in logged
