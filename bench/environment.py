"""The Python that runs Threadline in the benchmark: an environment as its users have it, without developers' tools.

It is made with the distribution's own Python where there is one: that is what most installations have, and what the
others are measured with comes from the distribution too. A Python compiled by hand without profile-guided optimisation
takes a tenth longer for a first load.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from bench.server import OUT

DISTRIBUTION = Path("/usr/bin/python3")
ROOT = Path(__file__).resolve().parent.parent
FOLDER = OUT / "environment"


@cache
def python() -> str:
    """The interpreter; its environment is made first where it is not there, or of another lock."""
    chosen = {"PYTHON": str(DISTRIBUTION)} if DISTRIBUTION.exists() else {}
    make = [str(ROOT / "tools" / "environment.sh"), str(FOLDER), "requirements/runtime.txt"]
    subprocess.run(make, env=os.environ | chosen, check=True)
    return str(FOLDER / "bin" / "python")
