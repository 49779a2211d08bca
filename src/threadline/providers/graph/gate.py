"""How many requests may be under way for one mailbox, and until when none may (one gate per mailbox and process).

Outlook takes four requests at once for an application and a mailbox, and answers the fifth with 429; fewer are safer,
and what is refused counts as asked. Another mailbox has another gate, so that it feels nothing of this one's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from threadline.domain.errors import Transient

AT_ONCE = 3


class Gate:
    """The gate of one mailbox."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._closed_until = 0.0

    def close_for(self, seconds: float) -> None:
        """No request before that."""
        with self._lock:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    def wait(self) -> float:
        """Seconds until a request may be made."""
        with self._lock:
            return max(0.0, self._closed_until - time.monotonic())

    @contextmanager
    def place(self, seconds: float) -> Iterator[None]:
        """One of the places. Raises Transient when none is free in time."""
        if not self._places.acquire(timeout=seconds):
            raise Transient("This mailbox is being read by too many at once. We try again by ourselves.")
        try:
            yield
        finally:
            self._places.release()


_gates: WeakValueDictionary[tuple[str, int, str], Gate] = WeakValueDictionary()
_lock = threading.Lock()


def gate_of(host: str, port: int, username: str) -> Gate:
    """The gate of this mailbox, as long as anybody holds it."""
    key = (host.lower(), port, username.lower())
    with _lock:
        gate = _gates.get(key)
        if gate is None:
            gate = _gates[key] = Gate()
    return gate
