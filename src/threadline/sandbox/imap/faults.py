"""Trouble on request. The control API sets it, the sessions obey it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Throttle(Enum):
    """How an overloaded server refuses work."""

    OFF = "off"
    LIMIT = "limit"  # every command of a signed-in client: NO [LIMIT]
    CONNECTIONS = "connections"  # the sign-in: "Too many simultaneous connections", as Gmail words it


@dataclass(slots=True)
class Faults:
    """What goes wrong at the moment. `cut_next_fetch` clears itself once it has struck."""

    throttle: Throttle = Throttle.OFF
    delay_ms: int = 0
    cut_next_fetch: bool = False

    def take_cut(self) -> bool:
        """Whether this FETCH is to be cut off in the middle; true once."""
        cut, self.cut_next_fetch = self.cut_next_fetch, False
        return cut
