"""Breaks in the thread line: when a mailbox that the profile's emails come from was not synced."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from threadline.clock import now
from threadline.services import gaps
from threadline.storage.models import Copy, Gap, Mailbox, Person, User
from threadline.web import times
from threadline.web.templatetags.threadline import possessive

MOST = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """A break to be drawn: where in time, and the item that says so."""

    began_at: datetime
    ended_at: datetime | None  # None: open
    gap_id: int | None
    item: dict[str, Any]

    @property
    def end(self) -> datetime:
        return self.ended_at or self.began_at


def between(
    mailboxes: Iterable[Mailbox], oldest: datetime, newest: datetime | None, person: Person, user: User
) -> list[Interval]:
    """The breaks of these mailboxes within a page of a profile, newest first. `newest` None: up to now."""
    by_id = {mailbox.pk: mailbox for mailbox in mailboxes}
    opened = {pk: mailbox.gap_since for pk, mailbox in by_id.items() if mailbox.gap_since is not None}
    rows = gaps.worth_drawing(Gap.objects.filter(mailbox_id__in=by_id, ended_at__gte=oldest))
    if newest is not None:
        rows = rows.filter(began_at__lte=newest)
    mended = [gap for gap in rows.order_by("-began_at")[:MOST] if opened.get(gap.mailbox_id) != gap.began_at]
    here = _on_profile([gap.pk for gap in mended], person)
    drawn = [_mended(gap, by_id[gap.mailbox_id], here.get(gap.pk, 0), person, user) for gap in mended]
    for pk, since in opened.items():
        if since >= oldest and (newest is None or since <= newest):
            drawn.append(_open(by_id[pk], since, user))
    return sorted(drawn, key=lambda interval: interval.began_at, reverse=True)


def _on_profile(gap_ids: Collection[int], person: Person) -> dict[int, int]:
    rows = Copy.objects.filter(gap_id__in=gap_ids, message__links__person=person, message__links__detached=False)
    counts = rows.values("gap_id").annotate(emails=Count("message_id", distinct=True))
    return {row["gap_id"]: row["emails"] for row in counts}


def _mended(gap: Gap, mailbox: Mailbox, here: int, person: Person, user: User) -> Interval:
    recovered = gaps.recovered(gap.recovered, gap.set_aside) if gap.recovered or gap.set_aside else ""
    if gap.set_aside:
        text = ". What is set aside could not be stored yet and is tried again automatically."
    elif recovered:
        whose = possessive(person.name.split(" ", 1)[0])
        text = f", {f'{here:,}' if here else 'none'} of them {whose}. This break is filled."
    else:
        text = f"No email came to {mailbox.address} meanwhile. Nothing is missing."
    item = {
        "type": "break",
        "is_open": False,
        "title": gaps.interrupted(
            times.local_day(gap.began_at),
            times.local_day(gap.ended_at),
            times.local_day(now()),
            gaps.hours(gap, timezone.get_current_timezone()),
        ),
        "lead": recovered,
        "text": text,
        "url": _what_happened(mailbox, user),
        "emails": [],
    }
    return Interval(gap.began_at, gap.ended_at, gap.pk, item)


def _open(mailbox: Mailbox, since: datetime, user: User) -> Interval:
    filled = "you connect" if mailbox.owner_id == user.pk else f"{mailbox.owner} connects"
    item = {
        "type": "break",
        "is_open": True,
        "title": f"Interrupted since {times.day(since, now())}",
        "lead": "",
        "text": f"Emails of {mailbox.address} since then are not here yet. All come when {filled} it again.",
        "url": _what_happened(mailbox, user),
        "emails": [],
    }
    return Interval(since, None, None, item)


def _what_happened(mailbox: Mailbox, user: User) -> str:
    """The mailbox's own page, for whoever may see it."""
    if mailbox.owner_id == user.pk or user.is_admin:
        return reverse("mailbox", args=[mailbox.pk])
    return ""


def span(began: datetime, ended: datetime) -> str:
    """ "12–19 May", "28 Apr – 3 May", "4 June"; with the year where it is not this one."""
    first, last = timezone.localtime(began).date(), timezone.localtime(ended).date()
    end = times.day(ended, now())
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    return f"{_short(began)} – {_short(ended)}"


def _short(moment: datetime) -> str:
    day, month, *year = times.day(moment, now()).split()
    return " ".join([day, month[:3], *year])
