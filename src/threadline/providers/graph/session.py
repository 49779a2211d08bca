"""`Session` over Microsoft Graph: one mailbox, read-only.

Failures leave as the vocabulary of `threadline.domain.errors`; nothing of httpx, nothing of this package.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence

from threadline.domain.causes import Cause
from threadline.domain.errors import MessageGone, NeedsAdmin, NeedsUser, ProviderError
from threadline.providers.contract import (
    Besides,
    ChangePage,
    Content,
    FetchFailure,
    FolderIds,
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
from threadline.providers.graph import fetching, finding, folders, listing, streaming
from threadline.providers.graph.client import Client
from threadline.providers.graph.gate import AT_ONCE, gate_of
from threadline.providers.graph.wire import PAGE_BYTES
from threadline.providers.guarded_http import guarded_client

VERSION = "/v1.0"
TIMEOUT = 60.0  # for one answer: large mailboxes answer slowly
_CAPABILITIES = ("delta", "immutable ids", "batch", "MIME")


class GraphSession:
    """An open, read-only mailbox. Not thread-safe."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def identity(self) -> Identity:
        """Graph says the account; of which organisation it is, the sign-in says."""
        me = self._client.me()
        address = str(me.get("mail") or me.get("userPrincipalName") or "")
        return Identity(subject=str(me.get("id", "")), address=address)

    def look(self) -> None:
        """Raises what keeps the mailbox from being read."""
        try:
            self._client.get("mailFolders/inbox", select="id")
        except MessageGone as error:
            raise listing.gone(error) from error
        except NeedsAdmin as error:
            raise _why(self._client, error) from error

    def capabilities(self) -> tuple[str, ...]:
        return _CAPABILITIES

    def folders(self) -> list[RemoteFolder]:
        return folders.folders(self._client)

    def changes(self, folder: RemoteFolder, held: Held) -> Iterator[ChangePage]:
        return listing.changes(self._client, folder, held)

    def fetch(
        self, folder: RemoteFolder, generation: str, items: Sequence[RemoteItem]
    ) -> Iterator[Content | FetchFailure]:
        return fetching.fetch(self._client, folder, generation, items)

    def list_ids(self, folder: RemoteFolder) -> FolderIds:
        return listing.list_ids(self._client, folder)

    def headers(
        self, folder: RemoteFolder, generation: str, remote_ids: Sequence[str]
    ) -> Iterator[tuple[RemoteItem, bytes]]:
        return finding.headers(self._client, folder, generation, remote_ids)

    def places(self, remote_ids: Sequence[str]) -> dict[str, str]:
        return finding.places(self._client, remote_ids)

    def find(
        self, query: Query, *, folders: Sequence[RemoteFolder] = (), besides: Besides | None = None
    ) -> Iterator[Found]:
        return finding.find(self._client, query, folders or self.folders(), besides)

    def stream_raw(self, folder: RemoteFolder, generation: str, remote_id: str) -> Iterator[bytes]:  # noqa: ARG002
        return streaming.raw(self._client, generation, remote_id)

    def stream_part(
        self,
        folder: RemoteFolder,  # noqa: ARG002  an id finds its message in whatever folder it is
        generation: str,
        remote_id: str,
        part: str,
    ) -> Iterator[bytes]:
        return streaming.part(self._client, generation, remote_id, part)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> GraphSession:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def base_url(settings: ServerSettings) -> str:
    """The address of Graph. Without encryption only where it was asked for by name, as for a sandbox."""
    scheme, usual = ("http", 80) if settings.security is Security.NONE else ("https", 443)
    port = "" if settings.port == usual else f":{settings.port}"
    return f"{scheme}://{settings.host.strip().lower()}{port}{VERSION}"


def client_of(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    allow: frozenset[str],
    timeout: float,
    patience: float | None,
    tls: ssl.SSLContext | None,
) -> Client:
    """What asks Graph about one mailbox; it goes through the mailbox's gate with whoever else asks about it.

    `allow`: hosts on private addresses that may be connected to. `tls` replaces the default context, which verifies
    certificates against the system's authorities. `timeout`: seconds for one answer, `patience`: for all.
    """
    http = guarded_client(allow, timeout, max_bytes=PAGE_BYTES, max_redirects=0, keep=AT_ONCE, tls=tls)
    gate = gate_of(settings.host, settings.port, settings.username)
    return Client(base_url(settings), http, tokens, gate, timeout=timeout, patience=patience)


def unopened(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    allow: frozenset[str] = frozenset(),
    timeout: float = TIMEOUT,
    patience: float | None = None,
    tls: ssl.SSLContext | None = None,
) -> GraphSession:
    """A session of which nothing is asked yet. The arguments are those of `client_of`."""
    return GraphSession(client_of(settings, tokens, allow=allow, timeout=timeout, patience=patience, tls=tls))


def open_session(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    allow: frozenset[str] = frozenset(),
    timeout: float = TIMEOUT,
    patience: float | None = None,
    tls: ssl.SSLContext | None = None,
) -> GraphSession:
    """Opens the mailbox and looks at its Inbox, so that an account without a mailbox, or without access, is said here.

    The arguments are those of `unopened`.
    """
    session = unopened(settings, tokens, allow=allow, timeout=timeout, patience=patience, tls=tls)
    try:
        session.look()
    except BaseException:
        session.close()
        raise
    return session


def _why(client: Client, error: NeedsAdmin) -> ProviderError:
    """Graph says the same of everybody without a mailbox, but of a person it knows who is a guest.

    Source: "user resource type", `userType`.
    """
    if error.cause is not Cause.NO_MAILBOX:
        return error
    try:
        me = client.me()
    except ProviderError:
        return error
    if me.get("userType") == "Guest":
        return NeedsUser(
            "This account is a guest in the organisation it signed in to, and a guest has no mailbox there.",
            cause=Cause.GUEST_ACCOUNT,
            answer=error.answer,
        )
    return error
