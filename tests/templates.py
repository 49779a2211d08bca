"""What takes seconds to make and is the same for every test: made once a run by the program itself, and then copied.

The tests that are about the making (a first command, a first start of the demo) begin with an empty folder instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

_STORES = ("threadline.sqlite3", "search.sqlite3")


def migrated(folder: Path) -> Path:
    """Make this data folder, with an empty store in it that needs no migration. Its key is not there yet."""
    return _copy("migrated", _migrate, folder)


def seeded_sandbox(folder: Path) -> Path:
    """Make this folder of a sandbox, with the demo's mail in it; its ports and its token are chosen at its start."""
    return _copy("sandbox", _seed, folder)


def _copy(name: str, make: Callable[[Path], None], folder: Path) -> Path:
    template = Path(os.environ["THREADLINE_TEST_TEMPLATES"]) / name
    template.parent.mkdir(mode=0o700, exist_ok=True)
    with template.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers of the run may want it too
        if not template.exists():
            draft = template.with_name(f"{name}.draft")
            draft.mkdir(mode=0o700)
            make(draft)
            draft.rename(template)
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return folder


def _migrate(folder: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLINE_", "DATABASE"))}
    environment = kept | {"THREADLINE_DATA_DIR": str(folder)}
    subprocess.run(
        [sys.executable, "-m", "threadline.cli", "migrate"], env=environment, check=True, capture_output=True
    )
    for path in folder.iterdir():
        if path.name in _STORES:
            with closing(sqlite3.connect(path)) as store:
                store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in _STORES:
            path.unlink()


def _seed(folder: Path) -> None:
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "threadline.sandbox", "--data", str(folder), "--ready-file", str(ready)]
    with subprocess.Popen([*command, "--watch-stdin"], stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        program.stdin.close()  # it ends when it has begun
    assert program.returncode == 0
    for name in ("ready.json", "ports.json", "control.token", "sandbox.lock"):
        (folder / name).unlink(missing_ok=True)
