"""The program as people run it: `threadline serve` in processes of its own, on a data folder of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.servers import process

PROGRAM = [sys.executable, "-m", "threadline.cli"]
READY = "Ctrl-C stops"
SECONDS = 60.0


class Installation:
    """A context manager; `start` and `stop` in between keep the data and the port."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        self.folder = folder
        self.port = process.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._output = folder.with_name(f"{folder.name}.out")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLINE_", "DATABASE"))}
        blocked = os.environ["THREADLINE_TEST_BLOCKED"]
        self.environment = kept | {"THREADLINE_DATA_DIR": str(folder), "THREADLINE_TEST_BLOCKED": blocked} | settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Installation:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.stop()

    def start(self) -> str:
        """Start the program; what it printed until it was ready."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*PROGRAM, "serve", "--port", str(self.port), *self._options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS
        while READY not in self.printed:
            assert self._process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)
        return self.printed

    def stop(self) -> int:
        """What Ctrl-C does; the exit status."""
        assert self._process is not None
        running, self._process = self._process, None
        running.send_signal(signal.SIGINT)
        try:
            return running.wait(timeout=SECONDS)
        finally:
            running.kill()

    @property
    def printed(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    @property
    def set_up_address(self) -> str:
        found = re.search(r"http://\S+/setup/\?token=\S+", self.printed)
        assert found is not None, self.printed
        return found[0]

    def processes(self) -> dict[int, str]:
        """Every running process that works on this data folder, but for the tests themselves, by its number."""
        found = {}
        for place in Path("/proc").iterdir():
            try:
                environment = (place / "environ").read_bytes().split(b"\0")
                command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # not a process, somebody else's, or gone meanwhile
                continue
            if f"THREADLINE_DATA_DIR={self.folder}".encode() in environment and command:
                found[int(place.name)] = command
        return found

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`threadline ...` on the same data folder."""
        return subprocess.run(
            [*PROGRAM, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """The JSON lines of a command that must succeed: one value, or a list of them."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return found[0] if len(found) == 1 else found

    def lines(self, *arguments: str) -> list[Any]:
        found = self.json(*arguments)
        return found if isinstance(found, list) else [found]
