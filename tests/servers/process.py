"""Starting a server for a test: its own temporary folder, free ports, no root.

As root (a container, CI) every server runs as `nobody`: Dovecot and PostgreSQL refuse or dislike root, and a test
must not depend on it.
"""

import contextlib
import grp
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Below the kernel's range for outgoing connections (32768 and up on Linux), so that a port stays ours while a
# server is stopped for a moment.
PORT_RANGE = range(21000, 32000)
_SHARES = 16


class ServerMissing(RuntimeError):  # read as a sentence: the server is missing
    """The program is not installed. The tests that need it are reported as not run."""


class ServerFailed(RuntimeError):
    """The program is installed and did not start or answer. Carries its log."""


def unprivileged_user() -> pwd.struct_passwd:
    """Who the servers run as: us, or `nobody` when we are root."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def group_name(user: pwd.struct_passwd) -> str:
    return grp.getgrgid(user.pw_gid).gr_name


def _share_of_ports() -> Iterator[int]:
    """The ports this process hands out, each once before any comes again: processes that test at once have a share
    each, for between looking at a port and listening on it another could take it."""
    share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
    ports = PORT_RANGE[share::_SHARES]
    first = secrets.randbelow(len(ports))  # `random` begins anew inside of a property-based test
    return itertools.cycle([*ports[first:], *ports[:first]])


_ports = _share_of_ports()


def free_port() -> int:
    """A port nobody listens on now and no outgoing connection will be given later; another each time."""
    for port in itertools.islice(_ports, len(PORT_RANGE)):
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise ServerFailed("no free port was found on 127.0.0.1")


def find_program(name: str, *places: str) -> Path:
    """The program's path, also where Debian puts it outside an ordinary user's PATH."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", *places]))
    if found is None:
        raise ServerMissing(f"{name} is not installed")
    return Path(found)


@contextmanager
def private_folder(prefix: str) -> Iterator[Path]:
    """A folder with a short path (Unix sockets allow about 100 bytes) that belongs to the servers' user."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp" if Path("/tmp").is_dir() else None))
    try:
        folder.chmod(0o755)
        give_away(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_away(path: Path) -> Path:
    """Make the path the servers' user's own."""
    if os.getuid() == 0:
        user = unprivileged_user()
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def make_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return give_away(path)


def write_file(path: Path, content: str | bytes, *, mode: int = 0o600) -> Path:
    """Write it whole or not at all: a server may read it at any moment."""
    data = content.encode() if isinstance(content, str) else content
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    new.chmod(mode)
    give_away(new)
    new.replace(path)
    return path


@dataclass(frozen=True)
class _Identity:
    user: int | None = None
    group: int | None = None
    extra_groups: list[int] | None = None

    @classmethod
    def current(cls) -> "_Identity":
        if os.getuid() != 0:
            return cls()
        user = unprivileged_user()
        return cls(user.pw_uid, user.pw_gid, [])


def run(
    arguments: Sequence[str | Path],
    *,
    cwd: Path,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end as the servers' user; what it said is in the error."""
    identity = _Identity.current()
    done = subprocess.run(
        [str(part) for part in arguments],
        cwd=cwd,
        input=stdin if stdin is not None else b"",
        env=dict(env) if env is not None else None,
        capture_output=True,
        check=False,
        timeout=timeout,
        user=identity.user,
        group=identity.group,
        extra_groups=identity.extra_groups,
    )
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace")
        raise ServerFailed(f"{Path(str(arguments[0])).name} ended with {done.returncode}: {said}")
    return done


@dataclass
class Daemon:
    """A server process in the foreground, in a session of its own, so that its children end with it."""

    arguments: Sequence[str | Path]
    folder: Path
    log: Path
    env: Mapping[str, str] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    as_ourselves: bool = False
    grace: float = 10.0  # seconds to end in before it is killed
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], bool], *, within: float = 15) -> None:
        """Return once `ready()` is true; raise with the server's log when it ends or stays silent."""
        identity = _Identity() if self.as_ourselves else _Identity.current()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in self.arguments],
                cwd=self.folder,
                env=dict(self.env) if self.env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=identity.user,
                group=identity.group,
                extra_groups=identity.extra_groups,
            )
        give_away(self.log)
        deadline = time.monotonic() + within
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"{Path(str(self.arguments[0])).name} did not start: {self.read_log()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it and whatever it started; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=self.grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def read_log(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""


def greets(port: int, expected: bytes = b"* OK") -> bool:
    """Whether a server on this loopback port sends its greeting."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            return connection.recv(len(expected)).startswith(expected)
    except OSError:
        return False
