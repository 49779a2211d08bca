"""An HTTP client for addresses that a user, or a server a user named, may choose.

It connects only to what `threadline.providers.network` permits, checks every redirect in the same way, never
follows one from https to http, holds no more than `max_bytes` of an answer and gives up when `timeout` seconds are
over, however slowly the other side drips. It looks at no proxy or netrc of the machine.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from threadline.domain.causes import Cause
from threadline.domain.errors import Transient
from threadline.providers.network import Resolver, connect_guarded, system_resolver

MAX_BYTES = 256 * 1024
MAX_REDIRECTS = 3
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
) -> httpx.Client:
    """A client that raises ProviderError for what the network does and httpx.HTTPError for bad redirects.

    `timeout` is for one request as a whole: name, connection, redirects and body. The certificate is verified
    against the machine's authorities unless `tls` says otherwise.
    """
    return httpx.Client(
        transport=_GuardedTransport(allow, timeout, resolver, tls or ssl.create_default_context(), max_bytes),
        follow_redirects=True,
        max_redirects=max_redirects,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Threadline"},
    )


class _GuardedTransport(httpx.BaseTransport):
    def __init__(
        self, allow: frozenset[str], seconds: float, resolver: Resolver, tls: ssl.SSLContext, max_bytes: int
    ) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        # No connection is kept, so each request's deadline is that of its connection.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, max_keepalive_connections=0, network_backend=_GuardedBackend(allow, resolver)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        # httpx hands the extensions of a request on to the redirects it follows.
        deadline: float = request.extensions.setdefault(_DEADLINE, time.monotonic() + self._seconds)
        protected: bool = request.extensions.setdefault(_PROTECTED, request.url.scheme == "https")
        if protected and request.url.scheme != "https":
            raise Transient(f"{host} was to be asked without encryption, which we do not follow.")
        left = max(deadline - time.monotonic(), 0.001)
        try:
            answer = self._pool.handle_request(_to_core(request, left))
            try:
                body = self._read(answer, host)
            finally:
                answer.close()
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise Transient(f"{host} did not answer as a web server does.", answer=str(error)) from error
        except httpcore.TimeoutException as error:
            raise _silent(host) from error
        return httpx.Response(answer.status, headers=answer.headers, content=body)

    def _read(self, answer: httpcore.Response, host: str) -> bytes:
        # A compressed answer could unfold to any size; we asked for none.
        if any(name.lower() == b"content-encoding" and value != b"identity" for name, value in answer.headers):
            raise Transient(f"{host} sent a compressed answer, which was not asked for.")
        body = bytearray()
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise Transient(f"{host} sent more than {self._max_bytes // 1024} kB, so we stopped reading.")
        return bytes(body)

    def close(self) -> None:
        self._pool.close()


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
        seconds = timeout or 0.0
        deadline = time.monotonic() + seconds
        sock = connect_guarded(host, port, allow=self._allow, timeout=seconds, resolver=self._resolver)
        return _DeadlineStream(sock, host, deadline)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection on which every operation ends at one moment, instead of each having its own time-out."""

    def __init__(self, sock: socket.socket, host: str, deadline: float) -> None:
        self._sock = sock
        self._host = host
        self._deadline = deadline

    def _arm(self) -> None:
        left = self._deadline - time.monotonic()
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
