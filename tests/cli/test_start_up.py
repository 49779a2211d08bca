"""What a command loads: a refresh that finds nothing new would spend most of its time loading what it does not use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import account
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE

# Pages and sign-in; finding mail servers; the reading of mail, which the parser's process does; making the store.
HEAVY = (
    *("allauth", "whitenoise", "django_htmx", "threadline.web", "django.contrib.sessions"),
    *("httpx", "dns", "threadline.providers.detection"),
    *("nh3", "fast_mail_parser", "resiliparse"),
    "django.db.migrations",
)
_TELLING = """
import atexit, json, os, pathlib, sys
atexit.register(lambda: pathlib.Path(os.environ["MODULES"]).write_text(json.dumps(sorted(sys.modules))))
from threadline.cli import main
main()
"""


@pytest.mark.needs("dovecot")
def test_a_refresh_with_nothing_new_loads_no_more_than_it_uses(tmp_path: Path, dovecot: Dovecot) -> None:
    account(dovecot, 0, 1, 2)
    with Installation(tmp_path) as installation:
        installation.set_up(dovecot.port)
        installation.ok("mailbox", "refresh", ALICE)
        loaded = _loaded_by(installation, tmp_path / "modules.json", "mailbox", "refresh", ALICE)
    assert "threadline.services.refresh.run" in loaded
    assert [name for name in loaded if name in HEAVY or name.startswith(tuple(f"{heavy}." for heavy in HEAVY))] == []


def _loaded_by(installation: Installation, told: Path, *arguments: str) -> list[str]:
    """The names of the modules that the program had loaded at the end of a command."""
    environment = {**os.environ, "THREADLINE_DATA_DIR": str(installation.data), "MODULES": str(told)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    subprocess.run([sys.executable, "-c", _TELLING, *arguments], env=environment, check=True, capture_output=True)
    return list(json.loads(told.read_text()))
