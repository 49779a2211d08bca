"""An HTTP client for addresses that a user, or a server a user named, may choose.

It connects only to what `threadline.providers.network` permits, checks every redirect in the same way, never
follows one from https to http, holds no more than `max_bytes` of an answer and gives up when `timeout` seconds are
over, however slowly the other side drips. It looks at no proxy or netrc of the machine.

A request may bring limits of its own in its extensions: `SECONDS` for the whole of it, `MOST` bytes of its answer.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from threadline.domain.causes import Cause
from threadline.domain.errors import Transient
from threadline.providers.network import Resolver, connect_guarded, system_resolver

MAX_BYTES = 256 * 1024
MAX_REDIRECTS = 3
SECONDS = "threadline.seconds"
MOST = "threadline.most"
_DEADLINE = "threadline.deadline"
_PROTECTED = "threadline.protected"


def guarded_client(
    allow: frozenset[str],
    timeout: float,
    *,
    resolver: Resolver = system_resolver,
    tls: ssl.SSLContext | None = None,
    max_bytes: int = MAX_BYTES,
    max_redirects: int = MAX_REDIRECTS,
    keep: int = 0,
) -> httpx.Client:
    """A client that raises ProviderError for what the network does and httpx.HTTPError for bad redirects.

    `timeout` is for one request as a whole: name, connection, redirects and body. The certificate is verified
    against the machine's authorities unless `tls` says otherwise. `keep`: how many connections stay open for the
    requests after them.
    """
    return httpx.Client(
        transport=_GuardedTransport(allow, timeout, resolver, tls or ssl.create_default_context(), max_bytes, keep),
        follow_redirects=True,
        max_redirects=max_redirects,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Threadline"},
    )


class _GuardedTransport(httpx.BaseTransport):
    def __init__(
        self, allow: frozenset[str], seconds: float, resolver: Resolver, tls: ssl.SSLContext, max_bytes: int, keep: int
    ) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, max_keepalive_connections=keep, network_backend=_GuardedBackend(allow, resolver)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        seconds: float = request.extensions.get(SECONDS, self._seconds)
        # httpx hands the extensions of a request on to the redirects it follows.
        deadline: float = request.extensions.setdefault(_DEADLINE, time.monotonic() + seconds)
        protected: bool = request.extensions.setdefault(_PROTECTED, request.url.scheme == "https")
        if protected and request.url.scheme != "https":
            raise Transient(f"{host} was to be asked without encryption, which we do not follow.")
        left = max(deadline - time.monotonic(), 0.001)
        with _until(deadline), _meaning(host):
            answer = self._pool.handle_request(_to_core(request, left))
        most: int = request.extensions.get(MOST, self._max_bytes)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, host, deadline, most))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer as it comes, within the limits of its request."""

    def __init__(self, answer: httpcore.Response, host: str, deadline: float, most: int) -> None:
        self._answer = answer
        self._host = host
        self._deadline = deadline
        self._most = most

    def __iter__(self) -> Iterator[bytes]:
        # A compressed answer could unfold to any size; we asked for none.
        for name, value in self._answer.headers:
            if name.lower() == b"content-encoding" and value != b"identity":
                raise Transient(f"{self._host} sent a compressed answer, which was not asked for.")
        size, chunks = 0, self._answer.iter_stream()
        while True:
            with _until(self._deadline), _meaning(self._host):
                chunk = next(chunks, None)
            if chunk is None:
                return
            size += len(chunk)
            if size > self._most:
                raise Transient(f"{self._host} sent more than {self._most // 1024} kB, so we stopped reading.")
            yield chunk

    def close(self) -> None:
        self._answer.close()


_due = threading.local()  # the deadline of the request that this thread is at: a connection may serve several


@contextmanager
def _until(deadline: float) -> Iterator[None]:
    before = getattr(_due, "deadline", None)
    _due.deadline = deadline
    try:
        yield
    finally:
        _due.deadline = before


@contextmanager
def _meaning(host: str) -> Iterator[None]:
    try:
        yield
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise Transient(f"{host} did not answer as a web server does.", answer=str(error)) from error
    except httpcore.TimeoutException as error:
        raise _silent(host) from error


def _to_core(request: httpx.Request, seconds: float) -> httpcore.Request:
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions={"timeout": {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}},
    )


class _GuardedBackend(httpcore.NetworkBackend):
    def __init__(self, allow: frozenset[str], resolver: Resolver) -> None:
        self._allow = allow
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  the signature is httpcore's
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        sock = connect_guarded(host, port, allow=self._allow, timeout=timeout or 0.0, resolver=self._resolver)
        return _DeadlineStream(sock, host)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection on which all operations of a request end at one moment, instead of each having its own time-out."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._sock = sock
        self._host = host

    def _arm(self) -> None:
        left = _due.deadline - time.monotonic()
        if left <= 0:
            raise _silent(self._host)
        self._sock.settimeout(left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._arm()
        try:
            return self._sock.recv(max_bytes)
        except OSError as error:
            raise trouble(error, self._host) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._arm()
        try:
            self._sock.sendall(buffer)
        except OSError as error:
            raise trouble(error, self._host) from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        try:
            self._arm()
            self._sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname or self._host)
        except OSError as error:
            self._sock.close()
            raise trouble(error, self._host) from error
        except Transient:
            self._sock.close()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # of an idle connection: the other side has closed it
            polled = select.poll()
            polled.register(self._sock, select.POLLIN)
            return bool(polled.poll(0))
        return self._sock if info == "ssl_object" and isinstance(self._sock, ssl.SSLSocket) else None


def trouble(error: OSError, host: str) -> Transient:
    """What an error of a connection or a TLS handshake means, in a sentence that names the host."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Transient(
            f"The certificate of {host} is not valid, so we cannot be sure that this is the right server.",
            cause=Cause.CERTIFICATE_INVALID,
            answer=error.verify_message,
        )
    if isinstance(error, TimeoutError):
        return _silent(host)
    return Transient(
        f"The connection to {host} broke off.",
        cause=Cause.CONNECTION_LOST,
        answer=error.strerror or str(error),
    )


def _silent(host: str) -> Transient:
    return Transient(f"{host} took the connection but did not answer in time.", cause=Cause.HOST_SILENT)
