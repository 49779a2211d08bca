"""python -m bench [--quick] [--rounds N] [--only SCENE ...] [--keep | --discard]

A full run of all scenes is kept (bench/results.json, docs/performance.md) unless `--discard` is given; a quick one, or
one of some scenes, only with `--keep`. What is kept of some scenes takes the place of what those showed before.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
import time

from tests.servers.process import ServerMissing

from bench import peers, report
from bench.measure import Figure, machine
from bench.scale import FULL, QUICK
from bench.scenes import SCENES


def main() -> int:
    scenes = {scene.__name__: scene for scene in SCENES}
    options = argparse.ArgumentParser(prog="python -m bench", description="Threadline's benchmarks.")
    options.add_argument("--quick", action="store_true", help="small mailboxes, under three minutes")
    options.add_argument("--rounds", type=int, help="how often each contestant runs")
    options.add_argument("--only", nargs="+", choices=tuple(scenes), help="these scenes only")
    options.add_argument("--keep", action="store_true", help="write the figures down, also of a quick run")
    options.add_argument("--discard", action="store_true", help="do not write the figures down")
    chosen = options.parse_args()
    scale = QUICK if chosen.quick else FULL
    if chosen.rounds:
        scale = dataclasses.replace(scale, rounds=chosen.rounds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))  # with its servers and folders cleaned up
    here, absent, began = machine(), peers.missing(), time.monotonic()
    print(here)
    for peer in absent:
        print(f"Not installed and left out: {peer}")
    figures: list[Figure] = []
    try:
        for name in chosen.only or scenes:
            print(f"{name}: {scenes[name].__doc__}", flush=True)
            figures += scenes[name](scale)
    except ServerMissing as missing:
        print(f"{missing}: `make test-deps` installs it.", file=sys.stderr)
        return 1
    print(f"\n{report.table(figures, report.committed().get(scale.name))}")
    print(f"Took {time.monotonic() - began:.0f} seconds.")
    if not chosen.discard and (chosen.keep or not (chosen.quick or chosen.only)):
        report.keep(scale.name, here, absent, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
