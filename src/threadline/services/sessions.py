"""Opens a mailbox at its provider with the stored, sealed credentials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction

from threadline.clock import now
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsAdmin, NeedsUser, ProviderError, Throttled
from threadline.providers.contract import Security, ServerSettings, Session, TokenSource
from threadline.providers.registry import USUAL_TIMEOUT
from threadline.providers.registry import open_session as open_provider
from threadline.services.sealed import opened, sealed
from threadline.storage.models import Grant, Mailbox, Secret, SignIn, Subscription

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

    def renewed(self, rejected: str, claims: str = "") -> str:  # noqa: ARG002 - the contract's
        """What was given is all there is."""
        raise NeedsUser("The mail server does not accept the access token any more.", cause=Cause.SIGN_IN_EXPIRED)

    def __repr__(self) -> str:
        return "Credentials(...)"


def server_settings(mailbox: Mailbox) -> ServerSettings:
    """Where a mailbox is read. Microsoft's address is the installation's to know, and may have changed since."""
    if mailbox.provider == "graph":
        from threadline.services.microsoft.app import server_of  # noqa: PLC0415  brings HTTP

        return settings_from_json(server_of(mailbox.settings.get("username", mailbox.address)))
    return settings_from_json(mailbox.settings)


def named_by_operator(mailbox: Mailbox) -> bool:
    """Whether the operator gave this address, so that a private one is what was meant."""
    if mailbox.provider == "graph":
        return bool(django_settings.MICROSOFT.graph_url)
    return bool(mailbox.settings.get("by_operator", False))


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
    value = {"kind": credentials.kind, "secret": credentials.secret}
    kept = sealed(value, context=_context(mailbox))
    Secret.objects.update_or_create(mailbox=mailbox, defaults={"sealed": kept, "updated_at": now()})


def has_stored(mailbox: Mailbox) -> bool:
    return Secret.objects.filter(mailbox=mailbox).exists() or Grant.objects.filter(mailbox=mailbox).exists()


def forget(mailbox: Mailbox) -> None:
    """Forget everything this mailbox could sign in with, and what Microsoft was to tell us of it."""
    for table in (Secret, Grant, SignIn, Subscription):
        table.objects.filter(mailbox=mailbox).delete()


def reseal_all() -> int:
    """Seal every stored secret with the current key; returns how many were. A sign-in under way is begun again."""
    from threadline.services import tokens  # noqa: PLC0415  brings HTTP

    count = 0
    for mailbox in Mailbox.objects.filter(secret__isnull=False).order_by("pk"):
        with transaction.atomic():
            # Whoever changes a password meanwhile waits, and is not overwritten with what we read.
            if Secret.objects.select_for_update().filter(mailbox=mailbox).first() is not None:
                keep(mailbox, password_of(mailbox))
                count += 1
    for mailbox in Mailbox.objects.filter(grant__isnull=False).order_by("pk"):
        with transaction.atomic():
            count += tokens.reseal(mailbox)
    SignIn.objects.all().delete()
    return count


def stored(mailbox: Mailbox) -> TokenSource:
    """What this mailbox signs in with. Raises NeedsUser where it has nothing any more."""
    if mailbox.provider == "graph":
        from threadline.services import tokens  # noqa: PLC0415  brings HTTP

        return tokens.GrantTokens(mailbox.pk)
    return password_of(mailbox)


def password_of(mailbox: Mailbox) -> Credentials:
    secret = Secret.objects.filter(mailbox=mailbox).first()
    if secret is None:
        raise nothing_to_sign_in_with(mailbox.pk)
    plain = opened(secret.sealed, context=_context(mailbox))
    return Credentials(secret=plain["secret"], kind=plain["kind"])


def nothing_to_sign_in_with(mailbox_id: int) -> ProviderError:
    """Why a mailbox has nothing stored: it waits for an approval, for the click after it, or was disconnected."""
    waiting_for = Mailbox.objects.filter(pk=mailbox_id).values_list("cause", flat=True).first()
    if waiting_for == Cause.ADMIN_APPROVAL.value:
        return NeedsAdmin(CAUSE_TEXTS[Cause.ADMIN_APPROVAL].sentence(), cause=Cause.ADMIN_APPROVAL)
    if waiting_for == Cause.APPROVAL_GIVEN.value:
        return NeedsUser(CAUSE_TEXTS[Cause.APPROVAL_GIVEN].sentence(), cause=Cause.APPROVAL_GIVEN)
    said = "This mailbox is not signed in. Sign in again; nothing is lost."
    return NeedsUser(said, cause=Cause.DISCONNECTED_BY_USER)


def _context(mailbox: Mailbox) -> str:
    return f"mailbox {mailbox.pk}"


def open_mailbox(mailbox: Mailbox) -> Session:
    """Sign in with what is stored. Raises the provider's errors."""
    return open_with(
        mailbox.provider,
        server_settings(mailbox),
        stored(mailbox),
        by_hand=named_by_operator(mailbox),
    )


def open_with(
    provider: str,
    server: ServerSettings,
    credentials: TokenSource,
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
            by_hand=named_by_operator(mailbox),
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
