"""The recent events of a mailbox in plain sentences: connection, refreshes, checks and filled gaps, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.db.models import Q
from django.utils import timezone

from threadline.services import gaps, verify
from threadline.storage.models import ConnectionEvent, Gap, Mailbox, Refresh, Verification

SHOWN = 6
_TOGETHER = timedelta(minutes=1)
_LOOKS = {
    "authorised": ("key", ""),
    "renewed": ("key", ""),
    "begun": ("shield", ""),
    "user_needed": ("key", "warn"),
    "rejected_once": ("key", "warn"),
    "admin_needed": ("shield", "warn"),
    "app_at_fault": ("break", "bad"),
    "failed_for_now": ("break", "warn"),
    "failed_for_a_day": ("break", "bad"),
    "disconnected": ("dash-circle", "quiet"),
}


@dataclass(frozen=True)
class Happening:
    at: datetime
    icon: str
    tone: str
    text: str


def recent(mailbox: Mailbox, limit: int = SHOWN) -> list[Happening]:
    told_elsewhere = Q(event="refreshed") | Q(event="begun", cause="")  # a sign-in that waits for something is news
    events = list(mailbox.events.exclude(told_elsewhere).order_by("-at", "-pk")[:limit])
    runs = mailbox.refreshes.filter(finished_at__isnull=False).exclude(trigger="verify")
    # An event of the connection says the same as the failed refresh of that moment.
    ended = [run for run in runs.order_by("-started_at")[: limit * 4] if not _is_told(run, events)]
    checks = mailbox.verifications.order_by("-checked_at")[:limit]
    filled = mailbox.gaps.exclude(began_at=mailbox.gap_since) if mailbox.gap_since else mailbox.gaps.all()
    mended = filled.order_by("-ended_at")[:limit]
    found = [
        *map(_event, events),
        *_runs(ended),
        *map(_check, checks),
        *map(_gap, mended),
    ]
    return sorted(found, key=lambda happening: happening.at, reverse=True)[:limit]


def _is_told(run: Refresh, events: Sequence[ConnectionEvent]) -> bool:
    """By the event of that very moment, or by one that just before was told the same."""
    ended = _end(run)
    return any(
        event.at == ended or (event.text == run.sentence and abs(event.at - ended) < _TOGETHER) for event in events
    )


def _event(event: ConnectionEvent) -> Happening:
    icon, tone = _LOOKS.get(event.event, ("info", ""))
    says_so = event.certain or not event.cause or "likely" in event.text.lower()
    text = event.text if says_so else f"{event.text.rstrip('.')} (likely)"
    if event.event == "rejected_once":
        text = f"{text.rstrip('.')}. We try once more"
    return Happening(event.at, icon, tone, text.rstrip("."))


def _runs(runs: Sequence[Refresh]) -> Iterator[Happening]:
    """Each refresh; a row of the same failure counts as one line."""
    for sentence, group in groupby(runs, key=lambda run: "" if run.outcome == "complete" else run.sentence):
        same = list(group)
        if not sentence:
            yield from map(_completed, same)
            continue
        times = f" ({len(same)} attempts)" if len(same) > 1 else ""
        newest = max(same, key=attrgetter("started_at"))
        yield Happening(_end(newest), "break", "warn", f"{sentence.rstrip('.')}{times}")


def _completed(run: Refresh) -> Happening:
    said = f"Refresh completed: {result_of(run)}" if run.outcome == "complete" else "Refresh not completed"
    return Happening(_end(run), "refresh", "", said)


def _end(run: Refresh) -> datetime:
    return run.finished_at or run.started_at


def result_of(run: Refresh) -> str:
    """ "816 listed, 38 new, 21 on profiles, 1 set aside"."""
    folders = run.report.get("folders", [])
    listed, new, linked, aside = (
        sum(f.get(name, 0) for f in folders) for name in ("listed", "new", "linked", "ledger")
    )
    parts = [f"{listed:,} listed", f"{new:,} new" if new else "nothing new"]
    if linked:
        parts.append(f"{linked:,} on profiles")
    if aside:
        parts.append(f"{aside:,} set aside")
    return ", ".join(parts)


def _check(check: Verification) -> Happening:
    repaired = sum(folder.get("repaired", 0) for folder in check.folders)
    text = verify.sentence(check)
    if repaired:
        text += f"; {repaired:,} had been missing, our fault, and {'was' if repaired == 1 else 'were'} fetched"
    return Happening(
        check.checked_at, "check-circle" if check.complete else "warning", "ok" if check.complete else "warn", text
    )


def _gap(gap: Gap) -> Happening:
    return Happening(gap.ended_at, "shield", "ok", gaps.sentence(gap, timezone.get_current_timezone()))
