"""Times, durations and lists as sentences say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(time: datetime, zone: tzinfo, *, seconds: bool = False) -> str:
    """A time in the company's zone: "14 Mar 2026, 09:05 CET"."""
    local = time.astimezone(zone)
    clock = f"{local.hour:02}:{local.minute:02}" + (f":{local.second:02}" if seconds else "")
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {clock} {local.tzname() or ''}".rstrip()


def duration(length: timedelta) -> str:
    """ "24 hours", "90 minutes"."""
    minutes = round(length.total_seconds() / 60)
    count, unit = (minutes // 60, "hour") if minutes and minutes % 60 == 0 else (minutes, "minute")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def listed(items: Sequence[str], *, most: int = 6) -> str:
    """ "a, b and c"; of a long list the first few and how many more."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def said_once(said: str, step: str) -> str:
    """`said` without the sentences that stand in the next step as well."""
    return " ".join(one for one in re.split(r"(?<=\.) ", said) if one not in step) or said
