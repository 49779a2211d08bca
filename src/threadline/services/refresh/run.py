"""One refresh of one mailbox, from the lease to the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import structlog
from django.db import DatabaseError

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import ProviderError, Transient
from threadline.providers.contract import Session
from threadline.providers.mime.pool import Parser
from threadline.services import gaps, health
from threadline.services.refresh.alongside import indexing
from threadline.services.refresh.departures import settle
from threadline.services.refresh.elsewhere import take_marks
from threadline.services.refresh.folders import list_folders
from threadline.services.refresh.load import load_folder
from threadline.services.refresh.report import Report
from threadline.services.refresh.work import Work
from threadline.services.sessions import open_mailbox
from threadline.storage import leases, search
from threadline.storage.models import Gap, Mailbox, Refresh, User

log = structlog.get_logger(__name__)

# Trouble that does not concern the folders after it.
OF_ONE_FOLDER = frozenset(
    {Cause.FOLDER_GONE, Cause.RENUMBERED, Cause.FOLDER_RESTS, Cause.MAILBOX_DAMAGED, Cause.MAILBOX_BUSY}
)


def refresh(
    mailbox_id: int,
    *,
    trigger: str,
    user: User | None = None,
    watch: Callable[[Report, str], None] | None = None,
    parser: Parser | None = None,
    opening: Callable[[Mailbox], Session] = open_mailbox,
) -> Report:
    """Refresh one mailbox and report what was done. Raises `leases.Busy` when one is under way already.

    `opening` signs in: another than the ordinary one may bring other time-outs or another trust in certificates.
    Expected failures of the provider end in the report and in the connection's state; anything else is logged, counted
    as a failure of ours, and raised.
    """
    started = time.monotonic()
    with leases.hold(mailbox_id) as lease, ExitStack() as stack:
        mailbox = Mailbox.objects.select_related("company", "owner").get(pk=mailbox_id)
        run = _begin(mailbox, lease, trigger, user)
        report = Report()
        try:
            reader = parser or stack.enter_context(Parser())
            if mailbox.last_refresh_at is None:  # there will be mail to read: its process starts while we sign in
                reader.start()
            work = Work(
                mailbox=mailbox,
                company=mailbox.company,
                lease=lease,
                run=run,
                parser=reader,
                gap=_gap_to_fill(mailbox, lease),
                session=opening(mailbox),
                reopen=lambda: opening(mailbox),
                report=report,
                watch=watch,
            )
            stack.callback(work.close)
            _synchronise(work)
        except ProviderError as error:
            _failed(report, error)
            _end(mailbox, lease, run, report, started, error)
        except leases.LeaseLost:
            raise
        except Exception as error:
            log.exception("refresh failed", mailbox=mailbox_id)
            ours = _our_fault(error)
            _failed(report, ours)
            try:
                _end(mailbox, lease, run, report, started, ours)
            except DatabaseError:  # a full disk takes no note of itself; the next refresh closes this run
                log.exception("the end of a refresh could not be noted", mailbox=mailbox_id)
            raise
        else:
            _end(mailbox, lease, run, report, started, None, work=work)
    return report


def _our_fault(error: Exception) -> Transient:
    if isinstance(error, DatabaseError):
        return Transient(
            "Threadline's own store could not be written. What was done before it stays; we try again by ourselves.",
            cause=Cause.STORE_UNAVAILABLE,
        )
    return Transient("Something went wrong on our side. We try again by ourselves.", cause=Cause.UNKNOWN, certain=False)


def _begin(mailbox: Mailbox, lease: leases.Lease, trigger: str, user: User | None) -> Refresh:
    moment = now()
    with lease.storing():
        # A run that was killed never ended; it is closed by the next one.
        Refresh.objects.filter(mailbox=mailbox, finished_at=None).update(
            finished_at=moment,
            outcome="failed",
            cause=Cause.UNKNOWN.value,
            sentence="It was stopped before it had ended.",
        )
        if trigger in {"button", "connect"}:
            mailbox.refresh_requested_at = mailbox.refresh_requested_by = None
            mailbox.save(update_fields=["refresh_requested_at", "refresh_requested_by"])
        return Refresh.objects.create(
            mailbox=mailbox, trigger=trigger, requested_by=user, fence=lease.fence, started_at=moment
        )


def _gap_to_fill(mailbox: Mailbox, lease: leases.Lease) -> Gap | None:
    with lease.storing():
        return gaps.begin(mailbox, now=now())


def _synchronise(work: Work) -> None:
    list_folders(work, now=now())
    take_marks(work, now=now())
    trouble: ProviderError | None = None
    with indexing() as work.index:
        for folder in work.synced_folders():
            try:
                load_folder(work, folder)
            except ProviderError as error:
                if error.cause not in OF_ONE_FOLDER:
                    raise
                trouble = trouble or error
    settle(work, now=now())
    if trouble is not None:
        raise trouble


def _failed(report: Report, error: ProviderError) -> None:
    stored_something = any(folder.new or folder.changed for folder in report.folders)
    report.outcome = "partial" if stored_something else "failed"
    report.cause, report.certain, report.sentence = error.cause, error.certain, str(error)


def _end(
    mailbox: Mailbox,
    lease: leases.Lease,
    run: Refresh,
    report: Report,
    started: float,
    error: ProviderError | None,
    *,
    work: Work | None = None,
) -> None:
    report.seconds = time.monotonic() - started
    moment = now()
    try:
        search.catch_up()
    except DatabaseError:  # derived data, which the worker looks after again; the mail is stored
        log.exception("the text index could not be brought up to date", mailbox=mailbox.pk)
    with lease.storing():
        if error is None:
            if work is not None and work.gap is not None:
                gaps.close(mailbox, work.gap, now=moment)
            health.refreshed(mailbox, now=moment)
        else:
            health.failed(mailbox, error, now=moment)
        run.finished_at, run.outcome = moment, report.outcome
        run.cause, run.sentence = report.cause.value if report.cause else "", report.sentence[:500]
        run.progress, run.report = report.progress("done"), report.as_json()
        run.save()
