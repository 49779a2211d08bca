"""Which provider speaks for which kind of mailbox. Adding one means adding its folder and its lines here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from threadline.domain.errors import AppMisconfigured
from threadline.providers.contract import ServerSettings, Session, TokenSource
from threadline.providers.imap.probe import probe as probe_imap
from threadline.providers.imap.session import TIMEOUT
from threadline.providers.imap.session import open_session as open_imap
from threadline.providers.network import resolve_guarded
from threadline.providers.probing import ProbeStep

USUAL_TIMEOUT = TIMEOUT  # seconds for one answer
Opener = Callable[[ServerSettings, TokenSource, frozenset[str], float, float | None], Session]
Prober = Callable[[ServerSettings, TokenSource, frozenset[str]], list[ProbeStep]]


def _imap(
    settings: ServerSettings, tokens: TokenSource, allow: frozenset[str], timeout: float, patience: float | None
) -> Session:
    resolve = partial(resolve_guarded, allow=allow)
    return open_imap(settings, tokens, resolve=resolve, timeout=timeout, patience=patience)


def _probe_imap(settings: ServerSettings, tokens: TokenSource, allow: frozenset[str]) -> list[ProbeStep]:
    return probe_imap(settings, tokens, resolve=partial(resolve_guarded, allow=allow))


def _graph(
    settings: ServerSettings, tokens: TokenSource, allow: frozenset[str], timeout: float, patience: float | None
) -> Session:
    from threadline.providers.graph.session import open_session as open_graph  # noqa: PLC0415  brings HTTP

    return open_graph(settings, tokens, allow=allow, timeout=timeout, patience=patience)


def _probe_graph(settings: ServerSettings, tokens: TokenSource, allow: frozenset[str]) -> list[ProbeStep]:
    from threadline.providers.graph.probe import probe as probe_graph  # noqa: PLC0415  brings HTTP

    return probe_graph(settings, tokens, allow=allow)


OPENERS: Mapping[str, Opener] = {"imap": _imap, "graph": _graph}
PROBERS: Mapping[str, Prober] = {"imap": _probe_imap, "graph": _probe_graph}


def open_session(
    provider: str,
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    allow: frozenset[str],
    timeout: float = USUAL_TIMEOUT,
    patience: float | None = None,
) -> Session:
    """Sign in and return an open session.

    `allow`: hosts on private addresses that may be connected to all the same. `timeout`: seconds for one answer.
    `patience`: seconds for everything after the sign-in, where a person waits; a server that drips is cut off then.
    """
    opener = OPENERS.get(provider)
    if opener is None:
        raise AppMisconfigured(f"This version of Threadline cannot connect {provider} mailboxes.")
    return opener(settings, tokens, allow, timeout, patience)


def probe(provider: str, settings: ServerSettings, tokens: TokenSource, *, allow: frozenset[str]) -> list[ProbeStep]:
    """The steps of reaching a mailbox, up to the first that fails."""
    prober = PROBERS.get(provider)
    if prober is None:
        raise AppMisconfigured(f"This version of Threadline cannot check {provider} mailboxes.")
    return prober(settings, tokens, allow)
