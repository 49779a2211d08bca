"""One clock for the whole product.

`THREADLINE_NOW_FILE` names a file that moves it, with `--demo` or `THREADLINE_TESTING=1` only: an RFC 3339 time stands
still, an offset in seconds ("+7776000") runs. Times are aware and in UTC.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


def now() -> datetime:
    """The current time, as the installation's clock says it."""
    moved = os.environ.get("THREADLINE_NOW_FILE")
    if not moved or "1" not in {os.environ.get("THREADLINE_TESTING"), os.environ.get("THREADLINE_DEMO")}:
        return datetime.now(UTC)
    return _read(Path(moved))


def _read(path: Path) -> datetime:
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return datetime.now(UTC)
    if not text:
        return datetime.now(UTC)
    if text[0] in "+-":
        return datetime.now(UTC) + timedelta(seconds=float(text))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{path} holds {text!r}; expected an RFC 3339 time with an offset, or seconds like +86400")
    return moment.astimezone(UTC)
