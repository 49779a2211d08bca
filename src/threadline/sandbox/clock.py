"""The sandbox's clock: the same file moves it as moves the product's.

`THREADLINE_NOW_FILE` holds an RFC 3339 time, which stands still, or an offset in seconds such as `+7776000`,
which runs.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


def now() -> datetime:
    """The current time, aware and in UTC."""
    named = os.environ.get("THREADLINE_NOW_FILE")
    real = datetime.now(UTC)
    if not named:
        return real
    try:
        text = Path(named).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return real
    if not text:
        return real
    if text[0] in "+-":
        return real + timedelta(seconds=float(text))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{named} holds {text!r}; expected an RFC 3339 time with an offset, or seconds like +86400")
    return moment.astimezone(UTC)
