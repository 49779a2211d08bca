"""The worker: a plain loop that starts what is due. Everything it knows is in the database.

Steps are methods that say whether they did work. A mailbox is claimed by a conditional UPDATE that also pushes its next
turn ahead, so that one which brings the worker down is not the first thing the next worker does.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import F, OuterRef, Q, Subquery

from threadline.clock import now
from threadline.domain.connection import State
from threadline.domain.errors import ProviderError
from threadline.jobs.notifications import Notifications
from threadline.jobs.sign_ins import SignIns
from threadline.providers.mime.pool import Parser
from threadline.services import relink
from threadline.services.refresh import refresh
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.services.verify import verify
from threadline.storage import leases, search, workers
from threadline.storage.models import Company, Mailbox, Verification

log = structlog.get_logger(__name__)

PUSHED_AHEAD = timedelta(minutes=20)  # longer than any refresh of a mailbox that was loaded before
VERIFY_EVERY = timedelta(hours=20)
VERIFY_AGAIN = timedelta(hours=1)  # after one that could not be done
QUIET_HOURS = range(2, 5)  # of the company's day
POLL = 1.0  # seconds
GRACE = 5.0  # seconds that refreshes under way get at a stop; killed ones are simply run again


class Worker:
    """Runs refreshes, checks and re-linking, and keeps sign-ins and subscriptions alive, until it is told to stop."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="refresh")
        self._threads = threads
        self._busy: dict[int, Future[None]] = {}
        # Apart from the refreshes: it may take a minute, and no mailbox waits for it.
        self._linking = ThreadPoolExecutor(1, thread_name_prefix="relink")
        self._relinking: Future[None] | None = None
        self._not_verified_before: dict[int, datetime] = {}
        self._stop = threading.Event()
        self._local = threading.local()
        self._parsers: list[Parser] = []
        self._sign_ins = SignIns()
        self._notifications = Notifications()
        self._next_sign = 0.0  # of the monotonic clock

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stop())
        log.info("worker started", threads=self._threads)
        while not self._stop.is_set():
            try:
                self._give_sign()
                worked = self.step()
            except Exception:
                log.exception("worker step failed")
                worked = False
            close_old_connections()
            if not worked:
                self._stop.wait(POLL)
        self._end()

    def stop(self) -> None:
        self._stop.set()

    def _give_sign(self) -> None:
        if time.monotonic() >= self._next_sign:
            workers.give_sign()
            self._next_sign = time.monotonic() + workers.EVERY

    def step(self) -> bool:
        """One look at everything that may be due; True when something was started."""
        self._busy = {pk: future for pk, future in self._busy.items() if not future.done()}
        return any(
            [
                self._notifications.step(),
                self.start_refreshes(),
                self._sign_ins.step(),
                self.relink(),
                self.start_verifications(),
                self.index(),
            ]
        )

    def start_refreshes(self) -> bool:
        """Claim what is due, asked-for ones first, as far as there are free threads.

        A request stays until its refresh has begun: the pages never show a moment in which nothing is under way.
        """
        moment = now()
        due = Mailbox.objects.filter(Q(refresh_requested_at__isnull=False) | Q(next_refresh_at__lte=moment)).exclude(
            state__in=NOT_REFRESHABLE
        )
        started = False
        # Said where the others come: without it, PostgreSQL puts what nobody asked for first.
        in_turn = due.exclude(pk__in=self._busy).order_by(
            F("refresh_requested_at").asc(nulls_last=True), "next_refresh_at"
        )
        for mailbox in in_turn[: self._free()]:
            claimed = Mailbox.objects.filter(
                pk=mailbox.pk,
                next_refresh_at=mailbox.next_refresh_at,
                refresh_requested_at=mailbox.refresh_requested_at,
            ).update(next_refresh_at=moment + PUSHED_AHEAD)
            if claimed:
                self._busy[mailbox.pk] = self._pool.submit(self._refresh, mailbox)
                started = True
        return started

    def relink(self) -> bool:
        """Begin to bring the links of a company in line after its policy changed, or go on where that was left."""
        if self._relinking is not None and not self._relinking.done():
            return False
        company = Company.objects.filter(relink_requested_at__isnull=False).order_by("relink_requested_at").first()
        if company is None:
            return False
        self._relinking = self._linking.submit(self._relink, company)
        return True

    def _relink(self, company: Company) -> None:
        try:
            added, withdrawn = relink.bring_in_line(company, stopping=self._stop.is_set)
            log.info("relinked", company=company.pk, added=added, withdrawn=withdrawn)
        except Exception:
            log.exception("relinking failed", company=company.pk)
        finally:
            connection.close()

    def start_verifications(self) -> bool:
        """Those asked for; else once a day, at a quiet hour; the first time as soon as the first load is complete."""
        started = False
        loaded = Q(state=State.CONNECTED.value, history_complete_at__isnull=False)
        asked = Q(verification_requested_at__isnull=False) & ~Q(state__in=NOT_REFRESHABLE)
        checks = Verification.objects.filter(mailbox=OuterRef("pk")).order_by("-checked_at")
        mailboxes = Mailbox.objects.filter(loaded | asked).exclude(pk__in=self._busy).select_related("company")
        # Asked in one question: a worker looks every second, at a thousand mailboxes.
        mailboxes = mailboxes.annotate(
            checked_at=Subquery(checks.values("checked_at")[:1]), complete=Subquery(checks.values("complete")[:1])
        ).filter(asked | self._may_be_due(now()))
        for mailbox in mailboxes.order_by(F("verification_requested_at").asc(nulls_last=True), "pk"):
            if not self._free():
                break
            if self._verification_is_due(mailbox, mailbox.checked_at, complete=bool(mailbox.complete)):
                self._busy[mailbox.pk] = self._pool.submit(self._verify, mailbox)
                started = True
        return started

    @staticmethod
    def _may_be_due(moment: datetime) -> Q:
        again = Q(complete=False, checked_at__lte=moment - VERIFY_AGAIN)
        return again | Q(checked_at=None) | Q(checked_at__lte=moment - VERIFY_EVERY)

    def _verification_is_due(self, mailbox: Mailbox, checked_at: datetime | None, *, complete: bool) -> bool:
        moment = now()
        if mailbox.verification_requested_at is not None:
            return not leases.is_held(mailbox)  # a refresh is under way: then its turn comes
        if moment < self._not_verified_before.get(mailbox.pk, moment):
            return False
        if checked_at is None:
            return True
        since = moment - checked_at
        if not complete and since >= VERIFY_AGAIN and (mailbox.last_refresh_at or moment) > checked_at:
            return True  # a refresh was to bring the rest: has it?
        quiet = moment.astimezone(mailbox.company.zone).hour in QUIET_HOURS
        return since >= (VERIFY_EVERY if quiet else 2 * VERIFY_EVERY)

    def index(self) -> bool:
        """Index what a killed refresh left in the queue."""
        return not self._busy and search.behind() > 0 and search.catch_up() > 0

    def _free(self) -> int:
        return max(0, self._threads - len(self._busy))

    def _refresh(self, mailbox: Mailbox) -> None:
        trigger = "button" if mailbox.refresh_requested_at else "schedule"
        waits = False
        try:
            report = refresh(mailbox.pk, trigger=trigger, user=mailbox.refresh_requested_by, parser=self._parser())
            log.info(
                "refreshed",
                mailbox=mailbox.pk,
                outcome=report.outcome,
                new=report.total("new"),
                seconds=report.seconds,
            )
        except leases.Busy:
            # By another door, or it is being verified: this one's turn comes when that has ended.
            waits = True
            Mailbox.objects.filter(pk=mailbox.pk).update(next_refresh_at=mailbox.next_refresh_at)
            log.info("refresh waits for its turn", mailbox=mailbox.pk)
        except leases.LeaseLost:
            log.warning("lease lost", mailbox=mailbox.pk)
        except Exception:
            log.exception("refresh failed", mailbox=mailbox.pk)
        finally:
            if not waits:
                self._answered(mailbox)
            connection.close()

    def _answered(self, mailbox: Mailbox) -> None:
        """A request whose refresh did not come to begin is not tried again and again; one made since then stays."""
        if mailbox.refresh_requested_at is not None:
            asked = Mailbox.objects.filter(pk=mailbox.pk, refresh_requested_at=mailbox.refresh_requested_at)
            asked.update(refresh_requested_at=None, refresh_requested_by=None)

    def _verify(self, mailbox: Mailbox) -> None:
        self._not_verified_before[mailbox.pk] = now() + VERIFY_AGAIN
        waits = False
        try:
            check = verify(mailbox.pk)
            log.info("verified", mailbox=mailbox.pk, complete=check.complete)
        except leases.Busy:
            waits = True
            log.info("verification waits for a refresh", mailbox=mailbox.pk)
        except ProviderError as error:
            # The state of the connection is the refresh's to judge; it meets the same trouble at its next turn.
            log.warning("verification not possible", mailbox=mailbox.pk, cause=error.cause.value)
            self._refresh_instead(mailbox)
        except Exception:
            log.exception("verification failed", mailbox=mailbox.pk)
        finally:
            if not waits and mailbox.verification_requested_at is not None:
                asked = Mailbox.objects.filter(pk=mailbox.pk)
                asked.filter(verification_requested_at=mailbox.verification_requested_at).update(
                    verification_requested_at=None
                )
            connection.close()

    def _refresh_instead(self, mailbox: Mailbox) -> None:
        """Who asked for a check that is not possible learns why from a refresh."""
        if mailbox.verification_requested_at is not None:
            Mailbox.objects.filter(pk=mailbox.pk, refresh_requested_at=None).update(refresh_requested_at=now())

    def _parser(self) -> Parser:
        """Each thread keeps its own parser process over refreshes."""
        parser: Parser | None = getattr(self._local, "parser", None)
        if parser is None:
            parser = self._local.parser = Parser()
            self._parsers.append(parser)
        return parser

    def close(self) -> None:
        """Wait for what is under way and end the parsers: for who goes on after the worker."""
        self._stop.set()
        for pool in (self._pool, self._linking):
            pool.shutdown(wait=True, cancel_futures=True)
        self._sign_ins.close(wait=True)
        self._notifications.close(wait=True)
        for parser in self._parsers:
            parser.close()

    def _end(self) -> None:
        for pool in (self._pool, self._linking):
            pool.shutdown(wait=False, cancel_futures=True)
        self._sign_ins.close(wait=False)
        self._notifications.close(wait=False)
        deadline = threading.Event()
        timer = threading.Timer(GRACE, deadline.set)
        timer.daemon = True
        timer.start()
        while any(not future.done() for future in self._busy.values()) and not deadline.is_set():
            deadline.wait(0.05)
        try:
            workers.take_leave()
        except DatabaseError:
            log.warning("the store does not take that this worker stops; it counts as silent", exc_info=True)
        log.info("worker stopped")
        # Threads that are still at work are ended with the process: a refresh can be killed anywhere and run again.
        os._exit(0)
