"""Times as the pages write them: "Today 08:52", "Yesterday 17:26", "Thu 4 June 14:22", "4 June 2025, 14:22".

All functions take aware times and say them in the current time zone, which is the company's. `now` is an argument.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day_name(day: date, today: date) -> str:
    """ "Today", "Yesterday", "Tomorrow", "Thu 4 June" within the year, else "4 June 2025"."""
    near = {0: "Today", -1: "Yesterday", 1: "Tomorrow"}.get((day - today).days)
    if near:
        return near
    if day.year == today.year:
        return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def full(moment: datetime, now: datetime) -> str:
    """ "Today 08:52", "Thu 4 June 14:22"; with a comma where a year stands between ("4 June 2025, 14:22")."""
    local, today = _local(moment, now)
    comma = "," if local.year != today.year and abs((local.date() - today).days) > 1 else ""
    return f"{day_name(local.date(), today)}{comma} {local:%H:%M}"


def inline(moment: datetime, now: datetime) -> str:
    """For the middle of a sentence: "09:14" today, otherwise "tomorrow 09:14", "Thu 4 June 14:22"."""
    local, today = _local(moment, now)
    if local.date() == today:
        return f"{local:%H:%M}"
    text = full(moment, now)
    return text[0].lower() + text[1:] if abs((local.date() - today).days) == 1 else text


def clock(moment: datetime, now: datetime) -> str:
    """ "08:52", for a row under a day heading."""
    local, _ = _local(moment, now)
    return f"{local:%H:%M}"


def day(moment: datetime, now: datetime) -> str:
    """ "2 June", or "2 June 2025" in another year."""
    local, today = _local(moment, now)
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {MONTHS[local.month - 1]}{year}"


def brief(moment: datetime, now: datetime) -> str:
    """For a narrow column: "08:52" today, otherwise "2 June", "2 June 2025"."""
    local, today = _local(moment, now)
    return f"{local:%H:%M}" if local.date() == today else day(moment, now)


def exact(moment: datetime, now: datetime) -> str:
    """ "Tue 9 June 2026, 17:41:07", where seconds decide."""
    local, _ = _local(moment, now)
    return f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M:%S}"


def dated(moment: datetime, now: datetime) -> str:
    """ "2 April 2026, 11:06", always with its year."""
    local, _ = _local(moment, now)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def heading(moment: datetime, now: datetime) -> str:
    """The heading over a day's rows: "Today", "Yesterday", "Thu 4 June", "4 June 2025"."""
    local, today = _local(moment, now)
    return day_name(local.date(), today)


def local_day(moment: datetime) -> date:
    return timezone.localtime(moment).date()


def days_back(today: date, count: int) -> tuple[date, ...]:
    """The last `count` days up to `today`, oldest first."""
    return tuple(today - timedelta(days=back) for back in range(count - 1, -1, -1))


def _local(moment: datetime, now: datetime) -> tuple[datetime, date]:
    return timezone.localtime(moment), timezone.localtime(now).date()
