"""In an installation's own process: fill its store with many emails, link new people, and time pages.

    python -m bench.inside COUNT        (THREADLINE_DATA_DIR names an installation with one mailbox and 1,000 people)

Prints the figures as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

PEOPLE = 1_000
BUSY = 3_000  # emails with the busiest stranger
EACH_STRANGER = 10  # emails with every other one
REQUESTS = 40
CREATED = datetime(2000, 1, 1, tzinfo=UTC)


def main(count: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "threadline.config.settings")
    import django  # noqa: PLC0415  the settings must be known first

    django.setup()
    from bench import filling  # noqa: PLC0415

    began = time.perf_counter()
    filling.fill(count, people=PEOPLE, busy=BUSY, each_stranger=EACH_STRANGER)
    print(f"    filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    print(json.dumps([*_linking(), *_pages(count)]))


def _linking() -> list[dict[str, Any]]:
    from threadline.services import people  # noqa: PLC0415
    from threadline.storage.models import Company  # noqa: PLC0415

    company = Company.objects.get()

    def add(address: str) -> float:
        began = time.perf_counter()
        people.add(company, kind="contact", name="New", email=address, created_at=CREATED, door="command")
        return (time.perf_counter() - began) * 1000

    add("first@warm.example")
    found = [("no email", [add(f"nobody{n}@nowhere.example") for n in range(9)])]
    found.append((f"{EACH_STRANGER} emails", [add(f"stranger{n}@strangers.example") for n in range(1, 10)]))
    found.append((f"{BUSY:,} emails", [add("busy@strangers.example")]))
    return [
        {"name": f"a new person with {what}", "unit": "ms", "values": values, "target": "under 10" if n < 2 else ""}
        for n, (what, values) in enumerate(found)
    ]


def _pages(count: int) -> list[dict[str, Any]]:
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from threadline.storage.models import Link, Mailbox, User  # noqa: PLC0415

    client, mailbox = Client(), Mailbox.objects.get()
    user = User.objects.get()
    user.role = "admin"
    user.save()
    client.force_login(user)
    inbox = f"/emails/{mailbox.pk}/inbox/"
    profile = f"/people/{Link.objects.values_list('person_id', flat=True).latest('pk')}/"
    pages: dict[str, tuple[Callable[[int], str], int]] = {
        "Emails": (lambda _: inbox, 50),
        "Emails, somewhere below": (lambda n: f"{inbox}?before={1_600_000_000 + n * count:.6f}_1", 50),
        "search for a rare word": (lambda n: f"{inbox}?q=rare{n * 7}word", 150),
        "search for a word in every tenth email": (lambda _: f"{inbox}?q=tenth", 150),
        "People": (lambda _: "/people/", 50),
        "a profile": (lambda _: profile, 50),
        "the company's mailboxes": (lambda _: "/company/", 50),
    }
    found = []
    for name, (address, limit) in pages.items():
        times = sorted(_request(client, address(number)) for number in range(REQUESTS))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            _request(client, address(1))
        found.append({"name": f"{name} ({len(captured)} queries)", "unit": "ms", "values": times, "target": ""})
        slow = times[int(REQUESTS * 0.95)]
        found.append({"name": f"{name}: 95th percentile", "unit": "ms", "values": [slow], "target": f"under {limit}"})
    return found


def _request(client: Any, address: str) -> float:
    began = time.perf_counter()
    answer = client.get(address)
    seconds = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code} {answer.headers.get('Location', '')}")
    return seconds * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]))
