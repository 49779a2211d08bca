"""Is everything in order with a mailbox and with this installation? Step by step, changing nothing.

First the way to the mail, each step needing those before it: name resolution, connect, TLS, sign-in, capabilities,
folders, read-only open. Then what the installation itself needs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Max

from threadline.clock import now
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.errors import AppMisconfigured, ProviderError
from threadline.domain.wording import said_once
from threadline.providers.contract import TokenSource
from threadline.providers.registry import probe
from threadline.services import serving
from threadline.services.microsoft import standing, subscriptions
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.services.sessions import allowed_hosts, named_by_operator, server_settings, stored
from threadline.storage import leases, search, workers
from threadline.storage.models import Mailbox, Refresh, Subscription
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
    """Every check; of the way to the mail those up to the first that fails, and where somebody has to sign
    in or allow it, nothing of what rests on that."""
    way = _way_to_the_mail(mailbox)
    ended = any(check.who in {Who.YOU.value, Who.IT_ADMIN.value} for check in way if not check.ok)
    others = [check for check in _OF_THE_INSTALLATION if not (ended and check is _notifications)]
    return Examination((*way, *(check(mailbox) for check in others)))


def examine_installation() -> Examination:
    """What the installation itself needs, whichever mailboxes it has."""
    return Examination(tuple(check(None) for check in _OF_THE_INSTALLATION))


class _Stored:
    """The stored credentials, opened when the sign-in asks for them: what is wrong with them is its failure."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def password(self) -> str:
        return self._opened().password()

    def access_token(self) -> str | None:
        return self._opened().access_token()

    def renewed(self, rejected: str, claims: str = "") -> str:
        return self._opened().renewed(rejected, claims)

    def _opened(self) -> TokenSource:
        try:
            return stored(self._mailbox)
        except SealBroken as error:
            raise AppMisconfigured(str(error)) from error


def _way_to_the_mail(mailbox: Mailbox) -> list[Check]:
    server = server_settings(mailbox)
    allow = allowed_hosts(server if named_by_operator(mailbox) else None)
    steps = probe(mailbox.provider, server, _Stored(mailbox), allow=allow)
    return [
        Check(step.step.value, step.ok, step.detail)
        if step.error is None
        else _failed(step.step.value, step.detail, step.error)
        for step in steps
    ]


def _failed(name: str, detail: str, error: ProviderError) -> Check:
    text = CAUSE_TEXTS[error.cause]
    return Check(name, False, said_once(detail, text.next_step), error.cause.value, text.who.value, text.next_step)


def _ours(name: str, detail: str, remedy: str, cause: Cause = Cause.APP_MISCONFIGURED) -> Check:
    return Check(name, False, detail, cause.value, Who.OPERATOR.value, remedy)


def _key_file(_: Mailbox | None) -> Check:
    path = settings.KEY_FILE
    if path is None:
        return Check("key_file", True, "the key comes from THREADLINE_SECRET_KEY")
    # Another one has been refused before we came here: the command line says so as this check.
    return Check("key_file", True, f"{path} is readable by its owner only")


def _store(mailbox: Mailbox | None) -> Check:
    try:
        with transaction.atomic():
            one = Mailbox.objects.filter(pk=mailbox.pk if mailbox else 0)  # none at all asks for the right to write too
            one.update(lease_fence=F("lease_fence"))
            transaction.set_rollback(True)
    except DatabaseError as error:
        remedy = "Look at the disk and at who owns the data folder."
        return _ours("store", f"the store cannot be written: {error}", remedy, Cause.STORE_UNAVAILABLE)
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LEAST_FREE:
        detail = f"only {free // 1_000_000} MB are free in {settings.DATA_DIR}"
        return _ours("store", detail, "Make room on that disk.", Cause.STORE_UNAVAILABLE)
    return Check("store", True, f"writable, {free // 1_000_000:,} MB free")


def _search_index(mailbox: Mailbox | None) -> Check:
    waiting = search.behind()
    if waiting and (mailbox is None or not leases.is_held(mailbox)):
        remedy = "The next refresh indexes them. If that does not help: threadline search rebuild"
        return _ours("search_index", f"{waiting:,} emails wait to be indexed", remedy)
    return Check("search_index", True, "every email is in the index" if not waiting else "a refresh is filling it")


def _clock(_: Mailbox | None) -> Check:
    moment = now()
    newest = Refresh.objects.aggregate(newest=Max("started_at"))["newest"]
    shown = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    if newest is not None and newest > moment + timedelta(minutes=1):
        detail = f"the clock says {shown}, but a refresh was begun later than that"
        return _ours("clock", detail, "Set the clock of this machine; let it follow a time server.")
    return Check("clock", True, shown)


