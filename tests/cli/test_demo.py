"""What the demo makes in its data folder, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import OWNER
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
