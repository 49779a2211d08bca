"""What the store knows of some mailboxes, in a number of queries that does not grow with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import TruncDate
from django.utils import timezone

from threadline import clock
from threadline.domain.facts import Where
from threadline.services import counts, gaps, latest_check, ledger
from threadline.services.refresh import under_way
from threadline.services.refresh.ask import NOT_REFRESHABLE, is_waiting, waits_in_vain
from threadline.storage.models import Copy, Folder, Gap, LedgerEntry, Mailbox, Refresh, Verification
from threadline.web.thread_by_day import Break, Day
from threadline.web.times import days_back

DAYS = 90


@dataclass(slots=True)
class Known:
    """Of one mailbox: emails held, the latest check, the latest finished refresh, and the one at work."""

    held: int = 0
    check: Verification | None = None
    doubt: str = ""  # why the check does not speak for now
    last: Refresh | None = None
    running: Refresh | None = None
    waiting: bool = False  # a refresh is asked for and has not begun
    in_vain: bool = False  # something is asked for, and no worker is there to begin it
    checking: bool = False  # a check is asked for and has not ended
    aside: int = 0  # entries in the ledger that are tried again

    @property
    def busy(self) -> bool:
        return self.waiting or self.checking or self.running is not None


@dataclass(slots=True)
class Line:
    """The 90 days of one mailbox."""

    days: list[Day] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)


def known_of(mailboxes: Sequence[Mailbox]) -> dict[int, Known]:
    """What is known of each; how the mailboxes themselves are is read anew, so that all of it is true together."""
    pks = [mailbox.pk for mailbox in mailboxes]
    known = {pk: Known() for pk in pks}
    looked = under_way.look(mailboxes)
    for pk, count in counts.held(mailboxes).items():
        known[pk].held = count
    aside = (
        ledger.waiting(LedgerEntry.objects.filter(mailbox__in=pks))
        .order_by()
        .values_list("mailbox")
        .annotate(Count("pk"))
    )
    for pk, count in aside:
        known[pk].aside = count
    newest_check = Verification.objects.filter(mailbox=OuterRef("pk")).order_by("-checked_at").values("pk")[:1]
    for check in Verification.objects.filter(pk__in=_newest(pks, newest_check)):
        known[check.mailbox_id].check = check
    seen = {run for of_one in looked.values() for run in (of_one.running, of_one.ended) if run is not None}
    for run in Refresh.objects.filter(pk__in=seen):
        if run.pk == looked[run.mailbox_id].running:
            known[run.mailbox_id].running = run
        else:
            known[run.mailbox_id].last = run
    failed = latest_check.failed_checks(mailboxes)
    for mailbox in mailboxes:
        about = known[mailbox.pk]
        if about.check is not None:
            about.doubt = latest_check.doubt_of(mailbox.state, about.check, about.last, failed.get(mailbox.pk))
        about.waiting = is_waiting(mailbox)
        asked = mailbox.verification_requested_at is not None
        about.checking = asked and mailbox.state not in NOT_REFRESHABLE
        if about.busy and about.running is None:
            about.in_vain = waits_in_vain(mailbox.refresh_requested_at, mailbox.verification_requested_at)
    return known


def _newest(pks: Sequence[int], newest: QuerySet[Verification, object]) -> list[int]:
    found = Mailbox.objects.filter(pk__in=pks).annotate(newest=Subquery(newest)).values_list("newest", flat=True)
    return [pk for pk in found if pk is not None]


def lines_of(mailboxes: Sequence[Mailbox]) -> dict[int, Line]:
    """Received and sent emails by day, and the breaks, of the last 90 days in the active time zone."""
    today = timezone.localtime(clock.now()).date()
    window = days_back(today, DAYS)
    counts = _counts(mailboxes, window[0])
    found: dict[int, list[Gap]] = defaultdict(list)
    rows = gaps.worth_drawing(Gap.objects.filter(mailbox__in=mailboxes, ended_at__gte=_midnight(window[0])))
    for gap in rows.order_by("began_at"):
        found[gap.mailbox_id].append(gap)
    return {
        mailbox.pk: Line(
            [Day(day, *counts[mailbox.pk].get(day, (0, 0))) for day in window],
            _breaks(mailbox, found[mailbox.pk], today),
        )
        for mailbox in mailboxes
    }


def _counts(mailboxes: Sequence[Mailbox], first: date) -> dict[int, dict[date, tuple[int, int]]]:
    folders = {pk: (mailbox, role) for pk, mailbox, role in _folders(mailboxes)}
    rows = (
        # Every value of `where` is named so that the index by folder, where and time serves.
        Copy.objects.filter(
            folder__in=folders, where__in=[where.value for where in Where], decided_at__gte=_midnight(first)
        )
        .order_by()
        .annotate(day=TruncDate("decided_at", tzinfo=timezone.get_current_timezone()))
        .values_list("folder_id", "day")
        .annotate(count=Count("pk"))
    )
    counts: dict[int, dict[date, tuple[int, int]]] = defaultdict(dict)
    for folder, day, count in rows:
        mailbox, role = folders[folder]
        received, sent = counts[mailbox].get(day, (0, 0))
        counts[mailbox][day] = (received, sent + count) if role == "sent" else (received + count, sent)
    return counts


def _folders(mailboxes: Sequence[Mailbox]) -> list[tuple[int, int, str]]:
    return list(Folder.objects.filter(mailbox__in=mailboxes).values_list("pk", "mailbox_id", "role"))


def _breaks(mailbox: Mailbox, found: Sequence[Gap], today: date) -> list[Break]:
    mended = [
        Break(
            _day(gap.began_at),
            _day(gap.ended_at),
            gap.recovered,
            gaps.hours(gap, timezone.get_current_timezone()),
            gap.set_aside,
        )
        for gap in found
        if gap.began_at != mailbox.gap_since
    ]
    return [*mended, Break(_day(mailbox.gap_since), today)] if mailbox.gap_since else mended


def _day(moment: datetime) -> date:
    return timezone.localtime(moment).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), timezone.get_current_timezone())
