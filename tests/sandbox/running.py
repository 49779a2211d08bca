"""The sandbox's IMAP server inside the test's process, on a thread with its own event loop."""

from __future__ import annotations

import asyncio
import imaplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from threadline.sandbox.imap import Account, Faults, ImapServer, NewMessage, Options, Store

USER, PASSWORD = "alice@acme.example", "secret"
ARRIVED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Running:
    """A started server. What touches `account` goes through `do`: its SQLite file belongs to the server's thread."""

    def __init__(self, data_dir: Path, options: Options) -> None:
        self.data_dir = data_dir
        self.faults = Faults()
        self._options = options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def do(self, work: object) -> object:
        """Run a callable on the server's thread, where its SQLite files live, and return what it returns."""
        assert callable(work)

        async def run() -> object:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def append(self, *raws: bytes, folder: str = "INBOX", flags: frozenset[str] = frozenset()) -> list[int]:
        def work() -> list[int]:
            if folder not in self.account.folders:
                self.account.create_folder(folder)
            messages = [NewMessage(raw, ARRIVED, flags) for raw in raws]
            return self.account.append(self.account.folder(folder), messages)

        found = self.do(work)
        assert isinstance(found, list)
        return found

    @property
    def account(self) -> Account:
        found = self.store.account(USER)
        assert found
        return found

    def client(self) -> imaplib.IMAP4:
        found = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        found.login(USER, PASSWORD)
        return found

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.store = Store(self.data_dir)
        if not self.store.account(USER):
            self.store.create_account(USER, PASSWORD)
        self.server = ImapServer(self.store, options=self._options, faults=self.faults)
        self.port = await self.server.start()
        self._ready.set()
        await self._stop.wait()
        self.server.stop()
        await asyncio.sleep(0.05)
        self.store.close()


@contextmanager
def running(data_dir: Path, options: Options | None = None) -> Iterator[Running]:
    """A server over this data folder, stopped at the end."""
    server = Running(data_dir, options or Options())
    server.start()
    try:
        yield server
    finally:
        server.stop()
