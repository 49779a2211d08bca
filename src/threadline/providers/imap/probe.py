"""A connection tried step by step, for `doctor` and for the check while connecting: which step fails, and why."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum

from threadline.domain.errors import NeedsAdmin, ProviderError
from threadline.domain.folders import Role
from threadline.providers.contract import RemoteFolder, Security, ServerSettings, TokenSource
from threadline.providers.imap import signin
from threadline.providers.imap.channel import Channel
from threadline.providers.imap.connect import connect_tcp, resolve_endpoints
from threadline.providers.imap.parse import Status
from threadline.providers.imap.session import CONNECT_TIMEOUT, TIMEOUT, ImapSession, begin, secure
from threadline.providers.network import Endpoint, Resolver


class Step(Enum):
    """What is tried, in this order. The value is the word on the command line."""

    NAME_RESOLUTION = "name_resolution"
    CONNECT = "connect"
    TLS = "tls"
    SIGN_IN = "sign_in"
    CAPABILITIES = "capabilities"
    FOLDERS = "folders"
    READ_ONLY_OPEN = "read_only_open"


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """How one step went. `error` says what it means and who must act."""

    step: Step
    ok: bool
    detail: str
    error: ProviderError | None = None


def probe(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    resolve: Resolver | None = None,
    timeout: float = TIMEOUT,
    tls: ssl.SSLContext | None = None,
) -> list[ProbeStep]:
    """The steps up to the first that fails, that one included: each needs those before it."""
    steps: list[ProbeStep] = []
    with ExitStack() as opened:
        attempt = _Attempt(settings, tokens, resolve, timeout, tls, opened)
        for step, run in attempt.steps():
            try:
                steps.append(ProbeStep(step, True, run()))
            except ProviderError as error:
                steps.append(ProbeStep(step, False, str(error), error))
                break
    return steps


class _Attempt:
    """What one step hands to the next."""

    _endpoints: Sequence[Endpoint]
    _channel: Channel
    _greeting: Status
    _session: ImapSession
    _folders: list[RemoteFolder]

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

    def steps(self) -> Iterator[tuple[Step, Callable[[], str]]]:
        yield Step.NAME_RESOLUTION, self._resolve_name
        yield Step.CONNECT, self._connect
        yield Step.TLS, self._protect
        yield Step.SIGN_IN, self._sign_in
        yield Step.CAPABILITIES, self._capabilities
        yield Step.FOLDERS, self._list_folders
        yield Step.READ_ONLY_OPEN, self._open_inbox

    def _resolve_name(self) -> str:
        self._endpoints = resolve_endpoints(self._settings.host, self._settings.port, self._resolve)
        return f"{self._settings.host} is {', '.join(one.address for one in self._endpoints)}"

    def _connect(self) -> str:
        connection = connect_tcp(self._settings.host, self._endpoints, min(self._timeout, CONNECT_TIMEOUT))
        self._channel = Channel(connection, self._settings.host)
        self._opened.callback(self._channel.close)
        self._channel.allow(4 * self._timeout, each=self._timeout)
        return f"port {self._settings.port} answers"

    def _protect(self) -> str:
        self._greeting = secure(self._channel, self._settings, self._tls)
        if self._settings.security is Security.NONE:
            return "not encrypted, as asked for"
        return f"{self._channel.tls_version}, certificate valid for {self._settings.host}"

    def _sign_in(self) -> str:
        if self._greeting.kind != "PREAUTH":
            signin.sign_in(self._channel, self._settings, self._tokens)
        return f"signed in as {self._settings.username}"

    def _capabilities(self) -> str:
        self._session = begin(self._channel, self._settings, self._greeting, None, self._timeout)
        return " ".join(self._session.capabilities())

    def _list_folders(self) -> str:
        self._folders = self._session.folders()
        named = [
            f"{word}: {folder.name}"
            for word, role in (("Inbox", Role.INBOX), ("Sent", Role.SENT))
            for folder in self._folders
            if folder.role is role
        ]
        return f"{len(self._folders)} folders; {', '.join(named) or 'no Inbox and no Sent folder'}"

    def _open_inbox(self) -> str:
        inbox = next((folder for folder in self._folders if folder.role is Role.INBOX), None)
        if inbox is None:
            raise NeedsAdmin("The mail server shows no Inbox that can be opened.")
        return f"{len(self._session.list_ids(inbox).ids)} emails in {inbox.name}, opened read-only"
