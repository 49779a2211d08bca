"""The disk is full, the store read-only or locked, two workers share it, the clock goes back: a clear end, no harm."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import account, on_server
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, mail
from tests.sweep import is_long

pytestmark = [pytest.mark.xdist_group("disk"), pytest.mark.needs("dovecot"), pytest.mark.timeout(300)]
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


# A file system of its own, in a name space of its own: as large as the third argument says, then full or read-only.
OWN_DISK = """
set -eu
mount -t tmpfs -o size="$3" none "$1"
cp -a "$2"/. "$1"/
if [ "$4" = ro ]; then mount -o remount,ro "$1"; fi
set +e
timeout 60 "$5" -m threadline.cli mailbox refresh "$6"
ended=$?
set -e
rm -rf "$2" && mkdir "$2" && cp -a "$1"/. "$2"/
exit $ended
"""


def may_mount() -> bool:
    """Whether the system lets us have a file system of our own; where not, the limit on sizes stands for it."""
    tried = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(tried, capture_output=True, check=False).returncode == 0
    )


def refresh_on_a_disk(installation: Installation, *, size: int, mode: str = "rw") -> subprocess.CompletedProcess[str]:
    """Run a refresh over the same data on such a disk; what it left there is the installation's data afterwards."""
    disk, data = installation.data.parent / "disk", installation.data.parent / "moved"
    disk.mkdir(exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(installation.data, data)
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", OWN_DISK, "own-disk"]
    done = subprocess.run(
        [*own, str(disk), str(data), str(size), mode, sys.executable, ALICE],
        env={**os.environ, "THREADLINE_DATA_DIR": str(disk), "THREADLINE_TESTING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    shutil.rmtree(installation.data)
    data.rename(installation.data)
    return done


def assert_said_in_one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, said
    assert "cannot be used" in said[0]
    return said[0]


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


if may_mount():

    @pytest.mark.invariant("I1", "I2")
    @pytest.mark.parametrize("room", [0, 300_000, 1_000_000])
    def test_a_file_system_without_room_is_said_in_one_sentence_and_harms_nothing(
        connected: Installation, server: Dovecot, room: int
    ) -> None:
        used = sum(-(-path.stat().st_size // 4096) * 4096 + 4096 for path in connected.data.rglob("*"))
        said = assert_said_in_one_sentence(refresh_on_a_disk(connected, size=used + room))
        assert "its disk is full. Make room there" in said, said
        assert connected.query("PRAGMA integrity_check") == [("ok",)]
        assert_comes_right(connected, server)

    def test_a_file_system_that_can_only_be_read_is_said_in_one_sentence_and_harms_nothing(
        connected: Installation, server: Dovecot
    ) -> None:
        connected.ok("mailbox", "refresh", ALICE)
        held = connected.listing()
        server.deliver(ALICE, mail("readonly"))
        assert_said_in_one_sentence(refresh_on_a_disk(connected, size=100_000_000, mode="ro"))
        assert connected.listing() == held
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


def test_a_damaged_search_index_costs_no_refresh_and_is_built_again(connected: Installation, server: Dovecot) -> None:
    connected.ok("mailbox", "refresh", ALICE)
    index = connected.data / "search.sqlite3"
    for path in connected.data.glob("search.sqlite3-*"):
        path.unlink()
    index.write_bytes(b"no database " * 1000)
    server.deliver(ALICE, mail(501))
    connected.ok("mailbox", "refresh", ALICE)
    held = connected.query("SELECT count(*) FROM storage_body")[0][0]
    with closing(sqlite3.connect(index)) as made_again:
        assert made_again.execute("SELECT count(*) FROM words_docsize").fetchone() == (held,)
    connected.ok("search", "rebuild")
    assert_comes_right(connected, server)


LOCKED = 60.0 if is_long() else 35.0  # seconds; a write waits for 30


def until(condition: Callable[[], object], *, seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def workers(installation: Installation, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many workers on the same data; all must be at work still at the end, and stop when they are told to."""
    environment = {**os.environ, "THREADLINE_DATA_DIR": str(installation.data), "THREADLINE_TESTING": "1"}
    command = [sys.executable, "-m", "threadline.cli", "worker"]
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield started
        assert [worker.poll() for worker in started] == [None] * count
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            worker.wait(timeout=30)


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


def test_a_store_locked_for_a_minute_ends_in_a_sentence_and_comes_right(
    connected: Installation, server: Dovecot
) -> None:
    """Twice as long as a write waits. The command ends; nothing is half done; the next one makes it whole."""
    connected.ok("mailbox", "refresh", ALICE)
    server.deliver(ALICE, mail("locked"))
    with locked(connected.data / "threadline.sqlite3", LOCKED):
        ended = connected.run("mailbox", "refresh", ALICE)
    assert (ended.status, len(ended.err.strip().splitlines())) == (1, 1), ended
    assert "locked" in ended.err
    assert 20 < ended.seconds < LOCKED + 20
    assert_comes_right(connected, server)


def test_a_worker_outlives_a_store_locked_for_a_minute(connected: Installation, server: Dovecot) -> None:
    with workers(connected, 1):
        until(lambda: connected.query("SELECT 1 FROM storage_refresh"))
        with locked(connected.data / "threadline.sqlite3", LOCKED):
            pass
        # What it failed at is tried again by itself, after a while; who asks for it does not wait.
        connected.run("mailbox", "refresh", ALICE)
    assert_comes_right(connected, server)


def test_a_store_locked_for_seconds_is_waited_for(connected: Installation, server: Dovecot) -> None:
    with locked(connected.data / "threadline.sqlite3", 3.0):
        ended = connected.ok("mailbox", "refresh", ALICE, "--json")
    assert ended.seconds > 2
    assert ended.data["outcome"] == "complete"
    assert_comes_right(connected, server)


@pytest.mark.invariant("I5")
def test_two_workers_on_the_same_data_do_the_work_once(connected: Installation, server: Dovecot) -> None:
    with workers(connected, 2):
        until(lambda: connected.query("SELECT 1 FROM storage_verification"))
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
