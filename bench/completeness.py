"""Is every email there, once, after everything went wrong? A scene of the benchmark; its page is docs/reliability.md.

A mailbox is loaded and kept up by the product's own command while every run of it meets a fault (`bench.chaos`) and a
mail program works in the mailbox. Then the faults end, refreshes run until they are complete, and two judges who share
no code look at it: `threadline mailbox verify`, and `bench/outsider.py`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.meddler import Meddler

from bench.chaos import Bustle, Chaos, Counted, Proxy
from bench.measure import Figure
from bench.product import Installation, RunDoesNotCount, installed
from bench.report import COMPLETENESS
from bench.scale import Scale
from bench.server import PASSWORD, Mailbox, Server, serving

OUTSIDER = Path(__file__).with_name("outsider.py")
POISON = b"zqpoison: the server hangs up whenever this is fetched"
MOST_TO_MEND = 6  # refreshes without faults, until one is complete
SEED = 3
# Runs of the command, each under one fault, at each size of mailbox; and the seconds after which no more are begun.
ROUNDS = {"full": ((24, 80.0), (32, 240.0)), "quick": ((12, 40.0), (12, 40.0))}


@dataclass
class Outcome:
    """What came of one mailbox."""

    size: int
    counted: Counted
    moved: Counter[str]
    judged: dict[str, Any]
    verified: dict[str, Any]
    mended: int
    set_aside: int
    filed: tuple[int, int]
    seconds: float


def completeness(scale: Scale) -> Iterator[Figure]:
    """Faults throughout, at two sizes of mailbox: nothing absent, nothing doubled, no more memory for more mail."""
    sizes = zip(scale.under_faults, ROUNDS[scale.name], strict=True)
    outcomes = [_survive(mailbox, *limits) for mailbox, limits in sizes]
    for outcome in outcomes:
        yield from _figures(outcome)
    yield Figure(
        COMPLETENESS,
        "peak of memory, the larger mailbox / the smaller",
        "×",
        (outcomes[1].counted.peak / outcomes[0].counted.peak,),
        "at most 1.2",
    )


def _survive(mailbox: Mailbox, rounds: int, seconds: float) -> Outcome:
    began = time.monotonic()
    with (
        serving(mailbox) as server,
        Meddler(server.port) as meddler,
        Proxy(meddler.port) as proxy,
        installed(server, mailbox, people=1_000, port=proxy.port) as product,
    ):
        _put_in_what_is_odd(server, product.address)
        chaos = Chaos(proxy, meddler, POISON, SEED)
        with Bustle(server.port, product.address, PASSWORD, SEED) as bustle:
            _under_fire(product, chaos, bustle, server, rounds, seconds)
        chaos.heal(wholly=True)
        set_aside = _try_set_aside_again(product)
        mended = _refresh_until_complete(product, chaos)
        verified = product.run("mailbox", "verify", product.address)
        judged = _outsider(product, server)
        filed = _filed(product)
    return Outcome(
        mailbox.count, chaos.counted, bustle.done, judged, verified, mended, set_aside, filed, time.monotonic() - began
    )


def _put_in_what_is_odd(server: Server, user: str) -> None:
    """An email the server cannot hand out for now, and two that are made to break their reader."""
    head = b"From: odd@sender.example\r\nTo: robin@agency.example\r\nMessage-ID: <odd%d@sender.example>\r\n"
    nested = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(10_000)
    )
    mails = (
        head % 1 + b"\r\n" + POISON + b"\r\n",
        head % 2 + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + nested,
        head % 3 + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 50_000,
    )
    for raw in mails:
        server.dovecot.deliver(user, raw)


def _under_fire(
    product: Installation, chaos: Chaos, bustle: Bustle, server: Server, rounds: int, seconds: float
) -> None:
    """Each kind of fault in turn, shuffled; half-way the server also gives its Inbox a new UIDVALIDITY."""
    chance, kinds, began, renumbered = random.Random(SEED), list[str](), time.monotonic(), False
    command = product.command("mailbox", "refresh", product.address)
    for number in range(rounds):
        past = time.monotonic() - began
        if not renumbered and (number >= rounds // 2 or past > seconds / 2):
            renumbered = True
            with bustle.resting():
                server.dovecot.change_uidvalidity(product.address)
            chaos.counted.faults["UIDVALIDITY changed"] += 1
        if past > seconds:
            break
        kinds = kinds or chance.sample(chaos.kinds, len(chaos.kinds))
        kind = kinds.pop()
        status = chaos.run(command, product.environment, kind)
        print(f"    {number + 1}/{rounds} {kind}: {status}", flush=True)


def _try_set_aside_again(product: Installation) -> int:
    entries = product.run("ledger", "list")
    for entry in entries:
        product.run("ledger", "retry", str(entry["id"]))
    return len(entries)


def _refresh_until_complete(product: Installation, chaos: Chaos) -> int:
    command = product.command("mailbox", "refresh", product.address)
    for number in range(1, MOST_TO_MEND + 1):
        chaos.heal(wholly=True)
        if subprocess.run(command, env=product.environment, stdout=subprocess.DEVNULL, check=False).returncode == 0:
            return number
    raise RunDoesNotCount("not one refresh without faults was complete")


def _outsider(product: Installation, server: Server) -> dict[str, Any]:
    secret = product.folder / "password"
    command = [sys.executable, "-I", str(OUTSIDER), "--host", "127.0.0.1", "--port", str(server.port)]
    command += ["--security", "none", "--user", product.address, "--password-file", str(secret)]
    command += ["--store", str(product.folder / "threadline.sqlite3")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise RunDoesNotCount(f"the outsider could not judge: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _filed(product: Installation) -> tuple[int, int]:
    """(emails that left the Inbox for another folder and are held with their new place, held without one)."""
    rows = product.lines("messages", "list", "--mailbox", product.address)
    held = Counter(row["where"].partition(":")[0] for row in rows)
    return held["elsewhere"], held["not_found"]


def _figures(outcome: Outcome) -> Iterator[Figure]:
    scene = f"{COMPLETENESS}: {outcome.size:,} emails"
    total = outcome.judged["total"]
    on_server = total["on_server"]
    missing = sum(len(folder["missing"]) for folder in outcome.verified["folders"])
    absent, doubled = total["absent"], total["doubled"]
    yield Figure(scene, "on the server in the end", "emails", (on_server,))
    yield Figure(scene, "absent rate, by the outsider", "%", (100 * (absent + total["aside"]) / on_server,), "0")
    yield Figure(scene, "doubled rate, by the outsider", "%", (100 * doubled / on_server,), "0")
    yield Figure(scene, "held as there and not on the server, by the outsider", "emails", (total["gone"],), "0")
    yield Figure(scene, "verify: complete", "", (int(outcome.verified["complete"]),), "1")
    yield Figure(scene, "verify: missing before it repaired anything", "emails", (missing,), "0")
    yield Figure(scene, "in the ledger while the server refused them, held in the end", "emails", (outcome.set_aside,))
    yield Figure(scene, "left the Inbox and held with their new place", "emails", (outcome.filed[0],))
    yield Figure(scene, "deleted at the server and kept", "emails", (outcome.filed[1],))
    yield Figure(scene, "refreshes without faults until one was complete", "", (outcome.mended,))
    yield Figure(
        scene, "peak of memory, all processes of a refresh together", "MB", (outcome.counted.peak,), "at most 250"
    )
    yield Figure(scene, "took", "s", (outcome.seconds,))
    for name, count in sorted(outcome.counted.ends.items()):
        yield Figure(scene, f"runs of the command: {name}", "", (count,))
    for name, count in sorted(outcome.counted.faults.items()):
        yield Figure(scene, f"fault: {name}", "", (count,))
    for name, count in sorted(outcome.moved.items()):
        yield Figure(scene, f"meanwhile in the mailbox: {name}", "emails", (count,))
