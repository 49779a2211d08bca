"""Keeps sign-ins alive that nobody uses, and tells their owners in time when one is about to end."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from threadline.clock import now
from threadline.domain.connection import State
from threadline.domain.errors import AppMisconfigured, ProviderError, Transient
from threadline.services import forecast, health, notify, serving, tokens
from threadline.storage.models import ConnectionEvent, Grant, Mailbox

log = structlog.get_logger(__name__)

# A grant that is dead, forgotten or not there yet is not renewed.
OVER = (State.REAUTHORISE.value, State.DISCONNECTED.value, State.CONNECTING.value)
TRIED_AGAIN = timedelta(hours=1)


def claim_due(moment: datetime, most: int = 20) -> list[int]:
    """Mailboxes whose sign-in nobody has used for a week; each is handed out once, and again in an hour."""
    due = Grant.objects.filter(renew_at__lte=moment).exclude(mailbox__state__in=OVER).order_by("renew_at")
    return [
        grant.mailbox_id
        for grant in due.only("pk", "mailbox_id", "renew_at")[:most]
        if Grant.objects.filter(pk=grant.pk, renew_at=grant.renew_at).update(renew_at=moment + TRIED_AGAIN)
    ]


def renew(mailbox_id: int) -> bool:
    """Renew for the sake of renewing. What the provider says for good is told to the connection."""
    try:
        tokens.keep_alive(mailbox_id)
    except (Transient, AppMisconfigured) as error:
        log.warning("sign-in not renewed", mailbox=mailbox_id, cause=error.cause.value)
        return False
    except ProviderError as error:
        log.warning("sign-in cannot be renewed", mailbox=mailbox_id, cause=error.cause.value)
        with transaction.atomic():
            health.failed(Mailbox.objects.select_related("company").get(pk=mailbox_id), error, now=now())
        return False
    _note(Mailbox.objects.get(pk=mailbox_id))
    return True


def _note(mailbox: Mailbox) -> None:
    ConnectionEvent.objects.create(
        mailbox=mailbox,
        at=now(),
        event="renewed",
        before=mailbox.state,
        after=mailbox.state,
        text="Sign-in renewed, nothing needed from you",
    )


def warn_owners(moment: datetime) -> int:
    """Write to those whose sign-in ends in 14, 7, 3 or 1 days, once at each stage; returns to how many."""
    living = Mailbox.objects.filter(grant__isnull=False).exclude(state__in=OVER).select_related("owner", "company")
    mailboxes = list(living)
    told = 0
    for pk, ahead in forecast.outlooks(mailboxes, now=moment).items():
        if ahead.stage is None:
            continue
        unsaid = Q(warned__isnull=True) | Q(warned__gt=ahead.stage)
        if Grant.objects.filter(unsaid, mailbox=pk).update(warned=ahead.stage):
            _warn(next(mailbox for mailbox in mailboxes if mailbox.pk == pk), ahead)
            told += 1
    return told


def _warn(mailbox: Mailbox, ahead: forecast.Outlook) -> None:
    at = ahead.forecast.at.astimezone(mailbox.company.zone)
    notify.tell(
        mailbox.owner,
        f"Please sign in to {mailbox.address} again before {at:%d %B %Y}",
        f"the sign-in of {mailbox.address} will likely end on {at:%d %B %Y}. Sign in again before that day, and "
        "nothing is interrupted. It takes one click and your usual sign-in:\n\n"
        f"{serving.address()}/settings/{mailbox.pk}/",
    )
