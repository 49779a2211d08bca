"""The steps to an IMAP mailbox, from the name to the opened Inbox."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import ExitStack

from threadline.providers.contract import Security, ServerSettings, TokenSource
from threadline.providers.imap import signin
from threadline.providers.imap.channel import Channel
from threadline.providers.imap.connect import connect_tcp, resolve_endpoints
from threadline.providers.imap.parse import Status
from threadline.providers.imap.session import CONNECT_TIMEOUT, TIMEOUT, begin, secure
from threadline.providers.network import Endpoint, Resolver
from threadline.providers.probing import Attempt, ProbeStep, tried


def probe(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    resolve: Resolver | None = None,
    timeout: float = TIMEOUT,
    tls: ssl.SSLContext | None = None,
) -> list[ProbeStep]:
    """The steps up to the first that fails, that one included: each needs those before it."""
    with ExitStack() as opened:
        return tried(_Attempt(settings, tokens, resolve, timeout, tls, opened).steps())


class _Attempt(Attempt):
    """What one step hands to the next."""

    _endpoints: Sequence[Endpoint]
    _channel: Channel
    _greeting: Status

    def __init__(
        self,
        settings: ServerSettings,
        tokens: TokenSource,
        resolve: Resolver | None,
        timeout: float,
        tls: ssl.SSLContext | None,
        opened: ExitStack,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._resolve = resolve
        self._timeout = timeout
        self._tls = tls
        self._opened = opened

    def resolve_name(self) -> str:
        self._endpoints = resolve_endpoints(self._settings.host, self._settings.port, self._resolve)
        return f"{self._settings.host} is {', '.join(one.address for one in self._endpoints)}"

    def connect(self) -> str:
        connection = connect_tcp(self._settings.host, self._endpoints, min(self._timeout, CONNECT_TIMEOUT))
        self._channel = Channel(connection, self._settings.host)
        self._opened.callback(self._channel.close)
        self._channel.allow(4 * self._timeout, each=self._timeout)
        return f"port {self._settings.port} answers"

    def protect(self) -> str:
        self._greeting = secure(self._channel, self._settings, self._tls)
        if self._settings.security is Security.NONE:
            return "not encrypted, as asked for"
        return f"{self._channel.tls_version}, certificate valid for {self._settings.host}"

    def sign_in(self) -> str:
        if self._greeting.kind != "PREAUTH":
            signin.sign_in(self._channel, self._settings, self._tokens)
        return f"signed in as {self._settings.username}"

    def open(self) -> str:
        self.session = begin(self._channel, self._settings, self._greeting, None, self._timeout)
        return " ".join(self.session.capabilities())
