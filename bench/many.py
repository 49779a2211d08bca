"""A company with a million emails in a thousand mailboxes: linking, importing, a change of policy, and pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator

from tests.servers.postgres import PostgresServer

from bench.environment import python
from bench.measure import Figure
from bench.scale import Scale, Stored
from bench.server import OUT, POSTGRES


def stored(scale: Scale) -> Iterator[Figure]:
    """Linking and pages in a store that holds many emails: see `bench.inside`."""
    yield from _run(scale.stored, "")


def stored_on_postgres(scale: Scale) -> Iterator[Figure]:
    """The same on both databases, at a size for both, and how many times as long the one takes as the other."""
    scene = f"PostgreSQL beside SQLite, with {scale.stored_on_postgres.emails:,} emails"
    embedded = {_plain(figure.name): figure for figure in _run(scale.stored_on_postgres, "")}
    with PostgresServer(POSTGRES) as server:
        for figure in _run(scale.stored_on_postgres, server.create_database()):
            yield Figure(scene, figure.name, figure.unit, figure.values)
            ratio = figure.median / embedded[_plain(figure.name)].median
            yield Figure(scene, f"{figure.name}: PostgreSQL / SQLite", "×", (ratio,), "at most 1.5")


def _plain(name: str) -> str:
    """Without the number of queries, which may differ."""
    return name.partition(" (")[0]


def _run(store: Stored, url: str) -> Iterator[Figure]:
    folder = OUT / f"stored-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLINE_", "DATABASE_"))}
    kept |= {"THREADLINE_DATA_DIR": str(folder), "THREADLINE_TESTING": "1"} | ({"DATABASE_URL": url} if url else {})
    sizes = map(str, (store.emails, store.people, store.mailboxes, store.imported))
    try:
        answer = subprocess.run(
            [python(), "-m", "bench.inside", *sizes], env=kept, stdout=subprocess.PIPE, check=True, text=True
        )
    finally:
        shutil.rmtree(folder)
    scene = f"With {store.emails:,} emails in {store.mailboxes:,} mailboxes"
    for found in json.loads(answer.stdout):
        yield Figure(scene, found["name"], found["unit"], tuple(found["values"]), found["target"])
