"""Which workers are at work, as far as the store tells: each says so every few seconds while it runs.

Everything is in database time, so that workers on other machines count, and a clock that was set does not.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet
from django.db.models.functions import Now

from threadline.storage.models import WorkerSign

EVERY = 10.0  # seconds between two signs of a worker
SILENT = timedelta(seconds=45)  # without a sign for so long, a worker is taken for dead
_FORGOTTEN = timedelta(days=7)


def name_of_this_process() -> str:
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


def give_sign() -> None:
    """Say that this process is a worker at work."""
    if not WorkerSign.objects.filter(name=name_of_this_process()).update(seen_at=Now()):
        WorkerSign.objects.filter(seen_at__lt=Now() - _FORGOTTEN).delete()
        WorkerSign.objects.create(name=name_of_this_process(), seen_at=Now())


def take_leave() -> None:
    """Say that this process is none any more. One that is killed cannot: it falls silent."""
    WorkerSign.objects.filter(name=name_of_this_process()).delete()


def are_at_work() -> bool:
    return WorkerSign.objects.filter(seen_at__gte=Now() - SILENT).exists()


def silent() -> QuerySet[WorkerSign]:
    """Those that ended without taking leave. Of processes that never were workers this tells nothing."""
    return WorkerSign.objects.filter(seen_at__lt=Now() - SILENT)


def fell_silent_at() -> datetime | None:
    """When the last of the silent ones gave its last sign; None where there is none."""
    seen: datetime | None = silent().aggregate(last=Max("seen_at"))["last"]
    return seen
