"""In an installation's own process: fill its store with many emails, link people, change the policy, and time pages.

    python -m bench.inside EMAILS PEOPLE MAILBOXES IMPORTED     (THREADLINE_DATA_DIR or DATABASE_URL: an empty store)

Prints the figures as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

REQUESTS = 40
CREATED = datetime(2000, 1, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]


def main(emails: int, people: int, mailboxes: int, imported: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "threadline.config.settings")
    import django  # noqa: PLC0415  the settings must be known first

    django.setup()
    from bench.filling import OWNER, Filling, fill  # noqa: PLC0415
    from threadline.services import accounts, store  # noqa: PLC0415

    store.ensure()
    company = accounts.add_company("Agency")
    accounts.add_user(OWNER, company, name="Robin", role="admin", password="an honest secret", door="command")
    with _told("filled"):
        fill(Filling(emails, people, mailboxes))
    found = _new_people()
    with _told("pages"):
        found += _pages(emails)
    with _told("imported"):
        found += _importing(imported)
    with _told("policy"):
        found += _policy(emails)
    print(json.dumps(found))


@contextmanager
def _told(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"    {what} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def _figure(name: str, unit: str, values: list[float], target: str = "") -> dict[str, Any]:
    return {"name": name, "unit": unit, "values": values, "target": target}


def _new_people() -> Rows:
    from bench.filling import BUSY, EACH_STRANGER  # noqa: PLC0415
    from threadline.services import people  # noqa: PLC0415
    from threadline.storage.models import Company  # noqa: PLC0415

    company = Company.objects.get()

    def add(address: str) -> float:
        began = time.perf_counter()
        people.add(company, kind="contact", name="New", email=address, created_at=CREATED, door="command")
        return (time.perf_counter() - began) * 1000

    add("first@warm.example")
    return [
        _figure("a new person with no email", "ms", [add(f"nobody{n}@nowhere.example") for n in range(9)], "under 10"),
        _figure(
            f"a new person with {EACH_STRANGER} emails",
            "ms",
            [add(f"stranger{n}@strangers.example") for n in range(1, 10)],
            "under 10",
        ),
        _figure(f"a new person with {BUSY:,} emails", "ms", [add("busy@strangers.example")]),
    ]


def _importing(count: int) -> Rows:
    """Every tenth line is somebody with ten emails, so there are as many new links as lines."""
    from bench.filling import EACH_STRANGER  # noqa: PLC0415
    from threadline.services import imports  # noqa: PLC0415
    from threadline.storage.models import Company, Link  # noqa: PLC0415

    lines = ["kind,name,email,created_at,external_id"]
    for number in range(count):
        writes = number % EACH_STRANGER == 0
        address = f"stranger{number + 10}@strangers.example" if writes else f"silent{number}@people.example"
        lines.append(f"candidate,Imported {number},{address},2000-01-01T00:00:00Z,crm{number}")
    before, began = Link.objects.count(), time.perf_counter()
    report = imports.import_people(Company.objects.get(), "\n".join(lines).encode())
    seconds, linked = time.perf_counter() - began, Link.objects.count() - before
    if report.created != count or not linked:
        raise RuntimeError(f"imported {report.created} of {count} people, linked {linked} emails: {report.errors[:3]}")
    return [_figure(f"a CSV of {count:,} people with {linked:,} emails", "s", [seconds], "under 30")]


def _policy(emails: int) -> Rows:
    """Secondary addresses count from now on, and a domain is blocked: a tenth of all emails each."""
    from bench.filling import BLOCKED  # noqa: PLC0415
    from threadline.services import policy, relink  # noqa: PLC0415
    from threadline.storage.models import Company  # noqa: PLC0415

    company = Company.objects.get()
    after = policy.changed(company, {"secondary_addresses": "yes", "blocklist": f"@{BLOCKED}"})
    policy.save(company, after, None, door="command")
    began = time.perf_counter()
    added, withdrawn = relink.bring_in_line(company)
    seconds = time.perf_counter() - began
    if not added or not withdrawn:
        raise RuntimeError(f"the policy added {added} links and withdrew {withdrawn}")
    name = f"a policy change over {emails:,} emails: {added:,} links come, {withdrawn:,} go"
    return [_figure(name, "s", [seconds], "under 60")]


def _pages(count: int) -> Rows:
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from bench.filling import BEGAN, SECONDS_BETWEEN  # noqa: PLC0415
    from threadline.storage.models import Mailbox, User  # noqa: PLC0415

    client, mailbox = Client(), Mailbox.objects.order_by("pk")[0]
    client.force_login(User.objects.order_by("pk")[0])
    inbox = f"/emails/{mailbox.pk}/inbox/"
    pages: dict[str, tuple[Callable[[int], str], int]] = {
        "Emails": (lambda _: inbox, 50),
        "Emails, somewhere below": (
            lambda n: f"{inbox}?before={BEGAN + SECONDS_BETWEEN * (count - n * count // 50):.6f}_1",
            50,
        ),
        "search for a rare word": (lambda n: f"{inbox}?q=rare{4 * (n + 1)}word", 150),
        "search for a word in every tenth email": (lambda _: f"{inbox}?q=tenth", 150),
        "People": (lambda _: "/people/", 50),
        "a profile": (lambda n: f"/people/{n + 1}/", 50),
        "the company's mailboxes": (lambda n: f"/company/?page={n % 4 + 1}", 50),
    }
    found = []
    for name, (address, limit) in pages.items():
        _request(client, address(REQUESTS))
        times = sorted(_request(client, address(number)) for number in range(REQUESTS))
        with CaptureQueriesContext(connection) as captured:
            _request(client, address(1))
        found.append(_figure(f"{name} ({len(captured)} queries)", "ms", times))
        found.append(_figure(f"{name}: 95th percentile", "ms", [times[int(REQUESTS * 0.95)]], f"under {limit}"))
    return found


def _request(client: Any, address: str) -> float:
    began = time.perf_counter()
    answer = client.get(address)
    seconds = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code} {answer.headers.get('Location', '')}")
    return seconds * 1000


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
