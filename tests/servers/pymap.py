"""An IMAP server with neither CONDSTORE nor SPECIAL-USE: pymap, in a process of its own, mail on disk.

The same small interface as `Dovecot`. It is slow (500 emails a second) and announces MOVE, UIDPLUS and OBJECTID.
Its mail survives `stop` and `start`.
"""

import contextlib
import datetime as dt
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType

from pysasl.hashing import BuiltinHash

from tests.servers import imap_client, process
from tests.servers.imap_client import Delivery, FolderSnapshot
from tests.servers.process import LOOPBACK, Daemon

# Not the `pymap` script: that would be found only inside an activated environment.
_PROGRAM = "from pymap.main import main; main()"


class PymapServer:
    """A context manager; `start` and `stop` in between keep the mail and the port."""

    host = LOOPBACK

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self._passwords: dict[str, str] = {}

    def __enter__(self) -> "PymapServer":
        with contextlib.ExitStack() as opening:
            self.folder = opening.enter_context(process.private_folder("tl-pymap-"))
            self.port = process.free_port()
            # As ourselves: `nobody` could not read a Python under a home folder, and pymap needs no other user.
            self._daemon = Daemon(
                [
                    *(sys.executable, "-W", "ignore", "-c", _PROGRAM),
                    *("--host", LOOPBACK, "--port", str(self.port), "--no-tls"),
                    *("maildir", self.folder / "mail"),
                ],
                self.folder,
                self.folder / "output",
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
                as_ourselves=True,
            )
            opening.callback(self._daemon.stop)
            (self.folder / "mail").mkdir()
            self.start()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def start(self) -> None:
        self._daemon.start(lambda: process.greets(self.port))

    def stop(self) -> None:
        self._daemon.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def empty(self) -> None:
        """Without accounts and mail, on the same port: for the next test."""
        self._passwords.clear()
        for path in (self.folder / "mail").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not self._daemon.running:
            self.start()

    def add_user(self, name: str, password: str) -> None:
        self._passwords[name] = password
        self._write_users()

    def set_password(self, user: str, password: str) -> None:
        """Valid from the next sign-in."""
        self._passwords[user] = password
        self._write_users()

    def deliver(
        self,
        user: str,
        raw: bytes,
        folder: str = "INBOX",
        flags: Iterable[str] = (),
        internaldate: dt.datetime | None = None,
    ) -> None:
        """Let an email arrive in a folder, which is created when missing."""
        self.deliver_many(user, [Delivery(raw, folder, tuple(flags), internaldate)])

    def deliver_many(self, user: str, deliveries: Sequence[Delivery]) -> None:
        imap_client.append(LOOPBACK, self.port, user, self._passwords[user], deliveries)

    def snapshot(self, user: str) -> dict[str, FolderSnapshot]:
        """What the server itself holds, folder by folder; takes it read-only."""
        return imap_client.snapshot(LOOPBACK, self.port, user, self._passwords[user])

    def _write_users(self) -> None:
        """pymap reads its two account files at every sign-in; fields are ended by colons, as in passwd(5)."""
        users = (f"{_escaped(name)}:x::::{number}:" for number, name in enumerate(self._passwords))
        passwords = (
            f"{_escaped(name)}:{BuiltinHash(rounds=1).hash(password)}:::::::"
            for name, password in self._passwords.items()
        )
        for name, lines in (("pymap-etc-passwd", users), ("pymap-etc-shadow", passwords)):
            process.write_file(self.folder / "mail" / name, "".join(f"{line}\r\n" for line in lines))


def _escaped(text: str) -> str:
    return text.replace(":", "\\:")
