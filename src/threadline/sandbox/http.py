"""A very small HTTP/1.1 server for the control API: one JSON answer per connection, on loopback, behind a token."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

Json = Mapping[str, object]
_LARGEST_HEAD = 16 * 1024
_LARGEST_BODY = 64 * 1024 * 1024  # an email with attachments, in base64
_SECONDS = 60


class ProblemError(Exception):
    """The request cannot be answered; the sentence says why."""

    def __init__(self, sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request that carried the token. `body` is the JSON object sent, or the query of a GET."""

    method: str
    path: str
    body: Json


Handler = Callable[[Request], Awaitable[Json]]


class HttpServer:
    """Answers each request with what the handler returns."""

    def __init__(self, handler: Handler, token: str) -> None:
        self._handler = handler
        self._token = token
        self._listener: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; the port taken. OSError when it is in use."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=_LARGEST_HEAD)
        return int(self._listener.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Stop listening."""
        if self._listener:
            self._listener.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                status, answer = await self._answer(reader)
            body = json.dumps(answer, ensure_ascii=False).encode()
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass  # Nobody is waiting for an answer any more.
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, Json]:
        try:
            request = await self._read(reader)
            return HTTPStatus.OK, await self._handler(request)
        except ProblemError as problem:
            return problem.status, {"error": str(problem)}

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.LimitOverrunError:
            raise ProblemError("The request's header is too long", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from None
        first, *lines = head.split("\r\n")
        words = first.split(" ")
        if len(words) != 3:
            raise ProblemError("This is not an HTTP request")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            raise ProblemError("The control API needs the token from its token file", HTTPStatus.UNAUTHORIZED)
        url = urlsplit(words[1])
        if words[0] == "GET":
            return Request("GET", url.path, dict(parse_qsl(url.query)))
        return Request(words[0], url.path, await self._body(reader, headers.get("content-length", "0")))

    async def _body(self, reader: asyncio.StreamReader, declared: str) -> Json:
        if not declared.isdecimal() or int(declared) > _LARGEST_BODY:
            raise ProblemError("The request's body is too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        raw = await reader.readexactly(int(declared))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            raise ProblemError("The request's body is not JSON") from None
        if not isinstance(body, dict):
            raise ProblemError("The request's body must be a JSON object")
        return body
