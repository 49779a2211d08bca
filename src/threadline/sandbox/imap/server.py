"""The listener: accepts connections, and can be stopped and started again on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from threadline.sandbox.imap.commands import COMMANDS
from threadline.sandbox.imap.faults import Faults
from threadline.sandbox.imap.session import LONGEST_LINE, Options, Session
from threadline.sandbox.imap.store import Store

__all__ = ["ImapServer", "Options"]

HOST = "127.0.0.1"
_MOST_CONNECTIONS = 200


class ImapServer:
    """An IMAP server on loopback, over one store. `port` is 0 until the first start."""

    def __init__(
        self,
        store: Store,
        *,
        options: Options | None = None,
        faults: Faults | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.store = store
        self.options = options or Options()
        self.faults = faults or Faults()
        self.port = 0
        self._tls = tls
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def running(self) -> bool:
        return self._listener is not None

    async def start(self, port: int = 0) -> int:
        """Listen, on the port of the last start where none is given. OSError when it is taken."""
        if self._listener is None:
            wanted = port or self.port
            self._listener = await asyncio.start_server(
                self._accept, HOST, wanted, limit=LONGEST_LINE, ssl=self._tls, reuse_address=True
            )
            self.port = self._listener.sockets[0].getsockname()[1]
        return self.port

    def stop(self) -> None:
        """Refuse new connections and drop those there are, without a word: the machine is gone."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.drop_connections()

    def drop_connections(self) -> None:
        """Cut every connection."""
        for writer in list(self._connections):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _MOST_CONNECTIONS:
            writer.write(b"* BYE [ALERT] Too many connections.\r\n")
            writer.close()
            return
        self._connections.add(writer)
        try:
            await Session(reader, writer, self.store, self.options, self.faults, COMMANDS).serve()
            await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass  # The client went away; it has nobody left to be told.
        finally:
            self._connections.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
