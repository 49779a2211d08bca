"""The forecast of a sign-in's end, in words."""

from __future__ import annotations

from datetime import datetime

from threadline import clock
from threadline.domain.causes import Cause
from threadline.domain.expiry import Basis
from threadline.services.forecast import Outlook
from threadline.storage.models import Mailbox
from threadline.web.times import day

_CONNECTED = {"connected", "delayed"}
_RENEWING = _CONNECTED | {"admin_needed", "interrupted"}
_NOTHING_TO_READ = {Cause.NO_MAILBOX.value, Cause.ACCOUNT_GONE.value, Cause.ACCOUNT_DISABLED.value}


def is_alive(mailbox: Mailbox) -> bool:
    """Whether there is a sign-in that can still end, and a mailbox behind it."""
    return mailbox.state in _RENEWING and mailbox.cause not in _NOTHING_TO_READ


def sign_in_expires(ahead: Outlook) -> str:
    at = _day(ahead.forecast.at)
    return f"{at} if never used" if ahead.forecast.basis is Basis.UNUSED_90_DAYS else f"likely {at}"


def forecast_box(mailbox: Mailbox, ahead: Outlook | None) -> dict[str, str] | None:
    """What the card shows of what is ahead: title, text and tone. None where nothing can be foreseen, or it is over."""
    if ahead is None or not is_alive(mailbox):
        return None
    if ahead.stage is not None:
        return {"title": _title(ahead), "text": _warning(ahead), "tone": "warn"}
    title = f"Forecast: {'stays connected' if mailbox.state in _CONNECTED else 'the sign-in stays good'}"
    if ahead.stopped:
        title = f"Forecast: not renewed since {_day(ahead.used_at)}"
    if ahead.forecast.basis is Basis.POLICY:
        title = "Forecast: a new sign-in will be asked for"
    return {"title": title, "text": " ".join(_calm(ahead)), "tone": ""}


def _title(ahead: Outlook) -> str:
    left = (ahead.forecast.at - clock.now()).total_seconds() / 86400
    if left <= 0:
        return "The sign-in may have ended"
    if left < 1:
        return "The sign-in ends within a day"
    return f"The sign-in ends in {left:.0f} day{'' if round(left) == 1 else 's'}"


def _warning(ahead: Outlook) -> str:
    at = _day(ahead.forecast.at)
    if ahead.forecast.basis is Basis.POLICY:
        return f"{_habit(ahead)} The next time is likely {at}. Sign in before, and nothing is interrupted."
    return (
        f"It was last renewed on {_day(ahead.used_at)} and ends on {at}, 90 days after its last use. Sign in again "
        "now, and nothing is interrupted."
    )


def _calm(ahead: Outlook) -> list[str]:
    at = _day(ahead.forecast.at)
    said = [f"We renew the sign-in by ourselves every week at least, last on {_day(ahead.used_at)}."]
    if ahead.forecast.basis is Basis.POLICY:
        said.append(f"{_habit(ahead)} The next time is likely {at}; we remind you 14 days before.")
    else:
        said.append(f"Unused, it would end on {at}, 90 days after its last use.")
        if ahead.forecast.times > 1 and ahead.forecast.interval is not None:
            said.append(_habit(ahead))
    return said


def _habit(ahead: Outlook) -> str:
    interval = ahead.forecast.interval
    days = round(interval.total_seconds() / 86400) if interval else 0
    times = {2: "twice", 3: "three times"}.get(ahead.forecast.times, f"{ahead.forecast.times} times")
    return f"Your organisation has asked for a new sign-in {times}, after about {days} days each."


def _day(moment: datetime) -> str:
    return day(moment, clock.now())
