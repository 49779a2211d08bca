"""Opens a mailbox at its provider with the stored, sealed credentials."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction

from threadline.clock import now
from threadline.config.keyfile import installation_secrets
from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsUser, Throttled
from threadline.providers.contract import Security, ServerSettings, Session
from threadline.providers.registry import USUAL_TIMEOUT
from threadline.providers.registry import open_session as open_provider
from threadline.storage.models import Mailbox, Secret
from threadline.storage.sealing import seal, unseal

ANSWER = 15.0  # seconds for one answer, where a person waits
PATIENCE = 30.0  # seconds for all of them
STREAMING = 300.0  # seconds for an attachment
MOST_WAITING = 4  # of the threads that serve pages

_waiting = threading.BoundedSemaphore(MOST_WAITING)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a mailbox signs in with; a TokenSource for the provider. Its repr tells nothing."""

    secret: str
    kind: str = "password"  # or access_token

    def password(self) -> str:
        return self.secret if self.kind == "password" else ""

    def access_token(self) -> str | None:
        return self.secret if self.kind == "access_token" else None

    def __repr__(self) -> str:
        return "Credentials(...)"


def server_settings(mailbox: Mailbox) -> ServerSettings:
    return settings_from_json(mailbox.settings)


def settings_from_json(stored: dict[str, Any]) -> ServerSettings:
    return ServerSettings(stored["host"], int(stored["port"]), Security(stored["security"]), stored["username"])


def settings_to_json(server: ServerSettings) -> dict[str, Any]:
    return {
        "host": server.host,
        "port": server.port,
        "security": server.security.value,
        "username": server.username,
    }


def keep(mailbox: Mailbox, credentials: Credentials) -> None:
    """Seal and store the credentials of a mailbox, in place of earlier ones."""
    plain = json.dumps({"kind": credentials.kind, "secret": credentials.secret}).encode()
    sealed = seal(plain, context=_context(mailbox), secrets=_secrets())
    Secret.objects.update_or_create(mailbox=mailbox, defaults={"sealed": sealed, "updated_at": now()})


def has_stored(mailbox: Mailbox) -> bool:
    return Secret.objects.filter(mailbox=mailbox).exists()


def forget(mailbox: Mailbox) -> None:
    Secret.objects.filter(mailbox=mailbox).delete()


def reseal_all() -> int:
    """Seal every stored secret with the current key; returns how many were."""
    count = 0
    for mailbox in Mailbox.objects.filter(secret__isnull=False).order_by("pk"):
        with transaction.atomic():
            # Whoever changes a password meanwhile waits, and is not overwritten with what we read.
            if Secret.objects.select_for_update().filter(mailbox=mailbox).first() is not None:
                keep(mailbox, stored(mailbox))
                count += 1
    return count


def stored(mailbox: Mailbox) -> Credentials:
    secret = Secret.objects.filter(mailbox=mailbox).first()
    if secret is None:
        raise NeedsUser(
            "This mailbox is not signed in. Sign in again; nothing is lost.", cause=Cause.DISCONNECTED_BY_USER
        )
    plain = json.loads(unseal(bytes(secret.sealed), context=_context(mailbox), secrets=_secrets()))
    return Credentials(secret=plain["secret"], kind=plain["kind"])


def _secrets() -> tuple[str, ...]:
    """Read anew each time: `keys rotate` changes the file while other processes run."""
    if django_settings.KEY_FILE is None:
        environment: tuple[str, ...] = django_settings.SECRETS
        return environment
    return installation_secrets(django_settings.KEY_FILE)


def _context(mailbox: Mailbox) -> str:
    return f"mailbox {mailbox.pk}"


def open_mailbox(mailbox: Mailbox) -> Session:
    """Sign in with what is stored. Raises the provider's errors."""
    return open_with(
        mailbox.provider,
        server_settings(mailbox),
        stored(mailbox),
        by_hand=mailbox.settings.get("by_operator", False),
    )


def open_with(
    provider: str,
    server: ServerSettings,
    credentials: Credentials,
    *,
    by_hand: bool = False,
    timeout: float = USUAL_TIMEOUT,
    patience: float | None = None,
) -> Session:
    """`by_hand`: the operator named this host on the command line, so a private address is what was meant."""
    allow = allowed_hosts(server if by_hand else None)
    return open_provider(provider, server, credentials, allow=allow, timeout=timeout, patience=patience)


@contextmanager
def while_somebody_waits(mailbox: Mailbox, *, patience: float = PATIENCE) -> Iterator[Session]:
    """An open mailbox for a page or a command that a person looks at: bounded in time, and few at once.

    Pages are served by a handful of threads; mail servers that say nothing, or drip, must not take them all.
    """
    with waiting():
        session = open_with(
            mailbox.provider,
            server_settings(mailbox),
            stored(mailbox),
            by_hand=mailbox.settings.get("by_operator", False),
            timeout=min(patience, ANSWER),
            patience=patience,
        )
        with session:
            yield session


@contextmanager
def waiting() -> Iterator[None]:
    """A place among the few that may wait for mail servers at once. Raises Throttled when there is none."""
    if not _waiting.acquire(blocking=False):
        raise Throttled("Many mail servers are being asked at this moment. Try again in a minute.")
    try:
        yield
    finally:
        _waiting.release()


def allowed_hosts(named_by_operator: ServerSettings | None = None) -> frozenset[str]:
    allowed: frozenset[str] = django_settings.ALLOW_MAIL_HOSTS
    if named_by_operator is not None:
        allowed |= {f"{named_by_operator.host.lower()}:{named_by_operator.port}"}
    return allowed
