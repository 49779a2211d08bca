"""A worker that ends without being asked: `serve` starts another one; where nobody does, doctor says so."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_installation import THREADLINE
from tests.faults.installation import Installation
from tests.servers.dovecot import Dovecot
from tests.servers.process import free_port
from tests.services.world import ALICE, PASSWORD, mail
from threadline.cli.keeping import Keeper
from threadline.clock import now
from threadline.storage import workers
from threadline.storage.models import WorkerSign


def until(true: Callable[[], Any], *, within: float = 60.0, every: float = 0.1) -> Any:
    deadline = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(every)
    return found


@contextmanager
def serving(installation: Installation, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        program = subprocess.Popen(
            [*THREADLINE, "serve", "--port", str(free_port())],
            env=installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield program
        finally:
            program.terminate()
            program.wait(timeout=30)


def worker_of(program: subprocess.Popen[bytes]) -> int | None:
    """The process that `serve` keeps; a zombie is none."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == program.pid and fields[0] != "Z" and command.endswith(b"worker\0"):
            return int(entry.name)
    return None


def check_of_the_worker(installation: Installation) -> dict[str, Any]:
    checks = installation.run("doctor", "--json").data["checks"]
    return next(check for check in checks if check["name"] == "worker")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    return {} if request.param == "sqlite" else {"DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.mark.needs("dovecot")
def test_the_mail_that_was_asked_for_comes_after_the_worker_was_killed(
    tmp_path: Path, dovecot: Dovecot, store: dict[str, str]
) -> None:
    log = tmp_path / "log"
    dovecot.add_user(ALICE, PASSWORD)
    with Installation(tmp_path, **store) as installation:
        installation.set_up(dovecot.port)
        installation.ok("mailbox", "refresh", ALICE)
        # Else the worker may be killed in the midst of the first check, and what it held is held until its lease ends.
        installation.ok("mailbox", "verify", ALICE)
        assert check_of_the_worker(installation)["detail"].startswith("none is at work now")
        with serving(installation, log) as program:
            first = until(lambda: worker_of(program))
            # Asked by commands, which take the processor from what they ask about.
            until(lambda: check_of_the_worker(installation)["detail"].startswith("at work"), every=1)
            os.kill(first, signal.SIGKILL)
            until(lambda: worker_of(program) not in (None, first))
            dovecot.deliver(ALICE, mail(1))
            ask(installation)
            listing = ("messages", "list", "--mailbox", ALICE, "--json")
            until(lambda: "m1@posten.example" in installation.ok(*listing).out, every=1)
            assert check_of_the_worker(installation)["ok"]
            said = [line for line in log.read_text().splitlines() if "started again" in line]
            assert len(said) == 1
            assert (
                "The worker was ended by SIGKILL, which nobody asked of it; it is started again in 1 second." in said[0]
            )
    assert worker_of(program) is None
    assert "Stopped. Everything is kept" in log.read_text()


def ask(installation: Installation) -> None:
    """What the button on the page does, in a process that knows this store."""
    code = (
        "from threadline.cli.preparation import prepare\nprepare()\n"
        "from threadline.services.refresh import ask_for\nfrom threadline.storage.models import Mailbox\n"
        "ask_for(Mailbox.objects.get(), None)"
    )
    subprocess.run([THREADLINE[0], "-c", code], env=installation.environment, check=True, timeout=60)


def test_one_that_ends_again_and_again_is_started_more_and_more_slowly_and_what_helps_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Keeper(["json.tool", str(tmp_path / "no such file")], dict(os.environ), said.append)
    began = time.monotonic()
    with closing(_Stopping(keeper)):
        until(lambda: len(said) == 5, within=40)
    assert time.monotonic() - began >= 1 + 2 + 4 + 8
    assert [line.split("again in ")[1].split()[0] for line in said] == ["1", "2", "4", "8", "16"]
    assert "ended with status" in said[0]
    assert "threadline doctor" not in said[3]
    assert "5 times within a minute. Look at what stands above" in said[4]
    assert "We keep trying." in said[4]


class _Stopping:
    def __init__(self, keeper: Keeper) -> None:
        self.close = keeper.stop
        keeper.start()


@pytest.mark.django_db
def test_a_worker_that_fell_silent_is_none_and_one_that_took_leave_is_forgotten() -> None:
    assert not workers.are_at_work()
    workers.give_sign()
    workers.give_sign()
    assert workers.are_at_work()
    assert workers.fell_silent_at() is None
    workers.take_leave()
    assert not WorkerSign.objects.exists()
    silent = now() - workers.SILENT - timedelta(seconds=1)
    WorkerSign.objects.create(name="elsewhere:7", seen_at=silent)
    assert not workers.are_at_work()
    assert workers.fell_silent_at() == silent


@pytest.mark.django_db
def test_the_doctor_tells_a_worker_at_work_from_one_that_died_and_from_none(northgate: Cli) -> None:
    def found(status: int) -> str:
        checks = northgate.json("doctor", status=status)["checks"]
        return str(next(check["detail"] for check in checks if check["name"] == "worker"))

    assert found(0).startswith("none is at work now")
    workers.give_sign()
    assert found(0).startswith("at work")
    died = now() - workers.SILENT - timedelta(seconds=1)
    WorkerSign.objects.update(seen_at=died)
    assert found(1) == f"no worker is at work: the last one has said nothing since {died:%Y-%m-%dT%H:%M:%SZ}"
    workers.give_sign()  # another one, or the same machine again
    assert found(0).startswith("at work")
