"""An installation on disk: its commands are run, killed and measured, and its store is read without the product."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from tests import templates
from tests.services.world import ALICE, PASSWORD

ZYGOTE = Path(__file__).with_name("zygote.py")


@dataclass(frozen=True)
class Ended:
    """How a command ended: `status` as of a process (negative: the signal), after so many seconds."""

    status: int
    seconds: float
    out: str
    err: str
    peak: int = 0  # bytes of memory of the process and those it started (anonymous PSS), where it was measured
    stacks: str = ""  # of its threads, at the moment at which it was killed

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Installation:
    """A context manager. `run` runs a command of the program in a process group of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data = folder / "data"
        self._kept = folder / "kept"
        self._output = folder / "output"
        self.environment = os.environ | {"THREADLINE_DATA_DIR": str(self.data), "THREADLINE_TESTING": "1"} | environment
        templates.migrated(self.data)

    def __enter__(self) -> Installation:
        self._zygote = subprocess.Popen(
            [sys.executable, ZYGOTE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        assert self._line() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._zygote.stdin
        assert self._zygote.stdout
        self._zygote.stdin.close()
        self._zygote.wait(timeout=30)
        self._zygote.stdout.close()

    def run(self, *arguments: str, kill_after: float | None = None, measured: bool = False) -> Ended:
        """Run a command to its end, or kill its whole process group after so many seconds."""
        assert self._zygote.stdin
        began = time.monotonic()
        wanted = {"arguments": arguments, "output": str(self._output)}
        Path(f"{self._output}.stacks").write_text("")
        self._zygote.stdin.write(json.dumps(wanted) + "\n")
        self._zygote.stdin.flush()
        process = int(self._line())
        if kill_after is not None:
            time.sleep(max(0.0, began + kill_after - time.monotonic()))
            _let_it_stand_still(process, Path(f"{self._output}.stacks"))
            _kill(process)
        peak = _peak_until_it_ends(process) if measured else 0
        status = int(self._line())
        out, err = self._output.read_text(), Path(f"{self._output}.errors").read_text()
        stacks = "" if kill_after is None else Path(f"{self._output}.stacks").read_text()
        return Ended(status, time.monotonic() - began, out, err, peak, stacks)

    def ok(self, *arguments: str) -> Ended:
        ended = self.run(*arguments)
        assert ended.status == 0, (arguments, ended)
        return ended

    def set_up(self, port: int) -> None:
        """A company, Alice, a candidate, and Alice's mailbox at this port."""
        password = self.data.parent / "password"
        password.write_text(PASSWORD)
        self.ok("company", "add", "Acme")
        self.ok("user", "add", ALICE, "--company", "Acme", "--password-file", str(password))
        self.ok("people", "add", "--kind", "candidate", "--name", "Anna Berg", "--email", "anna@posten.example")
        named = ("--user", ALICE, "--password-file", str(password))
        self.ok("mailbox", "add", ALICE, *named, *("--imap-host", "127.0.0.1", "--imap-port", str(port)),
                "--imap-security", "none")  # fmt: skip

    def keep(self) -> None:
        """Remember the state on disk; no command may be running."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.data, self._kept)

    def put_back(self) -> None:
        shutil.rmtree(self.data)
        shutil.copytree(self._kept, self.data)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the store with nothing of the product."""
        with closing(sqlite3.connect(f"file:{self.data / 'threadline.sqlite3'}?mode=ro", uri=True)) as store:
            return store.execute(sql).fetchall()

    def listing(self) -> list[tuple[str, int, str]]:
        """(folder, UID, Message-ID) of what is held as being there, with its text."""
        rows = self.query(
            "SELECT f.name, CAST(c.remote_id AS INTEGER), m.message_id FROM storage_copy c"
            " JOIN storage_folder f ON f.id = c.folder_id JOIN storage_message m ON m.id = c.message_id"
            " WHERE c.\"where\" = 'here' AND NOT c.awaits_text AND f.role IN ('inbox', 'sent')"
        )
        return sorted(cast("list[tuple[str, int, str]]", rows))

    def doubled(self) -> list[tuple[Any, ...]]:
        """Messages, copies and links that are there more than once."""
        return [
            *self.query("SELECT key, count(*) FROM storage_message GROUP BY company_id, key HAVING count(*) > 1"),
            *self.query(
                "SELECT m.message_id, count(*) FROM storage_copy c JOIN storage_message m ON m.id = c.message_id"
                " GROUP BY c.folder_id, m.id HAVING count(*) > 1"
            ),
            *self.query(
                "SELECT message_id, count(*) FROM storage_link GROUP BY message_id, person_id HAVING count(*) > 1"
            ),
        ]

    def _line(self) -> str:
        assert self._zygote.stdout
        return self._zygote.stdout.readline().strip()


def _let_it_stand_still(process: int, stacks: Path) -> None:
    """Have it write its stacks (`zygote.py`): they are whole when the last line is the foot of the main thread's."""
    deadline = time.monotonic() + 10
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGUSR1)
        while not stacks.read_text().endswith(("in <module>\n", "  ...\n")):
            os.kill(process, 0)
            if time.monotonic() > deadline:
                return  # it had not begun to listen
            time.sleep(0.0005)


def _kill(process: int) -> None:
    """SIGKILL to the whole group; it may have ended, or not yet be a group of its own."""
    for _ in range(200):
        try:
            os.killpg(process, signal.SIGKILL)
        except ProcessLookupError:
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                return
            time.sleep(0.001)
        else:
            return


def _peak_until_it_ends(process: int) -> int:
    """The largest sum of the proportional memory of a process and its descendants, looked at fifty times a second."""
    peak = 0
    while now := sum(_memory(member) for member in _tree(process)):
        peak = max(peak, now)
        time.sleep(0.02)
    return peak


def _tree(process: int) -> list[int]:
    found = [process]
    for member in found:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{member}/task/{member}/children").read_text()
            found += [int(child) for child in children.split()]
    return found


def _memory(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    found = re.search(r"^Pss_Anon: +(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
