"""How long a server asks us to wait (RFC 9110 section 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=1)  # whatever a server says, we look again after a day


def delay_of(value: str, *, now: datetime) -> timedelta | None:
    """The delay of a Retry-After field, in seconds or as a date; None where it says neither."""
    text = value.strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text):
        return min(timedelta(seconds=float(text)), LONGEST)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), LONGEST)
