"""SIGKILL of the refresh's process group at moments uniform over a measured run (I2).

After each: a plain refresh completes, `verify` is complete, what is held equals what a plain IMAP client lists, and
nothing is there twice. `make test-long` kills 200 times each, and goes on, as uniformly, until every phase was hit
fifteen times; the output counts the hits (`-rP` shows it). The server is some milliseconds away while it is killed.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import on_server
from tests.faults.phases import PHASES, is_in_commit, phases_of
from tests.faults.proxy import FaultProxy
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, PASSWORD, mail
from tests.sweep import is_long, sample, seed

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I2", "I1")]
MOMENTS = 200
SAMPLED = 3
MORE_SAMPLED = 10
EACH_PHASE = 15
MOST = 3 * MOMENTS
_UNDER_WAY = "under way"
AWAY = {"latency": 0.01, "rate": 2e7}
SLOW = {"latency": 0.01, "rate": 1e5}
SAMPLED_SLOW = 2


def test_a_first_refresh_can_be_killed_at_any_moment(installation: Installation, dovecot: Dovecot) -> None:
    dovecot.add_user(ALICE, PASSWORD)
    dovecot.deliver_many(ALICE, [*letters(range(240)), *letters(range(400, 430), sent=True)])
    with FaultProxy(dovecot.port) as way:
        installation.set_up(way.port)
        sweep(installation, dovecot, way)


def test_a_later_refresh_can_be_killed_at_any_moment(installation: Installation, dovecot: Dovecot) -> None:
    dovecot.add_user(ALICE, PASSWORD)
    dovecot.deliver_many(ALICE, [*letters(range(60)), *letters(range(200, 210), sent=True)])
    with FaultProxy(dovecot.port) as way:
        installation.set_up(way.port)
        installation.ok("mailbox", "refresh", ALICE)
        dovecot.deliver_many(ALICE, [*letters(range(1000, 1240)), *letters(range(2000, 2030), sent=True)])
        for number in range(0, 10, 2):
            dovecot.expunge(ALICE, f"m{number}@posten.example")
            dovecot.move(ALICE, f"m{number + 1}@posten.example", "INBOX", "Clients/Acme")
        sweep(installation, dovecot, way)


def test_a_refresh_that_lists_the_headings_first_can_be_killed_at_any_moment(
    installation: Installation, dovecot: Dovecot
) -> None:
    """Over a link so slow that the headings come first: what was announced by then is whole after the next refresh."""
    dovecot.add_user(ALICE, PASSWORD)
    dovecot.deliver_many(ALICE, [Delivery(mail(number, text="words " * 150)) for number in range(560)])
    seen = on_server(dovecot.snapshot(ALICE))
    with FaultProxy(dovecot.port) as way:
        installation.set_up(way.port)
        installation.keep()
        way.behave(**SLOW)
        begin, end = span(installation)
        reference = links(installation)
        announced = 0
        for moment in sample(range(MOMENTS // 5), SAMPLED_SLOW):
            installation.put_back()
            way.behave(**SLOW)
            after = begin + (end - begin) * (moment + 0.5) / (MOMENTS // 5)
            installation.run("mailbox", "refresh", ALICE, kill_after=after)
            ((awaiting,),) = installation.query("SELECT count(*) FROM storage_copy WHERE awaits_text")
            sys.stdout.write(f"killed after {after:.2f} s, {awaiting} announced\n")
            announced += awaiting > 0
            way.behave()
            assert installation.ok("mailbox", "refresh", ALICE, "--json").data["outcome"] == "complete"
            assert installation.listing() == seen
            assert installation.query("SELECT count(*) FROM storage_copy WHERE awaits_text") == [(0,)]
            assert installation.query("SELECT count(*) FROM storage_body") == [(len(seen),)]
            assert installation.doubled() == []
            assert links(installation) == reference
            assert installation.ok("mailbox", "verify", ALICE, "--json").data["complete"]
    assert announced or not is_long()


def letters(numbers: range, *, sent: bool = False) -> list[Delivery]:
    """Mails with so many different words, twice, that each phase of their refresh takes a while."""
    return [Delivery(letter(number, sent=sent), folder="Sent" if sent else "INBOX") for number in numbers]


def letter(number: int, *, sent: bool) -> bytes:
    chance = random.Random(number)
    words = ["".join(chance.choices("abcdefghiklmnoprstuvwy", k=chance.randint(3, 9))) for _ in range(900)]
    lines = [" ".join(words[start : start + 10]) for start in range(0, len(words), 10)]
    plain, html = "\r\n".join(lines), "\r\n".join(f"<p style='color:red'>{line} <b>and</b> so on</p>" for line in lines)
    return mail(
        number,
        sender=ALICE if sent else "anna@posten.example",
        to="anna@posten.example" if sent else ALICE,
        headers="MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n",
        text=f"--b\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--",
    )


def sweep(installation: Installation, server: Dovecot, way: FaultProxy) -> None:
    """Kill at each moment, from the same state on disk; then see that everything comes right."""
    seen = on_server(server.snapshot(ALICE))
    installation.keep()
    way.behave(**AWAY)
    begin, end = measured(installation)
    assert installation.listing() == seen
    reference = links(installation)
    hits: Counter[str] = Counter()
    commits = kills = 0
    for number, share in enumerate(moments(hits)):
        if number % 20 == 19:  # a machine is faster or slower by the minute
            way.behave(**AWAY)
            begin, end = measured(installation)
        installation.put_back()
        way.behave(**AWAY)
        killed = installation.run("mailbox", "refresh", ALICE, kill_after=begin + (end - begin) * share)
        phases = phases_of(killed.stacks) if killed.status else {"over"}
        sys.stdout.write(f"killed at {share:.3f}: {' and '.join(sorted(phases))}\n")
        hits.update(phases)
        kills += 1
        hits[_UNDER_WAY] += "over" not in phases
        commits += is_in_commit(killed.stacks)
        way.behave()
        assert installation.ok("mailbox", "refresh", ALICE, "--json").data["outcome"] == "complete"
        assert installation.listing() == seen
        assert installation.doubled() == []
        assert links(installation) == reference
        assert installation.ok("mailbox", "verify", ALICE, "--json").data["complete"]
        assert installation.query("SELECT count(*) FROM storage_toindex") == [(0,)]
    wait_until_no_reader_is_left(installation)
    counted = f"{dict(hits)}, {commits} of them in COMMIT itself"
    sys.stdout.write(f"a run takes {end - begin:.2f} s; killed {kills} times: {counted}\n")
    assert hits.keys() & set(PHASES)
    if is_long():
        assert _enough(hits), counted


def moments(hits: Counter[str]) -> Iterator[float]:
    """Shares of the run: evenly over it, in any order, and then more until each phase has its hits; in a sample until
    one has, as a machine that is faster than when it was measured is done before it is killed.
    """
    chance = random.Random(seed())
    even = [(moment + 0.5) / MOMENTS for moment in sample(range(MOMENTS), SAMPLED)]
    yield from chance.sample(even, len(even))
    for _ in range(MOST - MOMENTS if is_long() else MORE_SAMPLED):
        if _enough(hits):
            return
        yield chance.random()


def _enough(hits: Counter[str]) -> bool:
    if not is_long():
        return bool(hits.keys() & set(PHASES))
    return hits[_UNDER_WAY] >= MOMENTS and min(hits[phase] for phase in PHASES) >= EACH_PHASE


def measured(installation: Installation) -> tuple[float, float]:
    spans = []
    for _ in range(3):
        installation.put_back()
        spans.append(span(installation))
    return median(begin for begin, _ in spans), median(end for _, end in spans)


def span(installation: Installation) -> tuple[float, float]:
    """When an undisturbed refresh begins and ends, in seconds from when its command was given."""
    ends: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not ends and not over.wait(0.005):
            if installation.query("SELECT 1 FROM storage_refresh WHERE finished_at IS NULL"):
                break
        while not ends and not over.wait(0.005):
            if not installation.query("SELECT 1 FROM storage_refresh WHERE finished_at IS NULL"):
                ends.append(time.time())

    watching = threading.Thread(target=look)
    watching.start()
    given = time.time()
    installation.ok("mailbox", "refresh", ALICE)
    over.set()
    watching.join()
    ((started,),) = installation.query("SELECT started_at FROM storage_refresh ORDER BY id DESC LIMIT 1")
    return datetime.fromisoformat(started).replace(tzinfo=UTC).timestamp() - given, ends[0] - given


def links(installation: Installation) -> list[tuple[object, ...]]:
    return installation.query(
        "SELECT m.message_id, l.person_id FROM storage_link l JOIN storage_message m ON m.id = l.message_id"
        " ORDER BY 1, 2"
    )


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
