"""Is everything in order with a mailbox and with this installation? Step by step, changing nothing.

First the way to the mail, each step needing those before it: name resolution, connect, TLS, sign-in, capabilities,
folders, read-only open. Then what the installation itself needs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Max

from threadline.clock import now
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.errors import AppMisconfigured, ProviderError
from threadline.providers.registry import probe
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.services.sessions import Credentials, allowed_hosts, server_settings, stored
from threadline.storage import leases, search
from threadline.storage.models import Mailbox, Refresh
from threadline.storage.sealing import SealBroken

OVERDUE = timedelta(minutes=30)  # a worker looks every second, and pushes what it claims 20 minutes ahead
LEAST_FREE = 200 * 1024 * 1024  # bytes on the disk


@dataclass(frozen=True, slots=True)
class Check:
    """One step. `cause` and `who` are words of the contract; `remedy` is a sentence, also where advice is all it is."""

    name: str
    ok: bool
    detail: str
    cause: str | None = None
    who: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def examine(mailbox: Mailbox) -> Examination:
    """Every check; of the way to the mail those up to the first that fails."""
    return Examination((*_way_to_the_mail(mailbox), *(check(mailbox) for check in _OF_THE_INSTALLATION)))


class _Stored:
    """The stored credentials, opened when the sign-in asks for them: what is wrong with them is its failure."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def password(self) -> str:
        return self._opened().password()

    def access_token(self) -> str | None:
        return self._opened().access_token()

    def _opened(self) -> Credentials:
        try:
            return stored(self._mailbox)
        except SealBroken as error:
            raise AppMisconfigured(str(error)) from error


def _way_to_the_mail(mailbox: Mailbox) -> list[Check]:
    server = server_settings(mailbox)
    allow = allowed_hosts(server if mailbox.settings.get("by_operator", False) else None)
    steps = probe(mailbox.provider, server, _Stored(mailbox), allow=allow)
    return [
        Check(step.step.value, step.ok, step.detail)
        if step.error is None
        else _failed(step.step.value, step.detail, step.error)
        for step in steps
    ]


def _failed(name: str, detail: str, error: ProviderError) -> Check:
    text = CAUSE_TEXTS[error.cause]
    return Check(name, False, detail, error.cause.value, text.who.value, text.next_step)


def _ours(name: str, detail: str, remedy: str, cause: Cause = Cause.APP_MISCONFIGURED) -> Check:
    return Check(name, False, detail, cause.value, Who.OPERATOR.value, remedy)


def _key_file(_: Mailbox) -> Check:
    path = settings.KEY_FILE
    if path is None:
        return Check("key_file", True, "the key comes from THREADLINE_SECRET_KEY")
    # Another one has been refused before we came here: the command line says so as this check.
    return Check("key_file", True, f"{path} is readable by its owner only")


def _store(mailbox: Mailbox) -> Check:
    try:
        with transaction.atomic():
            Mailbox.objects.filter(pk=mailbox.pk).update(lease_fence=F("lease_fence"))
            transaction.set_rollback(True)
    except DatabaseError as error:
        remedy = "Look at the disk and at who owns the data folder."
        return _ours("store", f"the store cannot be written: {error}", remedy, Cause.STORE_UNAVAILABLE)
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LEAST_FREE:
        detail = f"only {free // 1_000_000} MB are free in {settings.DATA_DIR}"
        return _ours("store", detail, "Make room on that disk.", Cause.STORE_UNAVAILABLE)
    return Check("store", True, f"writable, {free // 1_000_000:,} MB free")


def _search_index(mailbox: Mailbox) -> Check:
    waiting = search.behind()
    if waiting and not leases.is_held(mailbox):
        remedy = "The next refresh indexes them. If that does not help: threadline search rebuild"
        return _ours("search_index", f"{waiting:,} emails wait to be indexed", remedy)
    return Check("search_index", True, "every email is in the index" if not waiting else "a refresh is filling it")


def _clock(_: Mailbox) -> Check:
    moment = now()
    newest = Refresh.objects.aggregate(newest=Max("started_at"))["newest"]
    shown = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    if newest is not None and newest > moment + timedelta(minutes=1):
        detail = f"the clock says {shown}, but a refresh was begun later than that"
        return _ours("clock", detail, "Set the clock of this machine; let it follow a time server.")
    return Check("clock", True, shown)


def _worker(_: Mailbox) -> Check:
    overdue = Mailbox.objects.filter(next_refresh_at__lt=now() - OVERDUE).exclude(state__in=NOT_REFRESHABLE)
    late = overdue.count()
    if late:
        detail = (
            f"the automatic refresh of {late} mailbox{'' if late == 1 else 'es'} is overdue: no worker seems to run"
        )
        return _ours("worker", detail, "Start one: threadline serve, or threadline worker")
    return Check("worker", True, "no automatic refresh is overdue")


def _support_address(_: Mailbox) -> Check:
    if settings.SUPPORT_EMAIL:
        return Check("support_address", True, settings.SUPPORT_EMAIL)
    # Advice, not a failure: mail flows without it.
    return Check(
        "support_address",
        True,
        "not set",
        remedy="Set THREADLINE_SUPPORT_EMAIL, so that people know whom to ask when a connection is interrupted.",
    )


_OF_THE_INSTALLATION: tuple[Callable[[Mailbox], Check], ...] = (
    _key_file,
    _store,
    _search_index,
    _clock,
    _worker,
    _support_address,
)
