"""Microsoft 365 through a refresh, with everything that can go wrong on HTTP (I1, I2, I3, I10).

After each fault: a plain refresh completes, `verify` is complete, what is held is what the server has, nothing twice.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection

from tests.servers.graph_tokens import LOOPBACK
from tests.services.conftest import office
from tests.services.microsoft_world import Office
from tests.services.world import ALICE, mail
from tests.sweep import sample
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.providers.contract import Session
from threadline.providers.graph import open_session
from threadline.services.refresh import refresh
from threadline.services.refresh.report import Report
from threadline.services.sessions import server_settings, stored
from threadline.services.verify import verify
from threadline.storage import leases
from threadline.storage.models import Copy, Mailbox, Message

__all__ = ["office"]
pytestmark = [pytest.mark.invariant("I1", "I2"), pytest.mark.timeout(600)]
FOLDERS = {"Inbox": "inbox", "Sent Items": "sentitems"}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "500": {"status": 500},
    "503 again and again": {"status": 503, "count": 3},
    "401": {"status": 401},
    "410": {"status": 410, "code": "SyncStateNotFound"},
    "truncated": {"action": "truncate"},
    "broken JSON": {"action": "break_json"},
    "dropped": {"action": "drop"},
    "cut off": {"action": "cut"},
    "hung": {"action": "hang"},
}


def impatient(mailbox: Mailbox) -> Session:
    return open_session(server_settings(mailbox), stored(mailbox), allow=LOOPBACK, timeout=1.5)


def run(mailbox: Mailbox, **how: Any) -> Report:
    return refresh(mailbox.pk, trigger="command", opening=impatient, **how)


def on_server(office: Office) -> list[tuple[str, str]]:
    return sorted(
        (name, one["immutable_id"]) for name, key in FOLDERS.items() for one in office.server.messages(ALICE, key)
    )


def held(mailbox: Mailbox) -> list[tuple[str, str]]:
    here = Copy.objects.filter(mailbox=mailbox, where="here").values_list("folder__name", "remote_id")
    return sorted((str(name), str(key)) for name, key in here)


def everything_is_right(office: Office, mailbox: Mailbox) -> None:
    """After the fault: one more refresh brings the rest, and nothing is there twice."""
    office.server.clear_faults()
    mailbox.refresh_from_db()
    assert run(mailbox).outcome == "complete"
    assert held(mailbox) == on_server(office)
    assert set(Counter(Copy.objects.values_list("folder", "remote_id")).values()) == {1}
    assert set(Counter(Message.objects.values_list("key", flat=True)).values()) == {1}
    assert verify(mailbox.pk, opening=impatient).complete


class Numbers:
    """Mail with numbers of its own, newest last."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._next = 0

    def deliver(self, count: int, folder: str = "inbox") -> None:
        for _ in range(count):
            self._next += 1
            self._office.server.deliver(
                ALICE, mail(self._next, sender=ALICE if folder != "inbox" else "eva@x.example"), folder
            )


@pytest.mark.parametrize("fault", sample(FAULTS, 5), ids=str)
def test_a_fault_at_any_request_of_a_refresh_loses_nothing(office: Office, fault: str) -> None:
    numbers = Numbers(office)
    numbers.deliver(4)
    numbers.deliver(2, "sentitems")
    mailbox = office.connect()
    run(mailbox)
    numbers.deliver(2)
    office.server.clear_log()
    run(mailbox)
    calls = sum(one["path"].startswith("/v1.0/") for one in office.server.log())
    assert calls > 8
    for call in sample(range(calls), 2):
        numbers.deliver(1)
        numbers.deliver(1, "sentitems")
        filed = office.server.messages(ALICE)[-1]["immutable_id"]
        office.server.move(ALICE, filed, "Clients")
        office.server.fault("/v1.0/", skip=call, **FAULTS[fault])
        report = run(mailbox)
        assert report.cause not in {Cause.SECURITY_CHANGE, Cause.CREDENTIALS_REJECTED}, "nobody has to sign in again"
        everything_is_right(office, mailbox)
        copy = Copy.objects.get(remote_id=filed)
        assert (copy.where, copy.where_folder) == ("elsewhere", "Clients")


def test_a_delay_too_long_to_wait_for_leaves_the_mailbox_delayed_and_loses_nothing(office: Office) -> None:
    Numbers(office).deliver(3)
    mailbox = office.connect()
    office.server.fault("delta", status=429, headers={"Retry-After": "21"})
    report = run(mailbox)
    assert report.cause is Cause.THROTTLED
    mailbox.refresh_from_db()
    assert mailbox.state == State.DELAYED.value
    time.sleep(21)
    everything_is_right(office, mailbox)


