"""The outsider must be able to say no: whatever is taken out of the store, or put in twice, it finds."""

from __future__ import annotations

import ast
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import account
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, mail

OUTSIDER = Path(__file__).parents[2] / "bench" / "outsider.py"


def test_it_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(OUTSIDER.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.fixture
def loaded(tmp_path: Path, dovecot: Dovecot) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        account(dovecot, *range(20), sent=5)
        dovecot.deliver(ALICE, mail("nameless", message_id=""))
        installation.set_up(dovecot.port)
        installation.ok("mailbox", "refresh", ALICE)
        yield installation


def judge(installation: Installation, server: Dovecot) -> tuple[int, Any]:
    command = [sys.executable, "-I", str(OUTSIDER), "--host", "127.0.0.1", "--port", str(server.port)]
    command += ["--security", "none", "--user", ALICE, "--password-file", str(installation.data.parent / "password")]
    command += ["--store", str(installation.data / "threadline.sqlite3")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def named(local: str) -> str:
    return f"(SELECT id FROM storage_message WHERE message_id = '{local}@posten.example')"


def change(installation: Installation, *statements: str) -> None:
    with closing(sqlite3.connect(installation.data / "threadline.sqlite3")) as store, store:
        for statement in statements:
            store.execute(statement)


@pytest.mark.needs("dovecot")
def test_a_whole_mailbox_is_whole(loaded: Installation, dovecot: Dovecot) -> None:
    status, found = judge(loaded, dovecot)
    assert status == 0
    assert found["total"] == {"on_server": 26, "held": 26, "absent": 0, "aside": 0, "doubled": 0, "gone": 0}


@pytest.mark.needs("dovecot")
def test_an_email_taken_out_of_the_store_is_absent_by_its_number_and_name(
    loaded: Installation, dovecot: Dovecot
) -> None:
    change(
        loaded,
        f"DELETE FROM storage_copy WHERE message_id = {named('m7')}",
    )
    status, found = judge(loaded, dovecot)
    assert status == 1
    assert [one["message_id"] for one in found["folders"]["INBOX"]["absent"]] == ["m7@posten.example"]
    change(
        loaded, "DELETE FROM storage_copy WHERE message_id IN (SELECT id FROM storage_message WHERE message_id IS NULL)"
    )
    assert judge(loaded, dovecot)[1]["total"]["absent"] == 2


@pytest.mark.needs("dovecot")
def test_an_email_held_under_anothers_number_is_absent(loaded: Installation, dovecot: Dovecot) -> None:
    change(
        loaded, "UPDATE storage_message SET message_id = 'other@posten.example' WHERE message_id = 'm3@posten.example'"
    )
    status, found = judge(loaded, dovecot)
    assert (status, found["total"]["absent"]) == (1, 1)


@pytest.mark.needs("dovecot")
def test_a_message_or_a_copy_that_is_there_twice_is_doubled(loaded: Installation, dovecot: Dovecot) -> None:
    columns = [row[1] for row in loaded.query("PRAGMA table_info(storage_copy)") if row[1] != "id"]
    written = ", ".join(f'"{column}"' for column in columns)
    twice = ", ".join("'void'" if column == "generation" else f'"{column}"' for column in columns)
    one = f"SELECT {twice} FROM storage_copy WHERE message_id = {named('m5')}"
    change(loaded, f"INSERT INTO storage_copy ({written}) {one}")
    status, found = judge(loaded, dovecot)
    assert (status, found["total"]["doubled"]) == (1, 1)
    change(loaded, "UPDATE storage_message SET message_id = 'm5@posten.example' WHERE message_id = 'm6@posten.example'")
    assert judge(loaded, dovecot)[1]["doubled_messages"] == ["m5@posten.example"]


@pytest.mark.needs("dovecot")
def test_what_left_the_server_unnoticed_and_what_the_ledger_explains_are_told_apart(
    loaded: Installation, dovecot: Dovecot
) -> None:
    dovecot.expunge(ALICE, "m9@posten.example")
    assert judge(loaded, dovecot)[1]["total"]["gone"] == 1
    values = "mailbox_id, folder_id, generation, remote_id, '', '', '', 'timed_out', '', 1, stored_at"
    change(
        loaded,
        "INSERT INTO storage_ledgerentry (mailbox_id, folder_id, generation, remote_id, message_id, subject, sender,"
        f" reason, detail, attempts, first_at) SELECT {values} FROM storage_copy WHERE message_id = {named('m2')}",
        f"DELETE FROM storage_copy WHERE message_id = {named('m2')}",
    )
    total = judge(loaded, dovecot)[1]["total"]
    assert (total["absent"], total["aside"]) == (0, 1)
