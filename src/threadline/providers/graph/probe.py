"""The steps to a Microsoft 365 mailbox, from the name to the opened Inbox."""

from __future__ import annotations

import ssl
from contextlib import ExitStack

from threadline.domain.errors import Transient
from threadline.providers.contract import Security, ServerSettings, TokenSource
from threadline.providers.graph.session import TIMEOUT, GraphSession, unopened
from threadline.providers.guarded_http import trouble
from threadline.providers.network import connect_guarded, resolve_guarded
from threadline.providers.probing import Attempt, ProbeStep, tried

_CONNECT_TIMEOUT = 15.0


def probe(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    allow: frozenset[str],
    timeout: float = TIMEOUT,
    tls: ssl.SSLContext | None = None,
) -> list[ProbeStep]:
    """The steps up to the first that fails, that one included: each needs those before it."""
    with ExitStack() as opened:
        return tried(_Attempt(settings, tokens, allow, timeout, tls, opened).steps())


class _Attempt(Attempt):
    """What one step hands to the next."""

    _opened_session: GraphSession

    def __init__(
        self,
        settings: ServerSettings,
        tokens: TokenSource,
        allow: frozenset[str],
        timeout: float,
        tls: ssl.SSLContext | None,
        opened: ExitStack,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._allow = allow
        self._timeout = timeout
        self._tls = tls
        self._opened = opened

    def resolve_name(self) -> str:
        found = resolve_guarded(self._settings.host, self._settings.port, allow=self._allow)
        return f"{self._settings.host} is {', '.join(one.address for one in found)}"

    def connect(self) -> str:
        self._sock = self._opened.enter_context(
            connect_guarded(self._settings.host, self._settings.port, allow=self._allow, timeout=_CONNECT_TIMEOUT)
        )
        return f"port {self._settings.port} answers"

    def protect(self) -> str:
        if self._settings.security is Security.NONE:
            return "not encrypted, as asked for"
        context = self._tls or ssl.create_default_context()
        try:
            with context.wrap_socket(self._sock, server_hostname=self._settings.host) as protected:
                return f"{protected.version()}, certificate valid for {self._settings.host}"
        except OSError as error:
            raise trouble(error, self._settings.host) from error

    def sign_in(self) -> str:
        """A token may be at hand, and not be taken any more: Microsoft is asked whose it is."""
        if not self._tokens.access_token():
            raise Transient("There is no sign-in at Microsoft to try.")
        self._opened_session = unopened(
            self._settings, self._tokens, allow=self._allow, timeout=self._timeout, tls=self._tls
        )
        self._opened.callback(self._opened_session.close)
        self._opened_session.identity()
        return f"signed in as {self._settings.username}"

    def open(self) -> str:
        self._opened_session.look()
        self.session = self._opened_session
        return ", ".join(self.session.capabilities())
