"""Whether a listing of a folder covered an email: the fifth condition, `refreshed`.

How far a listing reached is one text. Where ids rise (IMAP) it is the next id at its beginning, in decimal; elsewhere
the time at which it began, by the provider's clock (RFC 3339).
"""

from __future__ import annotations

from datetime import datetime


def covers(listed_up_to: str, remote_id: str, received_at: datetime | None) -> bool | None:
    """None where it cannot be told: a reach that is not known, or an email without a time."""
    if listed_up_to.isdecimal():
        return int(remote_id) < int(listed_up_to) if remote_id.isdecimal() else None
    try:
        began = datetime.fromisoformat(listed_up_to)
    except ValueError:
        return None
    if began.tzinfo is None or received_at is None:
        return None
    return received_at < began
