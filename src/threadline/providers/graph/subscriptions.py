"""Subscriptions to the messages of a folder: Microsoft then calls our own address when something changes there.

They are the application's, and change nothing of the mailbox: the permission to read is enough. At most 1,000 exist for
a mailbox, each lives less than seven days, and two that are alike are refused with 409. While one is made, Microsoft
calls both addresses to see that they are ours. Source: Microsoft Graph, "change notifications" and "subscription".
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from threadline.domain.errors import AppMisconfigured, NeedsAdmin, Transient
from threadline.providers.contract import ServerSettings, TokenSource
from threadline.providers.graph import parse
from threadline.providers.graph.client import Client
from threadline.providers.graph.session import client_of
from threadline.providers.graph.wire import Answer, Ask

LONGEST = timedelta(minutes=10_080)  # that Microsoft grants for messages
_CHANGES = "created,updated,deleted"
_GONE = frozenset({404, 410})
_REFUSED = frozenset({400, 403, 409})


class SubscriptionGone(Exception):
    """Microsoft does not know this subscription any more."""


class AlreadyThere(Exception):
    """Microsoft has one like it already."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One as Microsoft has it. Its client state is ours alone to compare, and is not kept."""

    id: str
    expires_at: datetime
    resource: str = ""
    address: str = ""


def resource_of(folder: str) -> str:
    """The messages of a folder, by its id or its well-known name."""
    return f"/me/mailFolders('{folder}')/messages"


class Subscriptions:
    """Those of one mailbox. Raises the provider's errors; what they mean for the mailbox is not judged here."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, folder: str, *, address: str, lifecycle_address: str, state: str, until: datetime) -> Subscription:
        """`state` comes back with every notification, and is at most 128 characters.

        Raises AlreadyThere; AppMisconfigured where Microsoft does not take the address, NeedsAdmin where it does not
        allow this mailbox to be watched.
        """
        wanted = {
            "changeType": _CHANGES,
            "notificationUrl": address,
            "lifecycleNotificationUrl": lifecycle_address,
            "resource": resource_of(folder),
            "expirationDateTime": _written(until),
            "clientState": state,
        }
        answer = self._ask("POST", "", wanted, settles=_REFUSED)
        if answer.status == 409:
            raise AlreadyThere
        if answer.status == 400:  # also for a request that is wrong in itself, which ours are not
            said = "Microsoft likely could not reach this installation at the address that it was given."
            raise AppMisconfigured(said, certain=False, answer=self._client.meaning(answer).answer)
        if answer.status == 403:
            said = "Microsoft does not let this mailbox be watched."
            raise NeedsAdmin(said, answer=self._client.meaning(answer).answer)
        return _read(answer.json())

    def renew(self, key: str, *, until: datetime) -> Subscription:
        """Lengthen its life, which also authorises it again. Raises SubscriptionGone."""
        answer = self._ask("PATCH", key, {"expirationDateTime": _written(until)}, settles=_GONE)
        if answer.status in _GONE:
            raise SubscriptionGone
        return _read(answer.json())

    def delete(self, key: str) -> None:
        """One that is gone already is as good."""
        self._ask("DELETE", key, settles=_GONE)

    def mine(self) -> Iterator[Subscription]:
        """Every one that this application has for this mailbox."""
        for page in self._client.pages(f"{self._client.base}/subscriptions", page=100):
            for entry in parse.values(page):
                yield _read(entry)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Subscriptions:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _ask(self, method: str, key: str, body: Mapping[str, Any] | None = None, *, settles: frozenset[int]) -> Answer:
        url = f"{self._client.base}/subscriptions" + (f"/{self._client.key(key)}" if key else "")
        written = json.dumps(body).encode() if body is not None else None
        return self._client.ask(Ask(url, method=method, body=written, settles=settles))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(said: Mapping[str, Any] | None) -> Subscription:
    said = said or {}
    try:
        key, expires = str(said["id"]), datetime.fromisoformat(str(said["expirationDateTime"]))
    except (KeyError, ValueError):
        raise Transient("Microsoft 365 sent an answer that cannot be read. We try again by ourselves.") from None
    expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return Subscription(
        key, expires.astimezone(UTC), str(said.get("resource", "")), str(said.get("notificationUrl", ""))
    )


def open_subscriptions(
    settings: ServerSettings,
    tokens: TokenSource,
    *,
    allow: frozenset[str] = frozenset(),
    timeout: float,
    patience: float,
    tls: ssl.SSLContext | None = None,
) -> Subscriptions:
    """`timeout`: seconds for one answer, in which Microsoft also calls our two addresses. `patience`: for all."""
    return Subscriptions(client_of(settings, tokens, allow=allow, timeout=timeout, patience=patience, tls=tls))
