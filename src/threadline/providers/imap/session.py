"""`Session` over IMAP (RFC 9051, RFC 3501): one connection, read-only.

Failures leave as the vocabulary of `threadline.domain.errors`; no OSError, no ssl error, nothing of this package.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from threadline.providers.contract import (
    Besides,
    ChangePage,
    Content,
    FetchFailure,
    FolderIds,
    FolderMark,
    Found,
    Held,
    Identity,
    Query,
    RemoteFolder,
    RemoteItem,
    Security,
    ServerSettings,
    TokenSource,
)
from threadline.providers.imap import elsewhere, fetching, finding, folders, listing, signin, streaming, uids
from threadline.providers.imap.channel import Channel
from threadline.providers.imap.connect import connect_tcp, resolve_endpoints
from threadline.providers.imap.desk import Desk
from threadline.providers.imap.errors import Phase
from threadline.providers.imap.parse import Status
from threadline.providers.network import Resolver

TIMEOUT = 60.0  # for one read: servers search large folders for a while before they say a word
CONNECT_TIMEOUT = 15.0
SIGN_IN_TIMEOUT = 90.0  # for greeting, TLS, sign-in together, however slowly a server drips


def client_identification() -> dict[str, str]:
    """What we tell servers about ourselves (RFC 2971)."""
    return {"name": "Threadline", "version": version("threadline")}


class ImapSession:
    """An open, signed-in, read-only mailbox. Not thread-safe."""

    def __init__(self, channel: Channel, settings: ServerSettings, greeting: Status) -> None:
        self._channel = channel
        self._settings = settings
        self._desk = Desk(channel, greeting.text)

    def identity(self) -> Identity:
        host = self._settings.host.strip().lower().rstrip(".")
        return Identity(subject=f"{host}/{self._settings.username}", address=self._settings.username)

    def capabilities(self) -> tuple[str, ...]:
        return self._channel.capabilities

    def notices(self) -> tuple[str, ...]:
        """What the server said beside its answers: alerts, refusals, goodbyes; the newest last."""
        return tuple(notice.answer for notice in self._channel.notices)

    def folders(self) -> list[RemoteFolder]:
        return folders.folders(self._channel)

    def changes(self, folder: RemoteFolder, held: Held) -> Iterator[ChangePage]:
        return listing.changes(self._desk, folder.remote_name, held)

    def fetch(
        self, folder: RemoteFolder, generation: str, items: Sequence[RemoteItem]
    ) -> Iterator[Content | FetchFailure]:
        return fetching.fetch(self._desk, folder.remote_name, generation, items)

    def list_ids(self, folder: RemoteFolder) -> FolderIds:
        snapshot = self._desk.examine(folder.remote_name)
        found = self._desk.all_ids(folder.remote_name, snapshot)
        highest = found[-1][1] if found else 0
        return FolderIds(
            generation=snapshot.generation,
            ids=frozenset(str(uid) for uid in uids.each(found)),
            listed_up_to=str(max(snapshot.uidnext or 0, highest + 1)),
        )

    def headers(
        self, folder: RemoteFolder, generation: str, remote_ids: Sequence[str]
    ) -> Iterator[tuple[RemoteItem, bytes]]:
        ids = sorted({int(uid) for uid in remote_ids if uid.isdecimal()}, reverse=True)
        return finding.headers(self._desk, folder.remote_name, generation, ids)

    def headings(
        self, folder: RemoteFolder, generation: str, items: Sequence[RemoteItem]
    ) -> Iterator[tuple[RemoteItem, bytes]]:
        return finding.headings(self._desk, folder.remote_name, generation, items)

    def marks(self, folders: Sequence[RemoteFolder]) -> dict[str, FolderMark]:
        return elsewhere.marks(self._desk, folders)

    def arrivals(self, folder: RemoteFolder, generation: str, since: str) -> Iterator[tuple[RemoteItem, bytes]]:
        return elsewhere.arrivals(self._desk, folder.remote_name, generation, since)

    def find(
        self, query: Query, *, folders: Sequence[RemoteFolder] = (), besides: Besides | None = None
    ) -> Iterator[Found]:
        return finding.find(self._desk, query, folders or self.folders(), besides)

    def stream_raw(self, folder: RemoteFolder, generation: str, remote_id: str) -> Iterator[bytes]:
        return streaming.partials(self._desk, folder.remote_name, generation, int(remote_id), "")

    def stream_part(self, folder: RemoteFolder, generation: str, remote_id: str, part: str) -> Iterator[bytes]:
        return streaming.part(self._desk, folder.remote_name, generation, int(remote_id), part)

    def close(self) -> None:
        """Says goodbye without waiting for the answer."""
        if self._channel.usable:
            self._channel.say_goodbye()
        self._channel.close()

    def __enter__(self) -> ImapSession:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def open_session(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    resolve: Resolver | None = None,
    timeout: float = TIMEOUT,
    patience: float | None = None,
    tls: ssl.SSLContext | None = None,
    client: Mapping[str, str] | None = None,
) -> ImapSession:
    """Connects and signs in.

    `resolve` turns the host into addresses it allows; without it the system's resolver does. `tls` replaces the default
    context, which verifies certificates against the system's authorities. `patience` is how many seconds the session
    has in all once it is open (None: no end).
    """
    endpoints = resolve_endpoints(settings.host, settings.port, resolve)
    each = min(timeout / len(endpoints), CONNECT_TIMEOUT)
    channel = Channel(connect_tcp(settings.host, endpoints, each), settings.host)
    with contextlib.ExitStack() as undo:
        undo.callback(channel.close)
        channel.allow(min(SIGN_IN_TIMEOUT, 4 * timeout), each=timeout)
        greeting = secure(channel, settings, tls)
        if greeting.kind != "PREAUTH":
            signin.sign_in(channel, settings, tokens)
        session = begin(channel, settings, greeting, client, timeout)
        channel.allow(patience, each=timeout)
        undo.pop_all()
    return session


def secure(channel: Channel, settings: ServerSettings, tls: ssl.SSLContext | None) -> Status:
    """TLS in the way the settings ask for, and the greeting."""
    if settings.security is Security.TLS:
        channel.turn_to_tls(tls)
    greeting = signin.greet(channel)
    if settings.security is Security.STARTTLS:
        signin.protect(channel, greeting, tls)
    return greeting


def begin(
    channel: Channel,
    settings: ServerSettings,
    greeting: Status,
    client: Mapping[str, str] | None,
    timeout: float,
) -> ImapSession:
    """Turns a signed-in connection into a session."""
    signin.need_capabilities(channel)
    signin.introduce(channel, client_identification() if client is None else client)
    channel.phase = Phase.COMMAND
    channel.allow(None, each=timeout)
    return ImapSession(channel, settings, greeting)
