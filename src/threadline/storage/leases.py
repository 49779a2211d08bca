"""One refresh per mailbox at a time, on however many machines (I5).

Embedded store: an operating-system lock on a file, free at once when its owner is killed. PostgreSQL: a row lease in
database time. Both count a fence up at every acquisition; a storing transaction that finds another fence than its own
has lost the lease and stores nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from threadline.storage.models import Mailbox
from threadline.storage.workers import name_of_this_process, silent

LEASE = timedelta(seconds=180)  # renewed by every storing transaction; longer than a read and a sign-in may stay silent
RENEW_AFTER = timedelta(seconds=30)  # without anything to store


class Busy(Exception):
    """This mailbox is being refreshed already."""


class LeaseLost(Exception):
    """Another worker took over this mailbox; nothing more is stored by this one."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to store for one mailbox, as long as its fence is the mailbox's."""

    mailbox_id: int
    company_id: int
    fence: int

    @contextmanager
    def storing(self) -> Iterator[None]:
        """A transaction that stores for this mailbox. Raises LeaseLost, with nothing stored, when the fence moved on.

        Storing is one at a time per company: on PostgreSQL by an advisory lock, on the embedded store by its nature.
        So two mailboxes that receive the same email at once make one message.
        """
        with transaction.atomic(durable=True):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [self.company_id])
            renewed = Mailbox.objects.filter(pk=self.mailbox_id, lease_fence=self.fence).update(
                lease_until=Now() + LEASE
            )
            if not renewed:
                raise LeaseLost
            yield


@contextmanager
def hold(mailbox_id: int) -> Iterator[Lease]:
    """Hold the lease of a mailbox. Raises Busy when another holder is at work."""
    with ExitStack() as stack:
        free = Q()
        if connection.vendor == "sqlite":
            stack.enter_context(_file_lock(mailbox_id))
        else:
            free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        lease = _next_fence(mailbox_id, free)
        try:
            yield lease
        finally:
            Mailbox.objects.filter(pk=mailbox_id, lease_fence=lease.fence).update(lease_until=None, lease_owner="")


def _next_fence(mailbox_id: int, free: Q) -> Lease:
    with transaction.atomic():
        taken = Mailbox.objects.filter(free, pk=mailbox_id).update(
            lease_fence=F("lease_fence") + 1,
            lease_owner=name_of_this_process(),
            lease_until=Now() + LEASE,
        )
        if not taken:
            raise Busy
        fence, company_id = Mailbox.objects.values_list("lease_fence", "company_id").get(pk=mailbox_id)
    return Lease(mailbox_id, company_id, fence)


@contextmanager
def _file_lock(mailbox_id: int) -> Iterator[None]:
    folder = settings.DATA_DIR / "locks"
    folder.mkdir(exist_ok=True, mode=0o700)
    descriptor = os.open(folder / f"mailbox-{mailbox_id}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy from None
    try:
        yield
    finally:
        os.close(descriptor)  # the lock goes with the last descriptor; the file stays, for the next owner


def is_held(mailbox: Mailbox) -> bool:
    """Whether somebody works on this mailbox, as far as the database tells: a killed holder shows for a while longer,
    until the lease is over or it has been silent as a worker for too long.

    Only looks: trying the lock itself would keep a worker from taking it in that moment.
    """
    owner = Mailbox.objects.filter(pk=mailbox.pk, lease_until__gte=Now()).values_list("lease_owner", flat=True).first()
    return owner is not None and not silent().filter(name=owner).exists()
