"""Microsoft tells us when mail arrives: the subscriptions that this takes, made, renewed and taken back.

Only where the operator has named an address that Microsoft reaches. What goes wrong here is noted beside the
subscription and tried again; it is never the mailbox's trouble, for its mail comes by schedule in any case.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Q

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.domain.errors import NeedsAdmin, ProviderError, Throttled
from threadline.domain.folders import Role
from threadline.domain.schedule import retry_at, spread_of
from threadline.providers.graph import subscriptions as at_microsoft
from threadline.providers.graph.subscriptions import AlreadyThere, SubscriptionGone, Subscriptions
from threadline.services import serving
from threadline.services.microsoft.states import digest_of, new_word
from threadline.services.sessions import allowed_hosts, named_by_operator, server_settings, stored
from threadline.storage.models import Folder, Mailbox, Subscription

log = structlog.get_logger(__name__)

PATH = "/notifications/microsoft"
LIFECYCLE_PATH = f"{PATH}/lifecycle"
LIFE = timedelta(days=6)  # asked for; renewed when half of what was granted is over
TRIED_AGAIN = timedelta(minutes=10)  # by the next worker, where one was killed over it
REFUSED_AGAIN = timedelta(hours=6)  # what Microsoft will answer in the same way for a while
ANSWER = 30.0  # seconds for one answer: Microsoft calls two addresses meanwhile, and gives each ten
PATIENCE = 90.0  # seconds for all that one mailbox takes
DISCONNECTING = 5.0  # seconds that whoever disconnects waits at most
LIVE = (State.CONNECTED.value, State.DELAYED.value)
_SYNCED = (~Q(role=Role.OTHER.value) | Q(override="include")) & Q(missing_since=None)


def address() -> str:
    """Where Microsoft reaches this installation, without a path; "" where it does not."""
    if settings.NOTIFIED_HERE and not settings.MICROSOFT.notifications_url:
        return serving.address()
    return str(settings.MICROSOFT.notifications_url)


def plan(moment: datetime) -> None:
    """Note which folders are to be watched from now on, and which no more."""
    wanted = address()
    if wanted:
        unwatched = Folder.objects.filter(
            _SYNCED,
            subscription=None,
            mailbox__provider="graph",
            mailbox__state__in=LIVE,
            mailbox__last_refresh_at__isnull=False,  # until then it is loading, and needs no hints
        )
        Subscription.objects.bulk_create(
            [
                Subscription(mailbox_id=folder.mailbox_id, folder=folder, address=wanted, due_at=moment)
                for folder in unwatched.only("pk", "mailbox_id")[:500]
            ],
            ignore_conflicts=True,
        )
    kept = Folder.objects.filter(_SYNCED).values("pk")
    unwanted = Subscription.objects.filter(due_at__gt=moment).exclude(address=wanted, folder__in=kept)
    unwanted.update(due_at=moment)


def claim_due(moment: datetime, most: int = 20) -> Mapping[int, Sequence[int]]:
    """What is to be made, renewed or taken back now, by mailbox; each is handed out once, and again after a while."""
    due = Subscription.objects.filter(due_at__lte=moment, mailbox__state__in=LIVE).order_by("due_at")
    claimed: dict[int, list[int]] = defaultdict(list)
    for row in due.only("pk", "mailbox_id", "due_at")[:most]:
        if Subscription.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=moment + TRIED_AGAIN):
            claimed[row.mailbox_id].append(row.pk)
    return claimed


def keep(mailbox_id: int, claimed: Sequence[int]) -> None:
    """Make, renew or take back what was claimed. Nothing of what goes wrong is raised."""
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    with _opened(mailbox) as microsoft:
        for row in Subscription.objects.filter(pk__in=claimed).select_related("folder").order_by("pk"):
            try:
                _keep(microsoft, row)
            except (ProviderError, AlreadyThere) as error:
                _failed(row, error)


def withdraw(mailbox: Mailbox) -> None:
    """Ask Microsoft to tell us nothing more of this mailbox, as far as that can be had within a few seconds.

    What remains ends by itself within a week, and does nothing here meanwhile.
    """
    known = list(mailbox.subscriptions.exclude(remote_id="").values_list("remote_id", flat=True))
    if not known:
        return
    asking = threading.Thread(target=_withdraw, args=(mailbox, known), daemon=True, name="withdraw")
    asking.start()
    asking.join(DISCONNECTING)


def _withdraw(mailbox: Mailbox, known: Sequence[str]) -> None:
    try:
        with _opened(mailbox, patience=DISCONNECTING) as microsoft:
            for key in known:
                microsoft.delete(key)
    except ProviderError as error:
        log.info("subscriptions left to end by themselves", mailbox=mailbox.pk, cause=error.cause.value)
    except Exception:
        log.exception("subscriptions left to end by themselves", mailbox=mailbox.pk)
    finally:
        connection.close()


def _opened(mailbox: Mailbox, *, patience: float = PATIENCE) -> Subscriptions:
    server = server_settings(mailbox)
    allow = allowed_hosts(server if named_by_operator(mailbox) else None)
    return at_microsoft.open_subscriptions(
        server, stored(mailbox), allow=allow, timeout=min(ANSWER, patience), patience=patience
    )


def _keep(microsoft: Subscriptions, row: Subscription) -> None:
    folder = row.folder
    if row.address != address() or not folder.synced or folder.missing_since is not None:
        _take_back(microsoft, row)
        return
    if row.remote_id and _renewed(microsoft, row):
        return
    state = new_word()
    made = _made(microsoft, row, state)
    # One more refresh closes the time between the last one and now.
    if not _kept(row, made, remote_id=made.id, state=digest_of(state), hinted_at=now()):
        microsoft.delete(made.id)  # disconnected meanwhile


def _renewed(microsoft: Subscriptions, row: Subscription) -> bool:
    """False where Microsoft does not know it any more."""
    try:
        _kept(row, microsoft.renew(row.remote_id, until=now() + LIFE))
    except SubscriptionGone:
        log.info("subscription ended at Microsoft", mailbox=row.mailbox_id)
        return False
    return True


def _made(microsoft: Subscriptions, row: Subscription, state: str) -> at_microsoft.Subscription:
    """A new one. One like it that Microsoft has and we do not know was made by a process that was killed over it."""
    try:
        return _create(microsoft, row, state)
    except AlreadyThere:
        known = set(Subscription.objects.filter(mailbox=row.mailbox_id).values_list("remote_id", flat=True))
        known.discard(row.remote_id)
        for other in list(microsoft.mine()):
            if other.address == row.address + PATH and other.id not in known:
                microsoft.delete(other.id)
        return _create(microsoft, row, state)


def _create(microsoft: Subscriptions, row: Subscription, state: str) -> at_microsoft.Subscription:
    return microsoft.create(
        _named(row.folder),
        address=row.address + PATH,
        lifecycle_address=row.address + LIFECYCLE_PATH,
        state=state,
        until=now() + LIFE,
    )


def _named(folder: Folder) -> str:
    """By the name that is the same in every mailbox, where a folder has one."""
    if folder.special_use == "\\Sent":
        return "sentitems"
    return "inbox" if folder.role == Role.INBOX.value and not folder.override else folder.remote_name


def _take_back(microsoft: Subscriptions, row: Subscription) -> None:
    """One attempt: it ends by itself, and until then it is unknown here."""
    Subscription.objects.filter(pk=row.pk).delete()
    if row.remote_id:
        microsoft.delete(row.remote_id)


def _kept(row: Subscription, granted: at_microsoft.Subscription, **more: object) -> bool:
    """Store what Microsoft granted, and when it is renewed; False where the row is gone."""
    moment = now()
    half = (granted.expires_at - moment) / 2 * (1 - spread_of(f"subscription {row.pk}"))
    values = {
        "expires_at": granted.expires_at,
        "renewed_at": moment,
        "due_at": moment + max(half, TRIED_AGAIN),
        "failures": 0,
        "cause": "",
        "problem": "",
        "answer": "",
    }
    return bool(Subscription.objects.filter(pk=row.pk).update(**values | more))


def _failed(row: Subscription, error: ProviderError | AlreadyThere) -> None:
    moment, failures = now(), row.failures + 1
    wish = error.retry_after if isinstance(error, Throttled) else None
    due = retry_at(moment, failures, retry_after=wish, key=f"subscription {row.pk}")
    if isinstance(error, NeedsAdmin | AlreadyThere):
        due = max(due, moment + REFUSED_AGAIN)
    problem = str(error) or "Microsoft says that it watches this folder for us already, and does not show how."
    Subscription.objects.filter(pk=row.pk).update(
        failures=failures,
        due_at=due,
        cause=error.cause.value if isinstance(error, ProviderError) else Cause.UNKNOWN.value,
        problem=problem.replace("We try again by ourselves.", "").strip()[:500],
        answer=error.answer[:2000] if isinstance(error, ProviderError) else "409",
    )
    log.warning("folder not watched", mailbox=row.mailbox_id, failures=failures, problem=problem)
