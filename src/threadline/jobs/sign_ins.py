"""What the worker does about sign-ins: renew idle ones, look for approvals, and warn before one ends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import connection

from threadline.clock import now
from threadline.domain.errors import ProviderError
from threadline.services import sign_ins
from threadline.services.microsoft import approval, signing_in
from threadline.services.microsoft.app import is_set_up

log = structlog.get_logger(__name__)

WARNED_EVERY = timedelta(hours=1)


class SignIns:
    """A thread of its own: refreshes must not wait for sign-in pages, nor those for refreshes."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sign-ins")
        self._under_way: Future[None] | None = None
        self._warned_at: datetime | None = None

    def step(self) -> bool:
        """Start what is due, unless something is under way; True when something was started."""
        if self._under_way is not None and not self._under_way.done():
            return False
        moment = now()
        due = sign_ins.claim_due(moment)
        waiting = [mailbox.pk for mailbox in approval.claim_due(moment)] if is_set_up() else []
        warn = self._warned_at is None or abs(moment - self._warned_at) >= WARNED_EVERY
        if not due and not waiting and not warn:
            return False
        self._warned_at = moment if warn else self._warned_at
        self._under_way = self._pool.submit(self._work, due, waiting, warn)
        return bool(due or waiting)

    def close(self, *, wait: bool) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _work(self, due: list[int], waiting: list[int], warn: bool) -> None:
        try:
            for mailbox_id in due:
                self._guarded(sign_ins.renew, mailbox_id)
            for mailbox_id in waiting:
                self._guarded(approval.probe, mailbox_id)
            if warn:
                sign_ins.warn_owners(now())
                signing_in.forget_stale(now())
        except Exception:
            log.exception("looking after sign-ins failed")
        finally:
            connection.close()

    def _guarded(self, what: Callable[[int], object], mailbox_id: int) -> None:
        """One mailbox's trouble is not the next one's."""
        try:
            what(mailbox_id)
        except ProviderError as error:
            log.warning("not looked after", mailbox=mailbox_id, cause=error.cause.value)
        except Exception:
            log.exception("looking after a sign-in failed", mailbox=mailbox_id)
