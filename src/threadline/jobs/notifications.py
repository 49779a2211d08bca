"""What the worker does about notifications: look after the subscriptions, and let hinted refreshes come sooner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import connection

from threadline.clock import now
from threadline.services.microsoft import notices, subscriptions

log = structlog.get_logger(__name__)

LOOKED_EVERY = timedelta(seconds=5)
LOOKED_EVERY_WHILE_OFF = timedelta(minutes=1)  # there may be some left to take back


class Notifications:
    """A thread of its own: neither refreshes nor sign-ins wait while Microsoft calls our address."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="notifications")
        self._under_way: Future[None] | None = None
        self._looked_at: datetime | None = None

    def step(self) -> bool:
        """Start what is due, unless something is under way; True when something was started."""
        moment, on = now(), bool(subscriptions.address())
        brought = notices.bring_forward(moment) if on else 0
        every = LOOKED_EVERY if on else LOOKED_EVERY_WHILE_OFF
        busy = self._under_way is not None and not self._under_way.done()
        if busy or (self._looked_at is not None and abs(moment - self._looked_at) < every):
            return bool(brought)
        self._looked_at = moment
        subscriptions.plan(moment)
        due = subscriptions.claim_due(moment)
        if due:
            self._under_way = self._pool.submit(self._work, due)
        return bool(due or brought)

    def close(self, *, wait: bool) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _work(self, due: Mapping[int, Sequence[int]]) -> None:
        try:
            for mailbox_id, claimed in due.items():
                try:
                    subscriptions.keep(mailbox_id, claimed)
                except Exception:  # one mailbox's trouble is not the next one's
                    log.exception("looking after subscriptions failed", mailbox=mailbox_id)
        finally:
            connection.close()
