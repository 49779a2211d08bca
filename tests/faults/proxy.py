"""A TCP proxy that misbehaves on request: slow, cut short, silent, broken, refusing, or simply counting.

    with FaultProxy(server.port) as proxy:
        proxy.behave(latency=0.05)
        proxy.behave(down=Cut(after=20_000, how="reset"))
        ...
        proxy.round_trips, proxy.bytes_down

`down` is from the server to the client, `up` the other way. A change of behaviour counts from the next byte, also
on connections that are open; the `after` of a fault counts the bytes of that connection in that direction.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal

Direction = Literal["up", "down"]
_CHUNK = 64 * 1024
_BY_DROPS = 20_000  # bytes a second


@dataclass(frozen=True)
class Cut:
    """Break the stream after that many bytes.

    close: an orderly end; reset: RST, as from a rebooted machine or a firewall; stall: open and silent until the
    behaviour changes; corrupt: one byte is changed and the stream goes on; slow: it goes on by drops; refuse: as reset,
    and new connections are refused until the behaviour changes.
    """

    after: int
    how: Literal["close", "reset", "stall", "corrupt", "slow", "refuse"] = "close"


@dataclass(frozen=True)
class Behaviour:
    """What the proxy does now. `latency` is one way, in seconds; `rate` in bytes a second, each way."""

    latency: float = 0.0
    rate: float | None = None
    up: Cut | None = None
    down: Cut | None = None
    refuse: bool = False  # accept and reset at once, which a client sees as a refused or broken connection
    hang: bool = False  # accept and never say anything


@dataclass
class _Stream:
    direction: Direction
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    passed: int = 0
    corrupted: bool = False


@dataclass
class Counts:
    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    round_trips: int = 0
    _last: dict[int, Direction] = field(default_factory=dict)

    def add(self, connection: int, direction: Direction, size: int) -> None:
        if direction == "up":
            self.bytes_up += size
        else:
            self.bytes_down += size
            # An answer after something was sent: one wait of the client for the network.
            self.round_trips += self._last.get(connection) == "up"
        self._last[connection] = direction


class FaultProxy:
    """Listens on a free loopback port and passes to `target_port`; its own thread, a context manager."""

    def __init__(self, target_port: int, *, target_host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """`tls` makes the proxy terminate TLS towards the client, with that context's certificate."""
        self._target = (target_host, target_port)
        self._tls = tls
        self._behaviour = Behaviour()
        self._changing = threading.Lock()
        self._counts = Counts()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    # What a test uses

    def behave(self, **changes: Any) -> None:
        """Misbehave in these ways (fields of `Behaviour`) from now on, and in no other; without any, be good again."""
        with self._changing:
            self._behaviour = Behaviour(**changes)

    @property
    def counts(self) -> Counts:
        return self._counts

    @property
    def round_trips(self) -> int:
        return self._counts.round_trips

    @property
    def bytes_up(self) -> int:
        return self._counts.bytes_up

    @property
    def bytes_down(self) -> int:
        return self._counts.bytes_down

    @property
    def connections(self) -> int:
        """How many connections were accepted since the last `reset_counts`."""
        return self._counts.connections

    def reset_counts(self) -> None:
        self._counts = Counts()

    def cut_all(self) -> None:
        """Reset every open connection now; new ones are served."""
        self._in_loop(self._reset_everything)

    # Life

    def __enter__(self) -> "FaultProxy":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._await(asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def _in_loop(self, call: Callable[[], None]) -> None:
        async def run() -> None:
            call()

        self._await(run())

    async def _close(self) -> None:
        self._server.close()
        self._reset_everything()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _reset_everything(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    # One connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._counts.connections += 1
        self._writers.add(writer)
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            # The server is away, a peer left, or the test is over: the client sees its connection end.
            pass
        finally:
            self._writers.discard(writer)
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._behaviour.refuse:
            _reset(writer)
            return
        await self._while(lambda: self._behaviour.hang)
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        self._writers.add(upstream_writer)
        connection = id(writer)
        try:
            streams = (_Stream("up", reader, upstream_writer), _Stream("down", upstream_reader, writer))
            await asyncio.gather(*(self._pass(connection, stream) for stream in streams))
        finally:
            self._writers.discard(upstream_writer)
            with contextlib.suppress(OSError, RuntimeError):
                upstream_writer.close()

    async def _while(self, condition: Callable[[], bool]) -> None:
        # The behaviour is changed from another thread, so there is no asyncio.Event to wait for.
        while condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _pass(self, connection: int, stream: _Stream) -> None:
        """Move one direction; reading never waits for the delay of what was read, so that latency is not rate."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)
        fill = asyncio.ensure_future(self._read(stream, queue))
        try:
            while True:
                due, data = await queue.get()
                delay = due - time.monotonic()
                if delay > 0:
                    await asyncio.sleep(delay)
                if not data:
                    with contextlib.suppress(OSError, RuntimeError):
                        if stream.writer.can_write_eof():
                            stream.writer.write_eof()
                        else:  # TLS cannot half-close
                            stream.writer.close()
                    return
                await self._write(connection, stream, data)
        finally:
            fill.cancel()

    async def _read(self, stream: _Stream, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        while True:
            try:
                data = await stream.reader.read(_CHUNK)
            except OSError:
                data = b""
            await queue.put((time.monotonic() + self._behaviour.latency, data))
            if not data:
                return

    async def _write(self, connection: int, stream: _Stream, data: bytes) -> None:
        cut: Cut | None = getattr(self._behaviour, stream.direction)
        if cut is not None and cut.how == "corrupt":
            data = _corrupt(stream, data, cut.after)
        elif cut is not None and stream.passed + len(data) > cut.after:
            room = max(0, cut.after - stream.passed)
            await self._send(connection, stream, data[:room])
            if cut.how == "slow":
                await self._send(connection, stream, data[room:], rate=_BY_DROPS)
                return
            await self._break(stream, cut)
            return
        await self._send(connection, stream, data)

    async def _send(self, connection: int, stream: _Stream, data: bytes, *, rate: float | None = None) -> None:
        if not data:
            return
        rate = rate or self._behaviour.rate
        size = len(data) if rate is None else max(1, int(rate / 50))
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            stream.passed += len(piece)
            # Before it is sent: a test reads the counts as soon as its client has the answer.
            self._counts.add(connection, stream.direction, len(piece))
            stream.writer.write(piece)
            await stream.writer.drain()
            if rate is not None:
                await asyncio.sleep(len(piece) / rate)

    async def _break(self, stream: _Stream, cut: Cut) -> None:
        if cut.how == "stall":
            await self._while(lambda: getattr(self._behaviour, stream.direction) == cut)
        elif cut.how in ("reset", "refuse"):
            if cut.how == "refuse":
                self._refuse_from_now_on(stream, cut)
            _reset(stream.writer)
        raise ConnectionAbortedError("cut as asked")

    def _refuse_from_now_on(self, stream: _Stream, cut: Cut) -> None:
        """Unless the behaviour has changed meanwhile: what a test asked for last is what counts."""
        with self._changing:
            if getattr(self._behaviour, stream.direction) == cut:
                self._behaviour = replace(self._behaviour, refuse=True)


def _corrupt(stream: _Stream, data: bytes, at: int) -> bytes:
    position = at - stream.passed
    if stream.corrupted or not 0 <= position < len(data):
        return data
    stream.corrupted = True
    return data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :]


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST instead of FIN: SO_LINGER with no time to linger."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
