"""The Date header, leniently (RFC 5322 sections 3.3 and 4.3, and what is sent in their place)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from functools import lru_cache

_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
_USUAL = re.compile(
    r"\s*(?:[A-Za-z]{2,9}\s*,?)?\s*(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*\.?[\s-]+(\d{2,4})\s+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*(?:(?:GMT|UTC|UT)?\s*([+-]\d{4})|([A-Za-z]{1,5}))?(?![\d:])"
)
_COMMENT = re.compile(r"\([^()]*\)")
# Hours from UTC. The American ones and GMT are RFC 5322 section 4.3; of the others only what is unambiguous.
_ZONES = {
    zone: hours
    for hours, zones in {
        -8: "pst",
        -7: "pdt mst",
        -6: "mdt cst",
        -5: "cdt est",
        -4: "edt",
        0: "ut utc gmt wet",
        1: "west bst cet mez met",
        2: "cest mesz mest eet",
        3: "eest msk",
        8: "hkt",
        9: "jst kst",
        10: "aest",
        11: "aedt",
        12: "nzst",
        13: "nzdt",
    }.items()
    for zone in zones.split()
}
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_LONGEST = 200


def parse_date(text: str) -> datetime | None:
    """The moment in UTC, or None for what is no date or outside 1970 to 2100. Without a zone it is taken as UTC."""
    text = _COMMENT.sub(" ", text[:_LONGEST]).strip()
    try:
        moment = _usual(text) or _iso(text) or _lenient(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return moment if moment is not None and _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _usual(text: str) -> datetime | None:
    match = _USUAL.match(text)
    if match is None or (month := _MONTHS.get(match[2].lower())) is None:
        return None
    offset = _offset(match[7]) if match[7] else timedelta(hours=_ZONES.get((match[8] or "").lower(), 0))
    clock = (int(match[4]), int(match[5]), int(match[6] or 0))
    return _moment(_year(match[3]), month, int(match[1]), clock, offset)


def _iso(text: str) -> datetime | None:
    if not text[:4].isdigit():
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _lenient(text: str) -> datetime | None:
    found = parsedate_tz(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, *_, seconds_east = found
    return _moment(year, month, day, (hour, minute, second), timedelta(seconds=seconds_east or 0))


def _year(digits: str) -> int:
    """Obsolete years: two digits below 50 are this century, other two and all three digits count from 1900."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + 2000 if len(digits) == 2 and year < 50 else year + 1900


@lru_cache(maxsize=128)
def _offset(digits: str) -> timedelta:
    hours, minutes = int(digits[1:3]), int(digits[3:5])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    return timedelta(hours=hours, minutes=minutes) * (-1 if digits[0] == "-" else 1)


def _moment(year: int, month: int, day: int, clock: tuple[int, int, int], offset: timedelta) -> datetime:
    hour, minute, second = clock
    if hour > 24 or minute > 59 or second > 60:  # 24:00:00 and leap seconds are sent
        raise ValueError("no such time")
    if hour < 24 and second < 60:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - offset
    return datetime(year, month, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute, seconds=second) - offset
