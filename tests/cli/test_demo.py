"""What the demo makes in its data folder, and what it leaves alone."""

from __future__ import annotations

import fcntl
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.browser.installation import Installation
from tests.cli.conftest import OWNER
from threadline.cli import demo_folder
from threadline.clock import now
from threadline.services import accounts, demo
from threadline.storage.models import Mailbox, User

WORLD = {
    "company": {"name": "Northgate", "timezone": "Europe/Stockholm", "blocklist": []},
    "users": [{"email": OWNER, "name": "Sofia Lind", "role": "admin"}],
}


def test_only_the_demos_own_mailboxes_follow_its_server(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "world.json").write_text(json.dumps(WORLD))
    (tmp_path / "people.csv").write_text("kind,name,email\n")
    sofia = demo.fill(tmp_path)
    assert sofia.check_password(demo.PASSWORD)
    other = accounts.add_user("erik@southgate.test", accounts.add_company("Southgate"), name="Erik", door="command")
    mailboxes = [_mailbox(user) for user in (sofia, other)]
    settings.MAIL_SERVERS = {"northgate.test": {"host": "127.0.0.1", "port": 2002}}
    demo.fill(tmp_path)
    assert [Mailbox.objects.get(pk=pk).settings["port"] for pk in mailboxes] == [2002, 2001]


def _mailbox(owner: User) -> int:
    return Mailbox.objects.create(
        company=owner.company,
        owner=owner,
        address=OWNER,
        address_key=OWNER,
        settings={"host": "127.0.0.1", "port": 2001, "security": "none", "username": OWNER},
        created_at=now(),
        since=now(),
    ).pk


def clock_of(folder: Path, **environment: str) -> timedelta:
    """How far ahead of the true time a command in a terminal is, to the minute."""
    place = Installation(folder, **environment)
    checks = {check["name"]: check for check in json.loads(place.command("doctor", "--json").stdout)["checks"]}
    told = datetime.fromisoformat(checks["clock"]["detail"])
    return timedelta(minutes=round((told - datetime.now(UTC)).total_seconds() / 60))


def test_a_command_beside_a_demo_tells_its_time_and_no_other_command_does(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    moved = demo_folder.clock_file(folder)
    moved.parent.mkdir(parents=True)
    moved.write_text("+7776000")
    assert clock_of(folder) == timedelta(0), "the demo does not run: what is done in its folder is done in earnest"
    with (moved.parent / "sandbox.lock").open("w") as lock:  # as the sandbox holds it
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert clock_of(folder) == timedelta(days=90)
        other = tmp_path / "other"
        other.write_text("+86400")
        assert clock_of(folder, THREADLINE_TESTING="1", THREADLINE_NOW_FILE=str(other)) == timedelta(days=1)
        assert clock_of(tmp_path / "elsewhere") == timedelta(0)
