"""Asking for a refresh: the worker starts it within a second or two, if there is one."""

from __future__ import annotations

from datetime import datetime

from threadline.clock import now
from threadline.domain.connection import State
from threadline.services.errors import Conflict
from threadline.storage import workers
from threadline.storage.models import Mailbox, User

NOT_REFRESHABLE = {State.DISCONNECTED.value, State.REAUTHORISE.value, State.CONNECTING.value}


NOBODY_AT_WORK = (
    "It has not begun: the part of Threadline that asks the mail servers, its worker, does not run. The operator of "
    "this installation has to look; nothing is needed from you. It begins by itself when the worker runs again."
)


def is_waiting(mailbox: Mailbox) -> bool:
    """Whether a refresh is asked for and its turn comes by itself: in some states somebody has to act before."""
    return mailbox.refresh_requested_at is not None and mailbox.state not in NOT_REFRESHABLE


def waits_in_vain(*asked: datetime | None) -> bool:
    """Whether something was asked for a while ago and there is no worker to do it."""
    waiting = [moment for moment in asked if moment is not None]
    return bool(waiting) and now() - min(waiting) > workers.SILENT and not workers.are_at_work()


def ask_for(mailbox: Mailbox, user: User | None) -> None:
    """Note that this mailbox shall be refreshed now. Asking twice is asking once."""
    if mailbox.state in NOT_REFRESHABLE:
        raise Conflict("This mailbox is not connected. Connect it again first; then we catch up by ourselves.")
    Mailbox.objects.filter(pk=mailbox.pk, refresh_requested_at=None).update(
        refresh_requested_at=now(), refresh_requested_by=user
    )
