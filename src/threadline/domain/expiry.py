"""When a sign-in at a provider will end, as far as can be foreseen.

Microsoft ends one that was not used for 90 days; each use starts the 90 days anew, without a limit. Some organisations
ask for a new sign-in every so often, and say so only when the day has come: what they did before, they will likely do
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from statistics import median

from threadline.domain.causes import Cause

UNUSED = timedelta(days=90)
RENEWED_EVERY = timedelta(days=7)
WARNED_BEFORE = (1, 3, 7, 14)  # days
# Ends that a policy brings about again and again; a new password or a withdrawn permission is nobody's rhythm.
OF_A_POLICY = frozenset({Cause.SIGN_IN_FREQUENCY, Cause.MFA_REQUIRED, Cause.SIGN_IN_EXPIRED})
_ALIKE = 0.15  # how far two intervals may be apart, as a share, to be one rhythm
_SHORTEST = timedelta(days=1)


class Basis(Enum):
    """What a forecast rests on. The value is the word in the API and on the command line."""

    UNUSED_90_DAYS = "90 days after its last use"
    POLICY = "the interval at which this organisation asked for a new sign-in before"


@dataclass(frozen=True, slots=True)
class Forecast:
    """`at` is when the sign-in would end. `times` and `interval` tell what the organisation did before, if anything."""

    at: datetime
    basis: Basis
    times: int = 0
    interval: timedelta | None = None


def forecast(*, granted_at: datetime, used_at: datetime, lasted: Sequence[timedelta] = ()) -> Forecast:
    """The first end that can be foreseen. `lasted`: how long earlier sign-ins lived until a policy ended them."""
    unused = used_at + UNUSED
    interval = _rhythm(lasted)
    if interval is None:
        return Forecast(unused, Basis.UNUSED_90_DAYS)
    expected = granted_at + interval
    if used_at <= expected < unused:  # once it has lived longer than that, the organisation has changed its mind
        return Forecast(expected, Basis.POLICY, len(lasted), interval)
    return Forecast(unused, Basis.UNUSED_90_DAYS, len(lasted), interval)


def _rhythm(lasted: Sequence[timedelta]) -> timedelta | None:
    long_enough = [each for each in lasted if each >= _SHORTEST]
    if len(long_enough) < 2:
        return None
    middle = timedelta(seconds=median(each.total_seconds() for each in long_enough))
    return middle if all(abs(each - middle) <= _ALIKE * middle for each in long_enough) else None


def warning(at: datetime, now: datetime) -> int | None:
    """The stage of warning that is reached, as days before the end: 14, 7, 3 or 1; None while it is further off."""
    return next((days for days in WARNED_BEFORE if at - now <= timedelta(days=days)), None)
