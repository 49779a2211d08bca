"""SIGKILL of the refresh's process group at moments uniform over a measured run (I2).

After each: a plain refresh completes, `verify` is complete, what is held equals what a plain IMAP client lists, and
nothing is there twice. `make test-long` kills 200 times each; the output counts the hits per phase (`-rP` shows it).
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import account, on_server
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, mail
from tests.sweep import sample

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2", "I1")]
MOMENTS = 200
SAMPLED = 10


def test_a_first_refresh_can_be_killed_at_any_moment(installation: Installation, dovecot: Dovecot) -> None:
    account(dovecot, *range(250), sent=40, size=3000)
    installation.set_up(dovecot.port)
    sweep(installation, dovecot)


def test_a_later_refresh_can_be_killed_at_any_moment(installation: Installation, dovecot: Dovecot) -> None:
    account(dovecot, *range(200), sent=20, size=2000)
    installation.set_up(dovecot.port)
    installation.ok("mailbox", "refresh", ALICE)
    dovecot.deliver_many(ALICE, [Delivery(mail(1000 + number)) for number in range(100)])
    dovecot.deliver_many(ALICE, [Delivery(mail(2000 + number, sender=ALICE), folder="Sent") for number in range(50)])
    for number in range(0, 10, 2):
        dovecot.expunge(ALICE, f"m{number}@posten.example")
        dovecot.move(ALICE, f"m{number + 1}@posten.example", "INBOX", "Clients/Acme")
    sweep(installation, dovecot)


def sweep(installation: Installation, server: Dovecot) -> None:
    """Kill at each moment, from the same state on disk; then see that everything comes right."""
    seen = on_server(server.snapshot(ALICE))
    installation.keep()
    whole_run = median(installation.ok("mailbox", "refresh", ALICE).seconds for _ in restored(installation, 3))
    assert installation.listing() == seen
    reference = links(installation)
    hits: Counter[str] = Counter()
    for moment in sample(range(MOMENTS), SAMPLED):
        installation.put_back()
        killed = installation.run("mailbox", "refresh", ALICE, kill_after=whole_run * (moment + 0.5) / MOMENTS)
        hits[phase(installation, killed.status, len(seen))] += 1
        assert installation.ok("mailbox", "refresh", ALICE, "--json").data["outcome"] == "complete"
        assert installation.listing() == seen
        assert installation.doubled() == []
        assert links(installation) == reference
        assert installation.ok("mailbox", "verify", ALICE, "--json").data["complete"]
        assert installation.query("SELECT count(*) FROM storage_toindex") == [(0,)]
    wait_until_no_reader_is_left(installation)
    sys.stdout.write(f"a run takes {whole_run:.2f} s; killed while: {dict(hits)}\n")
    assert hits.keys() - {"over"}


def restored(installation: Installation, times: int) -> Iterator[None]:
    for _ in range(times):
        installation.put_back()
        yield


def links(installation: Installation) -> list[tuple[object, ...]]:
    return installation.query(
        "SELECT m.message_id, l.person_id FROM storage_link l JOIN storage_message m ON m.id = l.message_id"
        " ORDER BY 1, 2"
    )


def phase(installation: Installation, status: int, on_the_server: int) -> str:
    """What the killed refresh was at, by what it left on disk."""
    if status == 0:
        return "over"
    run = installation.query("SELECT finished_at, progress FROM storage_refresh ORDER BY id DESC LIMIT 1")
    if not run or run[0][0] is not None:
        return "starting"
    if installation.query("SELECT count(*) FROM storage_toindex WHERE id > 0")[0][0]:
        return "indexing"
    if run[0][1] == "{}":
        return "listing folders"
    return "loading" if len(installation.listing()) < on_the_server else "finishing"


def wait_until_no_reader_is_left(installation: Installation) -> None:
    """A reader of mails has a session of its own, and must end with whoever started it."""
    deadline = time.monotonic() + 10
    while left := readers(installation):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def readers(installation: Installation) -> list[str]:
    mark = f"THREADLINE_DATA_DIR={installation.data}".encode()
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                ours = mark in (process / "environ").read_bytes()
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if ours and "zygote" not in command:
                found.append(command)
    return found
