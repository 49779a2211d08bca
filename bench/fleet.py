"""Many mailboxes of one company, all due at once, at a server 20 ms away."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.proxy import FaultProxy
from tests.servers.dovecot import Dovecot
from tests.servers.process import give_away, make_folder

from bench.environment import python
from bench.generator import Generator
from bench.measure import Figure
from bench.scale import Scale
from bench.server import OUT, PASSWORD

MAILS = 3  # a mailbox: what is measured is the refresh, not the mail
SLOW = 50  # one mailbox in so many is at a server that is slow to answer
ONE_WAY, SLOW_ONE_WAY = 0.010, 0.5
THREADS = 16
LONGEST = 90.0  # seconds; what is not refreshed by then shows in the rate
DAY, QUARTER = 24 * 3600, 15 * 60


def fleet(scale: Scale) -> Iterator[Figure]:
    """Refreshes a second when all mailboxes are due at once, and whether any waits for the slow ones."""
    scene = f"{scale.fleet:,} mailboxes due at once, 20 ms away"
    folder = OUT / f"fleet-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLINE_", "DATABASE_"))}
    environment = kept | {"THREADLINE_DATA_DIR": str(folder), "THREADLINE_ALLOW_HOSTS": "127.0.0.1"}
    environment |= {"THREADLINE_WORKERS": str(THREADS), "THREADLINE_LOG_LEVEL": "WARNING"}
    with Dovecot(storage="maildir") as dovecot, FaultProxy(dovecot.port) as near, FaultProxy(dovecot.port) as far:
        near.behave(latency=ONE_WAY)
        far.behave(latency=SLOW_ONE_WAY)
        try:
            _deliver(dovecot, scale.fleet)
            ports = map(str, (scale.fleet, SLOW, near.port, far.port))
            subprocess.run([python(), "-m", "bench.fleet_inside", *ports], env=environment, check=True)
            for name in ("the first refresh", "a refresh with nothing new"):
                with _working(environment):
                    waits, seconds = _all_refreshed(folder / "threadline.sqlite3", scale.fleet)
                yield from _figures(scene, name, waits, seconds, scale.fleet)
        finally:
            shutil.rmtree(folder)


def _figures(scene: str, name: str, waits: dict[int, float], seconds: float, count: int) -> Iterator[Figure]:
    rate = len(waits) / seconds
    yield Figure(scene, f"{name}: a second", "mailboxes", (rate,))
    quick = [wait for number, wait in waits.items() if number % SLOW]
    if len(waits) == count:
        yield Figure(scene, f"{name}: until the last one at the quick server", "s", (max(quick),))
        yield Figure(scene, f"{name}: until the last one at the slow server", "s", (max(waits.values()),))
    if name != "the first refresh":
        yield Figure(scene, "mailboxes one machine keeps, every 24 hours", "", (rate * DAY,))
        yield Figure(scene, "mailboxes one machine keeps, every 15 minutes", "", (rate * QUARTER,))


@contextmanager
def _working(environment: dict[str, str]) -> Iterator[None]:
    worker = subprocess.Popen([python(), "-m", "threadline.cli", "worker"], env=environment)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def _all_refreshed(store: Path, count: int) -> tuple[dict[int, float], float]:
    """When each mailbox, by its number, was refreshed, in seconds after all were made due; and how long all took."""
    with sqlite3.connect(store, timeout=60, isolation_level=None) as database:
        database.execute("UPDATE storage_mailbox SET next_refresh_at = '2020-01-01 00:00:00', last_refresh_at = NULL")
        began, waits = time.monotonic(), dict[int, float]()
        while len(waits) < count and time.monotonic() - began < LONGEST:
            time.sleep(0.25)
            done = database.execute("SELECT id FROM storage_mailbox WHERE last_refresh_at IS NOT NULL").fetchall()
            passed = time.monotonic() - began
            for (number,) in done:
                waits.setdefault(number, passed)
    database.close()
    return waits, time.monotonic() - began


def _deliver(dovecot: Dovecot, count: int) -> None:
    mails = list(Generator("small").mails(MAILS))
    for number in range(1, count + 1):
        dovecot.add_user(user(number), PASSWORD)
        place = dovecot.folder / "homes" / user(number) / "mail"
        for name in ("", "cur", "new", "tmp"):
            make_folder(place / name)
        for mail in mails:
            path = place / "cur" / f"{mail.at}.M{mail.number}.bench,S={len(mail.raw)}:2,S"
            path.write_bytes(mail.raw)
            give_away(path)


def user(number: int) -> str:
    return f"recruiter{number}@agency.example"
