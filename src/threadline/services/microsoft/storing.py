"""Whose account a sign-in was for, and storing it as a connected mailbox."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.domain.connection import State
from threadline.providers.oauth import microsoft
from threadline.services import audit, tokens
from threadline.services.connect import resume
from threadline.services.errors import Conflict
from threadline.services.microsoft.app import server_of
from threadline.services.sealed import opened, sealed
from threadline.services.sessions import PATIENCE, open_with, settings_from_json, waiting
from threadline.storage.models import Mailbox, SignIn, User

_OF_THE_ACCOUNT = ("address", "address_key", "provider", "identity", "settings")


class _JustGranted:
    """The token of a sign-in that is not stored yet; good for one look at the mailbox."""

    def __init__(self, answer: microsoft.Grant) -> None:
        self._token = answer.access_token

    def password(self) -> str:
        return ""

    def access_token(self) -> str:
        return self._token

    def renewed(self, rejected: str, claims: str = "") -> str:  # noqa: ARG002 - the contract's
        return self._token


def known(user: User, address: str) -> Mailbox | None:
    """The own mailbox of this address, to be connected in place. Raises Conflict where it is not to be."""
    key = normalise(address) or address
    mailbox = Mailbox.objects.select_related("owner").filter(company_id=user.company_id, address_key=key).first()
    if mailbox is None:
        return None
    if mailbox.owner_id != user.pk:
        raise Conflict(f"{mailbox.address} is connected by {mailbox.owner} already.", field="address")
    if mailbox.provider != "graph":
        raise Conflict(
            f"{mailbox.address} was connected as an IMAP mailbox. It cannot become a Microsoft 365 mailbox in place; "
            "support can help.",
            field="address",
        )
    if mailbox.state in {State.CONNECTED.value, State.DELAYED.value}:
        raise Conflict(f"{mailbox.address} is connected already.", field="address")
    return mailbox


def is_of(account: microsoft.Account, address: str) -> bool:
    """Whether an address is one of the two by which Microsoft knows the account."""
    return normalise(address) in {normalise(account.address), normalise(account.username)} - {None}


def not_as_typed(signed_in: str, typed: str) -> str:
    return (
        f"You signed in as {signed_in}, and entered {typed}. If both are the same mailbox, go on with {signed_in}. "
        f"{_if_shared(typed)}"
    )


def _if_shared(typed: str) -> str:
    return f"If {typed} is a shared mailbox, it has no sign-in of its own, and cannot be connected in this version."


def must_be_as_before(mailbox: Mailbox, account: microsoft.Account) -> None:
    """Raises Conflict naming both where it is another account than the one connected before."""
    if mailbox.identity != account.identity:
        before = mailbox.settings.get("account") or mailbox.address
        raise Conflict(
            f"You signed in as {account.address}, and this mailbox belongs to {before}. Nothing was changed, and no "
            f"mail of {account.address} was read. Sign in as {before}, or connect {account.address} as a mailbox of "
            "its own."
        )


def must_be_free(user: User, account: microsoft.Account, mailbox: Mailbox | None, *, typed: str = "") -> None:
    """Raises Conflict where the account is another mailbox of the company. `typed`: what was entered instead of it."""
    others = Mailbox.objects.filter(company_id=user.company_id, provider="graph", identity=account.identity)
    if mailbox is not None:
        others = others.exclude(pk=mailbox.pk)
    other = others.first()
    if other is not None:
        connected = f"The account {account.address} is connected already, as {other.address}."
        raise Conflict(f"{connected} {_if_shared(typed)}" if typed else connected, field="address")


def try_mailbox(answer: microsoft.Grant) -> None:
    """Look at the folders once: an account without a mailbox is said now. Raises the provider's errors."""
    server = settings_from_json(server_of(answer.account.username))
    with (
        waiting(),
        open_with(
            "graph",
            server,
            _JustGranted(answer),
            by_hand=bool(settings.MICROSOFT.graph_url),
            timeout=PATIENCE,
            patience=PATIENCE,
        ) as session,
    ):
        session.folders()


def connect(row: SignIn, answer: microsoft.Grant, mailbox: Mailbox | None, address: str) -> Mailbox:
    """Store the mailbox with what was granted, in one transaction."""
    moment = now()
    account = answer.account
    with transaction.atomic():
        is_new = mailbox is None
        if mailbox is None:
            mailbox = Mailbox(company_id=row.user.company_id, owner=row.user, created_at=moment, since=moment)
        again = bool(mailbox.identity)
        mailbox.address, mailbox.address_key = address, normalise(address) or address
        mailbox.provider, mailbox.identity = "graph", account.identity
        mailbox.settings = {**server_of(account.username), "account": account.address}
        # A refresh may be at work: what it holds of the mailbox is not ours to write.
        mailbox.save(update_fields=None if is_new else _OF_THE_ACCOUNT)
        tokens.granted(mailbox, answer, now=moment)
        resume(mailbox, moment, again=again)
        action = "mailbox reconnected" if again else "mailbox connected"
        audit.record(mailbox.company_id, row.user, row.door, action, address, {"host": mailbox.settings["host"]})
    return mailbox


def keep_for_confirmation(row: SignIn, answer: microsoft.Grant) -> None:
    """Seal what was granted until its owner has said that this is the account that was meant."""
    row.sealed = sealed(answer.as_json(), context=f"confirmation of {row.state}")


def kept(row: SignIn) -> microsoft.Grant:
    value: dict[str, Any] = opened(row.sealed, context=f"confirmation of {row.state}")
    return microsoft.Grant.from_json(value)
