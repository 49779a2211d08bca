"""The program, loaded once and forked for each command: a test kills a refresh, not an interpreter that starts.

Reads one JSON object a line, {"arguments", "output"}; answers with the process id (its own process group), and when
that process has ended with its exit status, negative for a signal.

At SIGUSR1 a command writes the stacks of its threads beside its output, in the signal's handler, and stands still.
"""

import ctypes
import faulthandler
import json
import os
import signal
import sys
from pathlib import Path


def run(arguments: list[str], output: str) -> None:
    """Be the program; never returns."""
    os.setsid()
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(target, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(output + ".errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
    stand_still_at_a_signal(output + ".stacks")
    from threadline.cli.program import program  # noqa: PLC0415  # loaded before, by `main`

    program.main(arguments)


def stand_still_at_a_signal(stacks: str) -> None:
    """The handler before the one that writes the stacks is called after it: the C library's `pause`."""
    library = ctypes.CDLL(None)
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.signal.restype = ctypes.c_void_p
    library.signal(signal.SIGUSR1, ctypes.cast(library.pause, ctypes.c_void_p))
    faulthandler.register(signal.SIGUSR1, file=Path(stacks).open("w"), all_threads=True, chain=True)  # noqa: SIM115


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    from threadline.cli.preparation import prepare  # noqa: PLC0415  # reads the environment when it is loaded

    prepare()
    from threadline.cli import mailbox, program  # noqa: F401, PLC0415  # into memory

    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until a command has its handler
    say("ready")
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if not child:
            run(wanted["arguments"], wanted["output"])
        say(child)
        say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
