"""A PostgreSQL cluster for a test run: made in a temporary folder, reached by a Unix socket, gone afterwards."""

import contextlib
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from tests.servers import process
from tests.servers.process import Daemon, ServerMissing

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "lc_messages": "C",
}


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`, which Debian keeps out of the PATH. The newest version that is there."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise ServerMissing("PostgreSQL is not installed")
    return Path(on_path).resolve().parent


class PostgresServer:
    """A context manager; `create_database` gives the address of a new empty database."""

    USER = "threadline"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """`settings` take the place of those for tests, which wait for no disk."""
        self._settings = _SETTINGS | dict(settings or {})
        self._programs = find_programs()
        self._open = contextlib.ExitStack()
        self._made = 0

    def __enter__(self) -> "PostgresServer":
        with contextlib.ExitStack() as opening:
            self.folder = opening.enter_context(process.private_folder("tl-postgres-"))
            self._data = process.make_folder(self.folder / "data")
            self._data.chmod(0o700)
            process.run(
                [
                    *(self._programs / "initdb", "--no-sync", "--no-instructions", "--auth=trust"),
                    *("-D", self._data, "-U", self.USER, "--encoding=UTF8", "--locale=C.UTF-8"),
                ],
                cwd=self.folder,
            )
            options = [f"-c{name}={value}" for name, value in self._settings.items()]
            self._daemon = Daemon(
                [self._programs / "postgres", "-D", self._data, "-k", self.folder, *options],
                self.folder,
                self.folder / "output",
                stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
            )
            opening.callback(self._daemon.stop)
            self._daemon.start(self._ready)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def url(self, database: str = "postgres") -> str:
        """The address for DATABASE_URL."""
        return f"postgresql://{self.USER}@/{database}?host={quote(str(self.folder), safe='/')}"

    def create_database(self) -> str:
        """A new empty database; its address."""
        self._made += 1
        name = f"made_{self._made}"
        process.run([self._programs / "createdb", "-h", self.folder, "-U", self.USER, name], cwd=self.folder)
        return self.url(name)

    def _ready(self) -> bool:
        answer = process.run([self._programs / "pg_isready", "-q", "-h", self.folder], cwd=self.folder, check=False)
        return answer.returncode == 0
