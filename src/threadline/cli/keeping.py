"""Programs that `serve` starts beside the pages, and the worker among them, which is started again when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before it is started again, doubling
WELL_AFTER = 60.0  # seconds: after so long a run the waits begin anew
OFTEN, OFTEN_WITHIN = 5, 60.0  # so many ends in so many seconds are more than an accident
ENDS_WITHIN = 10.0  # seconds that a program gets to end in order


def start(arguments: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """`python -m` of ours in a group of its own: Ctrl-C reaches only us and we end it in order.

    It ends when we are killed, or when the thread ends that started it (prctl(2)).
    """
    return subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, "-m", "threadline.cli.child", str(os.getpid()), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Keeper:
    """Keeps a worker at work until `stop`: one that ends is noticed at once and started again.

    `say` gets a sentence for the operator each time.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], say: Callable[[str], None]) -> None:
        self._arguments, self._environment, self._say = arguments, environment, say
        self._stop = threading.Event()
        self._change = threading.Lock()  # so that none is started after the stop
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: deque[float] = deque(maxlen=OFTEN)
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._change:
            self._stop.set()
            process = self._process
        if process is not None:
            end(process)
        self._thread.join()

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while (process := self._started()) is not None:
            began = time.monotonic()
            status = process.wait()
            if self._stop.is_set():
                return
            if time.monotonic() - began >= WELL_AFTER:
                wait = FIRST_WAIT
            self._ends.append(time.monotonic())
            self._say(self._sentence(status, wait))
            self._stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _started(self) -> subprocess.Popen[bytes] | None:
        with self._change:
            if not self._stop.is_set():
                self._process = start(self._arguments, self._environment)
                return self._process
        return None

    def _sentence(self, status: int, wait: float) -> str:
        again = f"it is started again in {wait:.0f} second{'' if wait == 1 else 's'}"
        said = f"The worker {_how(status)}, which nobody asked of it; {again}."
        if len(self._ends) == OFTEN and self._ends[-1] - self._ends[0] <= OFTEN_WITHIN:
            return (
                f"{said} That was {OFTEN} times within a minute. Look at what stands above, at the free memory "
                "(dmesg says whether the system killed it) and at threadline doctor. We keep trying."
            )
        return said


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