def _worker(_: Mailbox | None) -> Check:
    remedy = "Start one: threadline serve, or threadline worker. Where one should run, look at what it last said."
    overdue = Mailbox.objects.filter(next_refresh_at__lt=now() - OVERDUE).exclude(state__in=NOT_REFRESHABLE)
    late = overdue.count()
    if late:
        who = "a worker is at work, but behind" if workers.are_at_work() else "no worker seems to run"
        detail = f"the automatic refresh of {late} mailbox{'' if late == 1 else 'es'} is overdue: {who}"
        return _ours("worker", detail, remedy)
    if workers.are_at_work():
        return Check("worker", True, "at work, and no automatic refresh is overdue")
    silent = workers.fell_silent_at()
    if silent is not None:
        shown = silent.isoformat(timespec="seconds").replace("+00:00", "Z")
        return _ours("worker", f"no worker is at work: the last one has said nothing since {shown}", remedy)
    expected = serving.seconds_since() > workers.SILENT.total_seconds() and serving.is_running()
    if expected or Mailbox.objects.filter(refresh_requested_at__lt=now() - workers.SILENT).exists():
        return _ours("worker", "no worker is at work", remedy)
    # Without one, commands refresh mailboxes all the same.
    return Check("worker", True, "none is at work now; no automatic refresh is overdue", remedy=remedy)


def _microsoft(mailbox: Mailbox | None) -> Check:
    """Whether Microsoft accepts this installation: asked, where there is something to ask with."""
    if settings.MICROSOFT.complete:
        try:
            standing.try_it()  # what is refused becomes a concern
        except ProviderError as error:
            return _no_answer(error)
    elif mailbox is not None and mailbox.provider == "graph":
        text = CAUSE_TEXTS[Cause.APP_NOT_SET_UP]
        return _ours("microsoft", text.clause, text.next_step, Cause.APP_NOT_SET_UP)
    for concern in standing.concerns():
        if concern.urgent:
            return _ours("microsoft", concern.detail, concern.remedy, concern.cause)
        return Check("microsoft", True, concern.detail, remedy=concern.remedy)  # works today
    if not settings.MICROSOFT.complete:
        return Check("microsoft", True, "not set up; Microsoft 365 mailboxes cannot be connected here")
    ends = standing.secret_expires()
    until = f"; its secret expires on {ends:%d %B %Y}" if ends else ""
    so_far = "" if standing.is_certain() else " as far as can be told without a connected mailbox: its secret is known"
    return Check("microsoft", True, f"Microsoft accepts this installation{so_far}{until}")


def _no_answer(error: ProviderError) -> Check:
    """The sign-in was not reached: most likely by an address that somebody wrote into the settings."""
    failed, login = _failed("microsoft", f"Microsoft's sign-in did not answer: {error}", error), settings.MICROSOFT
    if login.login_url:
        said = f"Is THREADLINE_MICROSOFT_LOGIN_URL right? It is {login.login_url}"
    else:
        said = f"Is THREADLINE_MICROSOFT_CLOUD right? It is {login.cloud}"
    return replace(failed, who=Who.OPERATOR.value, remedy=f"{said}. If it is, look at this machine's network.")


def _notifications(mailbox: Mailbox | None) -> Check:
    """Whether Microsoft tells us of new mail. Never a failure: mail comes by schedule as well."""
    if not subscriptions.address():
        return Check("notifications", True, "off: Microsoft 365 mail is fetched by schedule")
    rows = Subscription.objects.filter(mailbox=mailbox) if mailbox else Subscription.objects.all()
    troubled = rows.exclude(problem="").order_by("-failures").first()
    if troubled is not None:
        detail = f"Microsoft does not tell us of new mail in {troubled.mailbox.address}: {troubled.problem}"
        return Check("notifications", True, detail.rstrip("."), remedy=standing.remedy_of(troubled))
    watched = rows.exclude(remote_id="").count()
    if not watched:
        return Check("notifications", True, "on; no folder is watched yet")
    told = rows.aggregate(last=Max("told_at"))["last"]
    last = f", last at {told.isoformat(timespec='seconds').replace('+00:00', 'Z')}" if told else ""
    folders = f"{watched} folder{'' if watched == 1 else 's'}"
    return Check("notifications", True, f"Microsoft tells us of changes in {folders}{last}")


def _support_address(_: Mailbox | None) -> Check:
    if settings.SUPPORT_EMAIL:
        return Check("support_address", True, settings.SUPPORT_EMAIL)
    # Advice, not a failure: mail flows without it.
    return Check(
        "support_address",
        True,
        "not set",
        remedy="Set THREADLINE_SUPPORT_EMAIL, so that people know whom to ask when a connection is interrupted.",
    )


_OF_THE_INSTALLATION: tuple[Callable[[Mailbox | None], Check], ...] = (
    _key_file,
    _store,
    _search_index,
    _clock,
    _worker,
    _microsoft,
    _notifications,
    _support_address,
)
