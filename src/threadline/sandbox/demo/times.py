"""Moments in a working life: weekdays and office hours at the agency, in the time it goes by."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

# A fixed offset: the demo must come out alike on machines without a time zone database.
OFFICE = timezone(timedelta(hours=1))
_OPEN, _CLOSE = 8, 18


def at_work(moment: datetime, chance: random.Random) -> datetime:
    """This moment where it lies within office hours, else some minutes into the next ones."""
    local = moment.astimezone(OFFICE).replace(microsecond=0)
    if local.hour >= _CLOSE:
        local = _morning(local + timedelta(days=1), chance)
    elif local.hour < _OPEN:
        local = _morning(local, chance)
    while local.weekday() > 4:
        local = _morning(local + timedelta(days=1), chance)
    return local


def _morning(day: datetime, chance: random.Random) -> datetime:
    return day.replace(hour=_OPEN, minute=0, second=0) + timedelta(seconds=chance.randint(60, 3 * 3600))


def working_days_later(moment: datetime, days: int, hour: int) -> datetime:
    """So many working days later, on the hour."""
    day = moment.astimezone(OFFICE)
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def spoken(moment: datetime) -> str:
    """`Tuesday 16 June`."""
    return f"{moment:%A} {moment.day} {moment:%B}"


def days_ago(now: datetime, days: int, hour: int, minute: int = 21) -> datetime:
    """This time of day, so many days ago; on the Friday before where that is a weekend."""
    day = (now - timedelta(days=days)).astimezone(OFFICE)
    day -= timedelta(days=max(0, day.weekday() - 4))
    return day.replace(hour=hour, minute=minute, second=12, microsecond=0)
