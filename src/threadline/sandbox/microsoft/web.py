"""HTTP/1.1 on loopback as a client of a large service meets it: kept connections, TLS where wanted, faults on demand.

The handler turns a `Request` into an `Answer`. What is then done to the answer on its way (cut short, held back,
never sent) is the `Fault` it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

_LARGEST_HEAD = 64 * 1024
_LARGEST_BODY = 16 * 1024 * 1024
_IDLE_SECONDS = 120
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    """A request read whole. Header names are in lower case; `path` is decoded, `target` is as it was sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    base: str = ""  # scheme and authority this request was sent to
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)

    @property
    def form(self) -> dict[str, str]:
        """The body as an HTML form sends it."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> dict[str, object]:
        """The body as a JSON object; ValueError where it is none."""
        found = json.loads(self.body or b"{}")
        if not isinstance(found, dict):
            raise ValueError("not an object")  # noqa: TRY004  (callers catch what json raises)
        return found

    def prefers(self, name: str) -> str | None:
        """The value of a preference (RFC 7240), "" for one without a value, None where it was not sent."""
        for piece in self.headers.get("prefer", "").split(","):
            key, _, value = piece.strip().partition("=")
            if key.strip().lower() == name.lower():
                return value.strip().strip('"')
        return None


@dataclass(slots=True)
class Fault:
    """What happens to an answer on its way."""

    delay: float = 0.0  # seconds before it
    hang: bool = False  # the head of the answer is sent, nothing more, and the connection stays
    drop: bool = False  # the connection ends without an answer
    cut: bool = False  # half of the body, then the connection ends


@dataclass(slots=True)
class Answer:
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of JSON, without the spaces, as the service writes it."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def as_html(text: str, status: int = 200) -> Answer:
    """A page."""
    return Answer(status, text.encode(), {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})


def redirect(location: str) -> Answer:
    """302 to that place."""
    return Answer(302, b"", {"Location": location})


Handler = Callable[[Request], Awaitable[Answer]]


class WebServer:
    """Answers each request with what the handler returns."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def running(self) -> bool:
        return self._listener is not None

    @property
    def base(self) -> str:
        """Scheme and authority of this server."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> int:
        """Listen; the port taken. OSError when it is in use."""
        self._listener = await asyncio.start_server(
            self._accept, "127.0.0.1", port or self.port, limit=_LARGEST_HEAD, ssl=self._tls
        )
        self.port = int(self._listener.sockets[0].getsockname()[1])
        return self.port

    def stop(self) -> None:
        """Stop listening and drop the connections."""
        if self._listener:
            self._listener.close()
            self._listener = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # The client went away.
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False where the connection ends after it."""
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                request = await read_request(reader, self.base)
        except (ValueError, asyncio.LimitOverrunError):
            await self._send(writer, Answer(HTTPStatus.BAD_REQUEST), keep=False)
            return False
        answer = await self._handler(request)
        fault = answer.fault or Fault()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop:
            writer.transport.abort()
            return False
        keep = request.headers.get("connection", "").lower() != "close" and not fault.cut
        await self._send(writer, answer, keep=keep, without_body=request.method == "HEAD")
        return keep

    async def _send(
        self, writer: asyncio.StreamWriter, answer: Answer, *, keep: bool, without_body: bool = False
    ) -> None:
        fault = answer.fault or Fault()
        headers = dict(answer.headers)
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            # Of an answer that hangs, more is announced than will ever come.
            headers["Content-Length"] = "65536" if fault.hang else str(len(answer.body))
        if not keep:
            headers["Connection"] = "close"
        phrase = _PHRASES.get(answer.status, "")
        lines = [f"HTTP/1.1 {int(answer.status)} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        if fault.hang:
            await writer.drain()
            await asyncio.sleep(3600)
        if fault.cut:
            writer.write(answer.body[: len(answer.body) // 2])
        elif not without_body:
            writer.write(answer.body)
        await writer.drain()


async def read_request(reader: asyncio.StreamReader, base: str) -> Request:
    """The next request of the connection. IncompleteReadError at its end, ValueError for what is no HTTP."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    host = headers.get("host")
    if host:
        base = f"{base.partition('://')[0]}://{host}"
    request = parse_target(method, target, headers, base)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        request.body = await _chunks(reader)
    else:
        length = int(headers.get("content-length") or 0)
        if not 0 <= length <= _LARGEST_BODY:
            raise ValueError("too large")
        request.body = await reader.readexactly(length)
    return request


def parse_target(method: str, target: str, headers: Mapping[str, str], base: str, body: bytes = b"") -> Request:
    """A request for this target, path and query taken apart. In the query `+` is a space, as OData reads it."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Request(method, target, headers, body, base, unquote(url.path), query)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if len(body) + size > _LARGEST_BODY:
            raise ValueError("too large")
        body += (await reader.readexactly(size + 2))[:-2]
        if not size:
            return bytes(body)
