"""What Microsoft tells us by itself: read, believed or not, and turned into a refresh that comes sooner.

A notice is believed where it carries the client state of a subscription that is ours. It is a hint: what it says of
emails is not read, it stores none, and a thousand of them are one refresh. Nothing is lost with a lost notice.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from threadline.clock import now
from threadline.domain.connection import State
from threadline.services.microsoft.states import digest_of
from threadline.storage.models import Mailbox, Subscription

log = structlog.get_logger(__name__)

MOST_BYTES = 1024 * 1024
MOST_IN_ONE = 5_000
MOST_WAITING = 10_000
LONGEST_KEY = 200
LONGEST_STATE = 128
APART = timedelta(seconds=15)  # at least, between a refresh and the next that a hint brings about
RENEWED_AGAIN = timedelta(minutes=10)  # Microsoft takes no second authorisation sooner
CHECKED_AGAIN = timedelta(hours=1)  # a check costs more than a refresh
_NOBODYS = "0" * 64
MISSED, REMOVED, REAUTHORISE = "missed", "subscriptionRemoved", "reauthorizationRequired"


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry of a notification. `state` is a digest; `event` is that of the subscription's life, "" for a change."""

    subscription: str
    state: str
    event: str = ""


def read(body: bytes) -> list[Notice]:
    """The entries of a notification, without those that name no subscription. ValueError for anything else."""
    try:
        found = json.loads(body)
    except RecursionError:
        raise ValueError from None
    entries = found.get("value") if isinstance(found, dict) else None
    if not isinstance(entries, list) or len(entries) > MOST_IN_ONE:
        raise ValueError
    return list(dict.fromkeys(_notices(entries)))


def _notices(entries: list[object]) -> Iterator[Notice]:
    for entry in entries:
        key = entry.get("subscriptionId") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(key, str) or not _may_be_a_key(key):
            continue
        state, event = entry.get("clientState"), entry.get("lifecycleEvent")
        state = state if isinstance(state, str) and len(state) <= LONGEST_STATE else ""
        yield Notice(key, digest_of(state.encode("utf-8", "replace").decode()), event if isinstance(event, str) else "")


def _may_be_a_key(key: str) -> bool:
    return 0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()


class Mailroom:
    """Takes notices in at once, and works on them afterwards in a thread that lives as long as there are any.

    Whoever brings them has three seconds, and the store may be busy for longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Notice, None] = {}
        self._thread: threading.Thread | None = None

    def put(self, notices: Collection[Notice]) -> bool:
        """False where there is no room: they are brought again."""
        with self._lock:
            if len(self._waiting) + len(notices) > MOST_WAITING:
                return False
            self._waiting.update(dict.fromkeys(notices))
            if self._waiting and self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="notices")
                self._thread.start()
        return True

    def wait(self, seconds: float) -> None:
        """Until what has been put in is worked on, or so long."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _work(self) -> None:
        try:
            while notices := self._next():
                try:
                    take(notices, now())
                except Exception:
                    log.exception("notices lost")  # their mail comes by schedule
        finally:
            connection.close()

    def _next(self) -> list[Notice]:
        with self._lock:
            notices, self._waiting = list(self._waiting), {}
            if not notices:
                self._thread = None
            return notices


def take(notices: Collection[Notice], moment: datetime) -> int:
    """Act on those that are believed; returns how many were. The others do nothing, and are counted in the log."""
    keys = [notice.subscription for notice in notices]
    rows = Subscription.objects.filter(remote_id__in=keys).exclude(remote_id="").exclude(state="")
    known = {row.remote_id: row for row in rows}
    ignored: Counter[str] = Counter()
    for notice in notices:
        row = known.get(notice.subscription)
        is_ours = hmac.compare_digest(notice.state, row.state if row is not None else _NOBODYS)
        if row is None or not is_ours:
            ignored["unknown" if row is None else "wrong_state"] += 1
            continue
        _act(row, notice.event, moment)
    if ignored:
        log.warning("notices ignored", **ignored)
    return len(notices) - ignored.total()


def _act(row: Subscription, event: str, moment: datetime) -> None:
    mine = Subscription.objects.filter(pk=row.pk, remote_id=row.remote_id)
    if event == REMOVED:
        mine.update(remote_id="", state="", due_at=moment, told_at=moment)  # a refresh follows when it is made again
    elif event == REAUTHORISE:
        soonest = max(moment, row.renewed_at + RENEWED_AGAIN) if row.renewed_at else moment
        mine.update(told_at=moment)
        mine.filter(due_at__gt=soonest, failures=0).update(due_at=soonest)
    else:
        if not mine.filter(hinted_at=None).update(hinted_at=moment, told_at=moment):
            mine.filter(told_at=None).update(told_at=moment)  # a subscription that has just been made hints by itself
    if event == MISSED and (row.missed_at is None or moment - row.missed_at >= CHECKED_AGAIN):
        mine.update(missed_at=moment)
        Mailbox.objects.filter(pk=row.mailbox_id, verification_requested_at=None, state=State.CONNECTED.value).update(
            verification_requested_at=moment
        )


def bring_forward(moment: datetime) -> int:
    """Let the refreshes that were hinted at come now; returns how many do.

    The schedule is brought forward, so such a refresh queues behind whatever is due before it, and a retry that waits
    its time goes on waiting. A mailbox that is being refreshed has its turn when that has ended: what came after its
    listing would be missed.
    """
    idle = Q(mailbox__lease_until=None) | Q(mailbox__lease_until__lt=Now())
    hinted: dict[int, list[Subscription]] = defaultdict(list)
    for row in Subscription.objects.filter(idle, hinted_at__isnull=False).select_related("mailbox")[:500]:
        hinted[row.mailbox_id].append(row)
    brought = 0
    for rows in hinted.values():
        mailbox = rows[0].mailbox
        soonest = max(moment, mailbox.last_refresh_at + APART) if mailbox.last_refresh_at else moment
        waiting = Mailbox.objects.filter(pk=mailbox.pk, state=State.CONNECTED.value, refresh_requested_at=None)
        brought += waiting.filter(next_refresh_at__gt=soonest).update(next_refresh_at=soonest)
        for row in rows:
            Subscription.objects.filter(pk=row.pk, hinted_at=row.hinted_at).update(hinted_at=None)
    return brought
