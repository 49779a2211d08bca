"""What is measured, scene by scene. Every scene starts its own server and cleans up after itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from tests.faults.proxy import FaultProxy
from tests.servers.postgres import PostgresServer

from bench import fleet, many, peers
from bench.completeness import completeness
from bench.measure import Figure, interleave, peak_memory, ratios
from bench.peers import Mbsync
from bench.product import Installation, RunDoesNotCount, installed
from bench.scale import Scale
from bench.server import POSTGRES, Mailbox, serving

LINK_BYTES = 100_000_000 / 8  # a second, at 100 Mbit/s
LINK_ONE_WAY = 0.010
SLOW = "offlineimap3"  # minutes where others take seconds: one run of it tells enough
LARGE = 2  # emails with an attachment of 100 MB
NOTHING_NEW = "Refresh with nothing new (two folders)"


def first_load(scale: Scale) -> Iterator[Figure]:
    """From an empty store until every mail is listed, linked and found. Beside those who copy, or fetch and parse."""
    scene, absent = f"First load of {scale.load.count:,} emails", " ".join(peers.missing())
    with serving(scale.load) as server, installed(server, scale.load, people=scale.people) as product:
        contestants: dict[str, Callable[[], float]] = {"Threadline": lambda: _first_load(product, scale.load)}
        copying = [Mbsync(server, scale.load, fsync=fsync) for fsync in (True, False)]
        if "mbsync" not in absent:
            contestants |= {"mbsync": copying[0].first, "mbsync, FSync no": copying[1].first}
        if "imapflow" not in absent:
            contestants["imapflow + mailparser"] = peers.imapflow(server, scale.load)
        contestants["imaplib + email"] = peers.standard_library(server, scale.load)
        if "offlineimap" not in absent:
            contestants[SLOW] = peers.offlineimap(server, scale.load)
        taken = interleave(contestants, scale.rounds, once=(SLOW,))
        for one in copying:
            one.forget()
    for name, values in taken.items():
        yield Figure(scene, name, "s", values)
    targets = (("mbsync", "0.5"), ("mbsync, FSync no", ""), ("imapflow + mailparser", "0.3"), (SLOW, ""))
    for name, target in targets:
        if name in taken:
            limit = f"at most {target}" if target else ""
            yield Figure(scene, f"Threadline / {name}", "×", ratios(taken["Threadline"], taken[name]), limit)


def _first_load(product: Installation, mailbox: Mailbox) -> float:
    with product.copied() as copy:
        seconds = _refresh(copy)
        copy.expect_whole(mailbox.last_word, mailbox.count)
    return seconds


def _refresh(installation: Installation) -> float:
    began = time.perf_counter()
    installation.refresh()
    return time.perf_counter() - began


def first_load_on_postgres(scale: Scale) -> Iterator[Figure]:
    """A first load into PostgreSQL beside one into the embedded store."""
    scene, taken = f"First load of {scale.load.count:,} emails into PostgreSQL", {}
    with serving(scale.load) as server, PostgresServer(POSTGRES) as postgres:
        for name in ("SQLite", "PostgreSQL"):
            database = postgres.create_database() if name == "PostgreSQL" else ""
            with installed(server, scale.load, people=scale.people, database=database) as product:
                taken[name] = _refresh(product)
                product.expect_whole(scale.load.last_word, scale.load.count)
            yield Figure(scene, name, "s", (taken[name],))
    ratio = taken["PostgreSQL"] / taken["SQLite"]
    yield Figure(scene, "PostgreSQL / SQLite", "×", (ratio,), "at most 1.5")


def over_a_link(scale: Scale) -> Iterator[Figure]:
    """The first load over 100 Mbit/s with 20 ms round trips."""
    scene = f"First load of {scale.load.count:,} emails over 100 Mbit/s, 20 ms"
    with (
        serving(scale.load) as server,
        FaultProxy(server.port) as link,
        installed(server, scale.load, people=scale.people, port=link.port) as product,
    ):
        link.reset_counts()
        link.behave(latency=LINK_ONE_WAY, rate=LINK_BYTES)
        with _listed_at(product, sum(not mail.sent for mail in scale.load.mails())) as moments:
            began = time.perf_counter()
            product.refresh()
            seconds = time.perf_counter() - began
        down = link.bytes_down
        link.behave()
        product.expect_whole(scale.load.last_word, scale.load.count)
    first, whole = (moment - began for moment in moments)
    yield Figure(scene, "until the newest mail is there", "s", (first,))
    yield Figure(scene, "until the whole Inbox is listed and linked", "s", (whole,), "at most 3")
    yield Figure(scene, "until every mail is listed, linked and found", "s", (seconds,))
    yield Figure(
        scene, "of the mailbox's bytes crossed the link", "%", (100 * down / scale.load.octets(),), "at most 20"
    )


@contextmanager
def _listed_at(product: Installation, inbox: int) -> Iterator[list[float]]:
    """When the first email of the Inbox was in the store, and when all of them were; links are made with them."""
    moments: list[float] = []
    over = threading.Event()

    def look() -> None:
        with closing(product.reading()) as store:
            while len(moments) < 2 and not over.wait(0.02):
                (count,) = store.execute(
                    "SELECT count(*) FROM storage_copy c JOIN storage_folder f ON f.id = c.folder_id"
                    " WHERE f.role = 'inbox'"
                ).fetchone()
                if count >= (1, inbox)[len(moments)]:
                    moments.append(time.perf_counter())

    watching = threading.Thread(target=look)
    watching.start()
    yield moments
    over.set()
    watching.join()
    if len(moments) < 2:
        raise RunDoesNotCount("the Inbox was never whole")


def refresh(scale: Scale) -> Iterator[Figure]:
    """A refresh with nothing new, for two sizes of mailbox in turn, and one with ten new mails; mbsync beside it."""
    few, many = scale.lists
    with ExitStack() as stack:
        server = stack.enter_context(serving(few, many))
        proxy = stack.enter_context(FaultProxy(server.port))
        products = {
            mailbox: stack.enter_context(installed(server, mailbox, people=1_000, port=proxy.port))
            for mailbox in scale.lists
        }
        contestants: dict[str, Callable[[], float]] = {}
        for mailbox, product in products.items():
            product.refresh()
            contestants[f"Threadline, {mailbox.count:,} emails"] = partial(_refresh, product)
            if "mbsync" not in " ".join(peers.missing()):
                copying = Mbsync(server, mailbox, fsync=False, port=proxy.port)
                stack.callback(copying.forget)
                copying.first()
                contestants[f"mbsync, {mailbox.count:,} emails"] = copying.again
        taken = interleave(contestants, scale.rounds)
        for name, run in contestants.items():
            yield Figure(NOTHING_NEW, name, "s", taken[name])
            yield from _on_the_wire(NOTHING_NEW, name, proxy, run)
        one, other = (taken[f"Threadline, {mailbox.count:,} emails"] for mailbox in (many, few))
        times = many.count // few.count
        yield Figure(NOTHING_NEW, f"Threadline, {times} times the emails", "×", ratios(one, other), "at most 1.3")
        for mailbox, product in products.items():
            word = server.deliver(mailbox, 10)
            name = f"Threadline, {mailbox.count:,} emails"
            yield from _on_the_wire("Refresh with ten new emails", name, proxy, partial(_refresh, product))
            product.expect_whole(word)


def _on_the_wire(scene: str, name: str, proxy: FaultProxy, run: Callable[[], float]) -> Iterator[Figure]:
    proxy.reset_counts()
    seconds = run()
    ours = name.startswith("Threadline") and scene == NOTHING_NEW
    octets = (proxy.bytes_down + proxy.bytes_up) / 1000
    if scene != NOTHING_NEW:
        yield Figure(scene, name, "s", (seconds,))
    yield Figure(scene, f"{name}: on the wire", "kB", (octets,), "under 2 a folder" if ours else "")
    yield Figure(scene, f"{name}: round trips", "", (proxy.round_trips,), "at most 3 a folder" if ours else "")


def memory(scale: Scale) -> Iterator[Figure]:
    """The peak of a first load, all processes together; the two newest emails have attachments of 100 MB."""
    scene, peaks = "Memory of a first load, two attachments of 100 MB among the mail", []
    for mailbox in scale.memory:
        with serving(mailbox) as server, installed(server, mailbox, people=1_000) as product:
            server.add_large(mailbox, count=LARGE, octets=100_000_000)
            peaks.append(peak_memory(product.command("mailbox", "refresh", product.address), product.environment))
            product.expect_whole(mailbox.last_word, mailbox.count + LARGE)
        kind = "small emails" if mailbox.profile == "small" else "emails"
        yield Figure(scene, f"{mailbox.count:,} {kind}", "MB", (peaks[-1],), "at most 250")
    highest, lowest = max(peaks), min(peaks)
    yield Figure(scene, "the highest / the lowest", "×", (highest / lowest,), "at most 1.2")


SCENES = (
    first_load,
    over_a_link,
    refresh,
    memory,
    many.stored,
    first_load_on_postgres,
    many.stored_on_postgres,
    fleet.fleet,
    completeness,
)