@pytest.mark.parametrize("fault", sample(["410", "truncated", "hung", "503 again and again"], 2))
def test_a_fault_at_any_request_of_a_first_refresh_loses_nothing(office: Office, fault: str) -> None:
    Numbers(office).deliver(12)
    office.server.quirks(ALICE, empty_pages=True)
    mailbox = office.connect()
    office.server.fault(r"delta|\$value", skip=3, **FAULTS[fault])
    run(mailbox)
    everything_is_right(office, mailbox)


@pytest.mark.invariant("I10")
def test_a_link_that_dies_between_two_pages_is_listed_again_and_nothing_fetched_twice(office: Office) -> None:
    numbers = Numbers(office)
    numbers.deliver(5)
    office.server.quirks(ALICE, empty_pages=True)
    mailbox = office.connect()
    run(mailbox)
    numbers.deliver(2)
    office.server.fault("skiptoken", status=410, code="SyncStateNotFound")
    office.server.clear_log()
    assert run(mailbox).outcome == "complete"
    assert sum("$value" in one["path"] for one in office.server.log()) == 2
    everything_is_right(office, mailbox)


def test_a_sign_in_that_ends_in_the_middle_of_a_page_is_made_again_and_nothing_is_lost(office: Office) -> None:
    Numbers(office).deliver(12)
    mailbox = office.connect()
    office.server.fault(r"\$value", status=401, skip=5, count=-1)
    office.server.token_error(50173, count=-1)
    report = run(mailbox)
    assert (report.cause, report.certain) == (Cause.SECURITY_CHANGE, False)
    mailbox.refresh_from_db()
    assert mailbox.state == State.REAUTHORISE.value
    office.server.token_error(0)
    office.server.clear_faults()
    assert office.sign_in(mailbox=mailbox).outcome == "connected"
    everything_is_right(office, mailbox)


@pytest.mark.invariant("I3")
def test_moved_archived_deleted_and_back_again_are_told_apart(office: Office) -> None:
    Numbers(office).deliver(6)
    office.server.quirks(ALICE, forget_returns=True)
    mailbox = office.connect()
    run(mailbox)
    moved, archived, deleted, purged, back, still = (one["immutable_id"] for one in office.server.messages(ALICE))
    office.server.move(ALICE, moved, "Clients/Acme")
    office.server.move(ALICE, archived, "archive")
    office.server.move(ALICE, deleted, "deleteditems")
    office.server.delete(ALICE, purged)
    office.server.move(ALICE, back, "Clients")
    office.server.move(ALICE, back, "inbox")
    assert run(mailbox).outcome == "complete"
    assert places() == {
        moved: ("elsewhere", "Clients/Acme"),
        archived: ("elsewhere", "Archive"),
        deleted: ("elsewhere", "Deleted Items"),
        purged: ("not_found", ""),
        back: ("here", ""),
        still: ("here", ""),
    }
    # The feed says nothing of an email that comes back; it is asked for by its id all the same.
    office.server.move(ALICE, archived, "inbox")
    office.server.move(ALICE, moved, "Clients/Rival")
    office.server.delete(ALICE, deleted)
    assert run(mailbox).outcome == "complete"
    now_at = places()
    assert now_at[archived] == ("here", "")
    assert now_at[moved] == ("elsewhere", "Clients/Rival")
    assert now_at[deleted] == ("not_found", "")
    everything_is_right(office, mailbox)


def places() -> dict[str, tuple[str, str]]:
    rows = Copy.objects.values_list("remote_id", "where", "where_folder")
    return {str(key): (str(where), str(folder)) for key, where, folder in rows}


def killed_after(office: Office, mailbox: Mailbox, seconds: float) -> int:
    """A refresh in a process of its own, killed after so long; its exit status."""
    known = {
        "THREADLINE_MICROSOFT_CLIENT_ID": office.server.client_id,
        "THREADLINE_MICROSOFT_CLIENT_SECRET": office.server.client_secret,
        "THREADLINE_MICROSOFT_LOGIN_URL": office.server.login_url,
        "THREADLINE_MICROSOFT_GRAPH_URL": office.server.graph_url,
    }
    command = [
        sys.executable,
        "-m",
        "tests.faults.graph_refresh",
        str(connection.settings_dict["NAME"]),
        str(mailbox.pk),
    ]
    with subprocess.Popen(
        command,
        env=os.environ | known,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def test_a_refresh_that_is_killed_loses_nothing_and_doubles_nothing(office: Office) -> None:
    numbers = Numbers(office)
    numbers.deliver(60)
    numbers.deliver(20, "sentitems")
    mailbox = office.connect()
    office.server.throttle(latency_ms=20)
    began = time.monotonic()
    killed = Counter(killed_after(office, mailbox, seconds) for seconds in sample([0.5, 0.2, 0.9, 2.0, 3.0, 1.4], 2))
    assert killed[-signal.SIGKILL], killed
    wait = partial(time.sleep, 0.2)
    while True:  # the lease of the one that was killed may have to run out
        try:
            everything_is_right(office, mailbox)
        except leases.Busy:
            assert time.monotonic() - began < 300
            wait()
        else:
            return
