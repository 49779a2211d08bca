"""Is there an IMAP server? Reads its greeting and checks its certificate; sends no name and no password."""

from __future__ import annotations

import socket
import ssl
import time

from threadline.domain.causes import Cause
from threadline.domain.errors import Transient
from threadline.providers.contract import Security
from threadline.providers.detection.inquiry import Inquiry
from threadline.providers.guarded_http import trouble
from threadline.providers.network import connect_guarded

_LONGEST_LINE = 4096
_MOST_LINES = 20


def greet(inquiry: Inquiry, host: str, port: int, security: Security, seconds: float) -> None:
    """Returns when an IMAP server with a valid certificate answers; else a ProviderError says why not."""
    seconds = inquiry.seconds(seconds)
    deadline = time.monotonic() + seconds
    sock = connect_guarded(host, port, allow=inquiry.allow, timeout=seconds, resolver=inquiry.means.resolver)
    try:
        with _Line(sock, host, deadline) as line:
            if security is Security.TLS:
                line.protect(inquiry.tls)
            line.expect_greeting()
            if security is Security.STARTTLS:
                line.ask_for_tls()
                line.protect(inquiry.tls)
    except OSError as error:
        raise trouble(error, host) from error


class _Line:
    """A connection read line by line until a deadline."""

    def __init__(self, sock: socket.socket, host: str, deadline: float) -> None:
        self._sock = sock
        self._host = host
        self._deadline = deadline
        self._buffer = b""

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def _arm(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)

    def protect(self, tls: ssl.SSLContext) -> None:
        self._arm()
        self._sock = tls.wrap_socket(self._sock, server_hostname=self._host)

    def expect_greeting(self) -> None:
        greeting = self._read()
        if not greeting.upper().startswith((b"* OK", b"* PREAUTH")):
            raise self._not_imap()

    def ask_for_tls(self) -> None:
        self._arm()
        self._sock.sendall(b"t STARTTLS\r\n")
        for _ in range(_MOST_LINES):  # untagged lines may come first (RFC 9051 section 7)
            answer = self._read().upper()
            if answer.startswith(b"T OK"):
                return
            if not answer.startswith(b"*"):
                break
        raise Transient(f"{self._host} does not offer encryption.", cause=Cause.NOT_A_MAIL_SERVER)

    def _read(self) -> bytes:
        while b"\n" not in self._buffer:
            self._arm()
            received = self._sock.recv(_LONGEST_LINE)
            if not received or len(self._buffer) > _LONGEST_LINE:
                raise self._not_imap()
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _not_imap(self) -> Transient:
        return Transient(f"{self._host} did not greet as a mail server does.", cause=Cause.NOT_A_MAIL_SERVER)
