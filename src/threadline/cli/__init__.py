"""The command line: `threadline`, one program.

Commands act as the operator of this installation, who sees all companies. What they print with `--json`, and their exit
status (0 done, 1 failed, 2 wrong use), are a public contract: docs/guides/command-line.md.
"""

from __future__ import annotations

import gc
import os


def main() -> None:
    """The console script."""
    os.umask(0o077)  # mail and keys: whatever we write is for its owner alone
    gc.disable()  # until what is loaded is loaded (`program`): nothing of it is garbage, and looking takes its time
    from threadline.cli.program import program  # noqa: PLC0415  # importing the package stays quick

    program.main(prog_name="threadline")
