"""The intervals in which a mailbox was not synced: begun, closed with what came back, and said in a sentence.

A gap begins at the last completed refresh before the interruption and ends with the refresh that fills it. It is kept
whatever its cause was: not connected, refreshes that failed for longer than the interval, or nobody who started them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from django.db.models import F, QuerySet

from threadline.clock import now as current
from threadline.domain.schedule import LONGEST_RETRY
from threadline.services.policy import policy_of
from threadline.storage.models import Copy, Gap, LedgerEntry, Mailbox

SLIGHT = timedelta(hours=1)
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def begin(mailbox: Mailbox, *, now: datetime) -> Gap | None:
    """The gap that the refresh which now begins shall fill, if there is one. Runs in a storing transaction."""
    if mailbox.gap_since is None and is_overdue(mailbox, now=now):
        mailbox.gap_since = mailbox.last_refresh_at
        mailbox.save(update_fields=["gap_since"])
    if mailbox.gap_since is None:
        return None
    values = {"ended_at": now, "cause": _cause(mailbox, mailbox.gap_since)}
    gap, _ = Gap.objects.get_or_create(mailbox=mailbox, began_at=mailbox.gap_since, defaults=values)
    return gap


def is_overdue(mailbox: Mailbox, *, now: datetime) -> bool:
    """Whether a refresh has been missing: failed for longer than the interval and one more try, or never started."""
    if mailbox.last_refresh_at is None:
        return False
    interval = policy_of(mailbox.company).refresh_interval
    allowed = interval + LONGEST_RETRY if mailbox.failures else 2 * interval
    return now - mailbox.last_refresh_at > allowed


def _cause(mailbox: Mailbox, since: datetime) -> str:
    """What interrupted it, as the history of the connection has it; "" where nothing failed: nobody was at work."""
    first = mailbox.events.filter(at__gte=since).exclude(cause="").order_by("at", "pk").first()
    return first.cause if first else mailbox.cause


def close(mailbox: Mailbox, gap: Gap, *, now: datetime) -> None:
    """The refresh completed: how many emails of that time came back. Runs in a storing transaction."""
    gap.ended_at = now
    count(gap)
    mailbox.gap_since = None
    mailbox.save(update_fields=["gap_since"])


def count(gap: Gap) -> None:
    """What came back by now, and what is still in the ledger. Runs in a storing transaction."""
    gap.recovered = Copy.objects.filter(gap=gap).count()
    gap.set_aside = LedgerEntry.objects.filter(gap=gap, next_try_at__isnull=False).count()
    gap.save()


def worth_drawing(rows: QuerySet[Gap]) -> QuerySet[Gap]:
    """Without the short ones in which nothing was missed: they say nothing about anybody's mail."""
    return rows.exclude(recovered=0, set_aside=0, ended_at__lt=F("began_at") + SLIGHT)


# --- in words ---------------------------------------------------------------------------------------------------------


def sentences(mailbox: Mailbox, *, most: int = 20) -> list[str]:
    """Every gap of a mailbox in a sentence, the newest first, in the company's time zone."""
    zone = mailbox.company.zone
    gaps = mailbox.gaps.order_by("-began_at", "-pk")
    if mailbox.gap_since is not None:
        gaps = gaps.exclude(began_at=mailbox.gap_since)
    said = [sentence(gap, zone) for gap in gaps[:most]]
    return [open_sentence(mailbox, mailbox.gap_since), *said] if mailbox.gap_since is not None else said


def sentence(gap: Gap, zone: tzinfo) -> str:
    """ "Interrupted 12 to 19 May; 214 emails recovered", "Interrupted on 4 June, 10:42 to 14:05; ..."."""
    first, last, today = (_day(moment, zone) for moment in (gap.began_at, gap.ended_at, current()))
    return f"{interrupted(first, last, today, hours(gap, zone))}; {recovered(gap.recovered, gap.set_aside)}"


def interrupted(first: date, last: date, today: date, hours: str = "") -> str:
    return f"Interrupted {'on ' if first == last else ''}{span(first, last, today)}{f', {hours}' if hours else ''}"


def hours(gap: Gap, zone: tzinfo) -> str:
    """ "10:42 to 14:05" where it began and ended on one day, else ""."""
    began, ended = gap.began_at.astimezone(zone), gap.ended_at.astimezone(zone)
    return f"{began:%H:%M} to {ended:%H:%M}" if began.date() == ended.date() else ""


def recovered(emails: int, set_aside: int = 0) -> str:
    """ "214 emails recovered", "214 emails recovered, 1 set aside", "1 email set aside", "nothing was missing"."""
    said = [f"{emails:,} email{'' if emails == 1 else 's'} recovered"] if emails else []
    if set_aside:
        noun = "" if emails else " email" if set_aside == 1 else " emails"
        said.append(f"{set_aside:,}{noun} set aside")
    return ", ".join(said) or "nothing was missing"


def open_sentence(mailbox: Mailbox, since: datetime) -> str:
    zone = mailbox.company.zone
    first, today = _day(since, zone), _day(current(), zone)
    filled = "by the next refresh" if mailbox.state in {"connected", "delayed"} else "once it is connected again"
    return f"Interrupted since {span(first, first, today)}; filled {filled}"


def span(first: date, last: date, today: date) -> str:
    """ "12 to 19 May", "28 April to 3 May", "4 June"; with the year where it is not this one."""
    end = _written(last, with_year=last.year != today.year)
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {end}"
    return f"{_written(first, with_year=first.year != last.year)} to {end}"


def _written(day: date, *, with_year: bool) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}{f' {day.year}' if with_year else ''}"


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
