"""Which provider speaks for which kind of mailbox. Adding one means adding its folder and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from threadline.domain.errors import AppMisconfigured
from threadline.providers.contract import ServerSettings, Session, TokenSource
from threadline.providers.imap.probe import ProbeStep
from threadline.providers.imap.probe import probe as probe_imap
from threadline.providers.imap.session import TIMEOUT
from threadline.providers.imap.session import open_session as open_imap
from threadline.providers.network import resolve_guarded

USUAL_TIMEOUT = TIMEOUT  # seconds for one answer
Opener = Callable[[ServerSettings, TokenSource, frozenset[str], float, float | None], Session]


def _imap(
    settings: ServerSettings, tokens: TokenSource, allow: frozenset[str], timeout: float, patience: float | None
) -> Session:
    resolve = partial(resolve_guarded, allow=allow)
    return open_imap(settings, tokens, resolve=resolve, timeout=timeout, patience=patience)


OPENERS: Mapping[str, Opener] = {"imap": _imap}


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
    if provider != "imap":
        raise AppMisconfigured(f"This version of Threadline cannot check {provider} mailboxes.")
    return probe_imap(settings, tokens, resolve=lambda host, port: resolve_guarded(host, port, allow=allow))
