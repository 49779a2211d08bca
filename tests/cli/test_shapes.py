"""What `--json` prints is what the guide says: each documented example is compared with what is printed, key by key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.cli.conftest import OWNER, Cli, connect
from tests.servers.dovecot import Dovecot
from threadline.cli.program import COMMANDS, program
from threadline.clock import now
from threadline.providers.contract import RemoteItem
from threadline.services.ledger import Failure, record_failure
from threadline.storage.models import Folder, LedgerEntry

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "command-line.md"
WITH_ATTACHMENT = (
    b"From: Anna Berg <anna@posten.test>\r\nTo: sofia@northgate.test\r\nMessage-ID: <m1@mail.test>\r\n"
    b"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nSubject: My application\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nDear Sofia\r\n"
    b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=cv.pdf\r\n\r\nPDF\r\n--b--\r\n"
)
FREE = {"compared", "history"}  # labels and values of its own each time; one of HISTORIES
HISTORIES = {
    "not_started": set(),
    "loading": {"done", "of", "running"},
    "complete": {"as_of"},
    "gap": {"from", "to"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def documented() -> dict[str, Any]:
    blocks = re.findall(r"^```json (.+?)\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return {name: json.loads(text) for name, text in blocks}


def commands(group: click.Group, path: str = "threadline") -> Iterator[str]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, f"{path} {name}")
            else:
                yield f"{path} {name}"


def differences(said: Any, real: Any, place: str = "") -> list[str]:
    """Where the shapes differ. Null may stand for a value, an empty list for a full one."""
    if said is None or real is None:
        return []
    if isinstance(said, dict) and isinstance(real, dict):
        if place.rpartition(".")[2] in FREE:
            return []
        found = [f"{place}.{key}" for key in said.keys() ^ real.keys()]
        return found + [
            one for key in said.keys() & real.keys() for one in differences(said[key], real[key], f"{place}.{key}")
        ]
    if isinstance(said, list) and isinstance(real, list):
        return [one for value in real for one in differences(said[0], value, f"{place}[]")] if said else []
    if isinstance(said, str) and TIME.fullmatch(said):
        return [] if isinstance(real, str) and TIME.fullmatch(real) else [f"{place}: {real!r} is no time"]
    if isinstance(said, float) and isinstance(real, int | float):
        return []
    return [] if type(said) is type(real) else [f"{place}: {said!r} and {real!r}"]


@pytest.fixture
def printed(northgate: Cli, mail_server: Dovecot, password_file: str, tmp_path: Path) -> dict[str, Any]:
    """What every documented command prints, in an order in which one can use them."""
    cli, made = northgate, {}
    csv = tmp_path / "people.csv"
    csv.write_text("kind,name,email,external_id\ncandidate,Anna Berg,anna@posten.test,A1\ncandidate,Bad,anna,\n")
    mail_server.deliver(OWNER, WITH_ATTACHMENT)

    def run(name: str, *arguments: str, status: int = 0) -> None:
        made[name] = cli.json(*name.removeprefix("threadline ").split(), *arguments, status=status)

    run("threadline migrate")
    run("threadline company add", "Southgate")
    run("threadline user add", "ola@southgate.test", "--company", "Southgate")
    north = ("--company", "Northgate")
    run("threadline people import", str(csv), *north, status=1)
    run("threadline people add", "--kind", "contact", "--name", "Bo", "--email", "bo@posten.test", *north)
    run("threadline people edit", "bo@posten.test", "--secondary", "b@posten.test", *north)
    run("threadline people list", *north)
    run("threadline policy show", *north)
    connect(cli, mail_server, password_file)
    run("threadline mailbox refresh", OWNER)
    run("threadline mailbox verify", OWNER)
    run("threadline mailbox status", OWNER)
    run("threadline mailbox folders", OWNER)
    run("threadline doctor", OWNER)
    (made["threadline messages list"],) = cli.lines("messages", "list", "--mailbox", OWNER)
    number = str(made["threadline messages list"]["id"])
    run("threadline messages show", number)
    made["threadline messages raw -o"] = cli.json("messages", "raw", number, "-o", str(tmp_path / "a"))
    made["threadline messages attachment -o"] = cli.json(
        "messages", "attachment", number, "1", "-o", str(tmp_path / "b")
    )
    run("threadline explain", "--mailbox", OWNER, "--message-id", "m1@mail.test", "--person", "bo@posten.test")
    run("threadline link", number, "b@posten.test")
    run("threadline people merge", "A1", "b@posten.test", *north)
    run("threadline policy set --preview", "earlier_mail=yes", *north)
    run("threadline policy set", "earlier_mail=yes", *north)
    run("threadline search rebuild")
    run("threadline mailbox list")
    unreadable = record_unreadable_email()
    run("threadline ledger list")
    run("threadline ledger retry", str(unreadable.pk))
    run("threadline unlink", number, "A1")
    run("threadline mailbox disconnect", OWNER)
    return made


def record_unreadable_email() -> LedgerEntry:
    folder = Folder.objects.get(role="inbox")
    item = RemoteItem("99", 10, None)
    record_failure(folder, folder.generation, Failure(item, "timed_out", "tried 3 times", attempts=3), now=now())
    return LedgerEntry.objects.get()


# Their results need a data folder of their own: tests/cli/test_installation.py
ELSEWHERE = {"threadline backup", "threadline keys rotate"}


def test_every_documented_shape_is_the_real_one(printed: dict[str, Any]) -> None:
    examples = documented()
    status, entry = examples["threadline mailbox status"], examples["threadline ledger retry"]
    examples |= {"threadline mailbox list": [status], "threadline mailbox disconnect": status}
    examples |= {"threadline ledger list": [entry], "threadline unlink": examples["threadline link"]}
    assert examples.keys() - ELSEWHERE == printed.keys()
    assert {name: found for name in printed if (found := differences(examples[name], printed[name]))} == {}


def test_a_history_has_the_keys_of_its_state(printed: dict[str, Any]) -> None:
    seen = {}
    for name in ("status", "disconnect"):
        history = printed[f"threadline mailbox {name}"]["history"]
        assert history.keys() - {"state", "gaps"} == HISTORIES[history["state"]]
        seen[name] = history["state"]
    assert seen == {"status": "complete", "disconnect": "gap"}


def test_the_examples_are_compared_and_not_waved_through() -> None:
    assert differences({"a": 1}, {"a": 1, "b": 2}) == [".b"]
    assert differences([{"a": 1}], [{"a": "1"}]) == ["[].a: 1 and '1'"]
    assert differences("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z") != []


def test_the_guide_names_every_command() -> None:
    text = " ".join(GUIDE.read_text().split())
    for command in commands(program):
        *_, last = command.split()
        assert command in text or f"`{last} ADDRESS" in text, command


def test_every_command_takes_json_and_has_a_help_text() -> None:
    with click.Context(program) as context:
        for name in COMMANDS:
            command = program.get_command(context, name)
            assert command is not None
            assert command.help, name
            members = command.commands.values() if isinstance(command, click.Group) else [command]
            for member in members:
                assert any("--json" in parameter.opts for parameter in member.params), (name, member.name)
                assert member.help, (name, member.name)
