"""The disk is full, the store read-only or locked, two workers share it, the clock goes back: a clear end, no harm."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import account, on_server
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, mail

pytestmark = pytest.mark.needs("dovecot")
# A program of its own: the limit on the size of files counts for everything it writes.
FULL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from threadline.cli import main
sys.argv[1:] = sys.argv[2:]
main()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot() as dovecot:
        account(dovecot, *range(80), sent=5, size=20_000)
        yield dovecot


@pytest.fixture(scope="module")
def set_up(server: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("disk")) as installed:
        installed.set_up(server.port)
        installed.keep()
        yield installed


@pytest.fixture
def connected(set_up: Installation) -> Installation:
    """An installation with Alice's mailbox connected and never refreshed."""
    set_up.put_back()
    return set_up


def assert_comes_right(installation: Installation, server: Dovecot) -> None:
    assert installation.ok("mailbox", "refresh", ALICE, "--json").data["outcome"] == "complete"
    assert installation.listing() == on_server(server.snapshot(ALICE))
    assert installation.doubled() == []
    assert installation.ok("mailbox", "verify", ALICE, "--json").data["complete"]
    assert installation.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.invariant("I1", "I2")
@pytest.mark.parametrize("more", [0, 200_000, 1_000_000])
def test_a_full_disk_is_said_in_one_sentence_and_harms_nothing(
    connected: Installation, server: Dovecot, more: int
) -> None:
    largest = max(path.stat().st_size for path in connected.data.iterdir() if path.is_file())
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(largest + more), "mailbox", "refresh", ALICE],
        env={**os.environ, "THREADLINE_DATA_DIR": str(connected.data), "THREADLINE_TESTING": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, said
    assert "Traceback" not in done.stderr
    assert "cannot be used" in said[0], said
    assert connected.query("PRAGMA integrity_check") == [("ok",)]
    assert_comes_right(connected, server)


def test_a_store_that_cannot_be_written_is_said_and_harms_nothing(connected: Installation, server: Dovecot) -> None:
    connected.ok("mailbox", "refresh", ALICE)
    server.deliver(ALICE, mail(500))
    with closing(sqlite3.connect(connected.data / "threadline.sqlite3", isolation_level=None)) as store:
        # Root may write where the mode forbids it, so a function that is not there stands for a file system that was
        # mounted read-only: either is an OperationalError.
        store.execute("CREATE TRIGGER no_writing BEFORE INSERT ON storage_copy BEGIN SELECT writable(); END")
    ended = connected.run("mailbox", "refresh", ALICE)
    assert ended.status == 1
    with closing(sqlite3.connect(connected.data / "threadline.sqlite3", isolation_level=None)) as store:
        store.execute("DROP TRIGGER no_writing")
    cause, sentence = connected.query("SELECT cause, sentence FROM storage_refresh ORDER BY id DESC LIMIT 1")[0]
    assert (cause, bool(sentence)) == ("store_unavailable", True)
    assert_comes_right(connected, server)


def test_a_damaged_search_index_is_said_and_can_be_built_again(connected: Installation, server: Dovecot) -> None:
    connected.ok("mailbox", "refresh", ALICE)
    index = connected.data / "search.sqlite3"
    for path in connected.data.glob("search.sqlite3-*"):
        path.unlink()
    index.write_bytes(b"no database " * 1000)
    server.deliver(ALICE, mail(501))
    ended = connected.run("mailbox", "refresh", ALICE)
    assert ended.status == 1
    assert "cannot be used" in ended.err
    index.unlink()
    connected.ok("search", "rebuild")
    assert_comes_right(connected, server)


@contextmanager
def locked(store: Path, seconds: float) -> Iterator[None]:
    """Somebody else writes to the store for so long."""
    taken = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            taken.set()
            time.sleep(seconds)
            other.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(10)
    yield
    thread.join()


def test_a_store_locked_for_seconds_is_waited_for(connected: Installation, server: Dovecot) -> None:
    with locked(connected.data / "threadline.sqlite3", 3.0):
        ended = connected.ok("mailbox", "refresh", ALICE, "--json")
    assert ended.seconds > 2
    assert ended.data["outcome"] == "complete"
    assert_comes_right(connected, server)


@pytest.mark.invariant("I5")
def test_two_workers_on_the_same_data_do_the_work_once(connected: Installation, server: Dovecot) -> None:
    environment = {**os.environ, "THREADLINE_DATA_DIR": str(connected.data), "THREADLINE_TESTING": "1"}
    command = [sys.executable, "-m", "threadline.cli", "worker"]
    workers = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        while not connected.query("SELECT 1 FROM storage_verification"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=30)
    assert connected.query("SELECT count(*) FROM storage_refresh WHERE outcome = 'complete'") == [(1,)]
    assert connected.query("SELECT count(*) FROM storage_verification") == [(1,)]
    assert_comes_right(connected, server)


def test_a_clock_set_back_an_hour_loses_and_doubles_nothing(tmp_path: Path, dovecot: Dovecot) -> None:
    clock = tmp_path / "clock"
    account(dovecot, *range(20))
    with Installation(tmp_path, THREADLINE_NOW_FILE=str(clock)) as installed:
        installed.set_up(dovecot.port)
        installed.ok("mailbox", "refresh", ALICE)
        clock.write_text("-3600")
        dovecot.deliver(ALICE, mail(100))
        dovecot.expunge(ALICE, "m1@posten.example")
        assert_comes_right(installed, dovecot)
        status = installed.ok("mailbox", "status", ALICE, "--json").data
        assert (status["state"], status["completeness"]["complete"]) == ("connected", True)
