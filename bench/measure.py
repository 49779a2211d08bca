"""Figures, and how they are taken: contestants in turn, medians, memory of whole process trees."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class Figure:
    """One measured value with its runs. `target` is what it is held against, in words, "" for none."""

    scene: str
    name: str
    unit: str
    values: tuple[float, ...]
    target: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_json(self) -> dict[str, Any]:
        values = [round(value, 5) for value in self.values]
        return {"scene": self.scene, "name": self.name, "unit": self.unit, "values": values, "target": self.target}


def interleave(
    contestants: Mapping[str, Callable[[], float]], rounds: int, *, once: Container[str] = ()
) -> dict[str, tuple[float, ...]]:
    """Every contestant once a round, so that what the machine does meanwhile hits all of them; `once`: in the first."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, run in contestants.items():
            if number and name in once:
                continue
            seconds = run()
            print(f"    round {number + 1}: {name}: {seconds:.2f}", flush=True)
            taken[name].append(seconds)
    return {name: tuple(values) for name, values in taken.items()}


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Round by round, as far as both ran: neighbours in time are compared, not medians of different hours."""
    return tuple(one / other for one, other in zip(above, below, strict=False))


def timed(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> float:
    """Seconds of a command from its start to its end. Raises when it fails."""
    began = time.perf_counter()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def peak_memory(command: Sequence[str], env: Mapping[str, str]) -> float:
    """The highest proportional set size, in MB, of the command and all it started, together."""
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        peak = 0.0
        watching = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not watching.wait(SAMPLE_SECONDS):
                peak = max(peak, summed_memory(process.pid))

        thread = threading.Thread(target=watch)
        thread.start()
        status = process.wait()
        watching.set()
        thread.join()
    if status:
        raise subprocess.CalledProcessError(status, command)
    return peak


def summed_memory(pid: int) -> float:
    """The proportional set sizes, in MB, of a process and all it started, together, at this moment."""
    return sum(map(_proportional, members(pid))) / 1024


def members(pid: int) -> list[int]:
    """The process itself and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return []
    return [pid, *(found for child in children for found in members(int(child)))]


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def machine() -> str:
    """Where this was measured, in a line."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024**2
    model = models[0].partition(":")[2].strip() if models else "unknown processor"
    load = os.getloadavg()[1]
    return f"{os.cpu_count()} × {model}, {memory} GB, Linux {os.uname().release}; load average {load:.1f} when it began"
