"""Asking for a refresh: the worker starts it within a second or two."""

from __future__ import annotations

from threadline.clock import now
from threadline.domain.connection import State
from threadline.services.errors import Conflict
from threadline.storage.models import Mailbox, User

NOT_REFRESHABLE = {State.DISCONNECTED.value, State.REAUTHORISE.value, State.CONNECTING.value}


def ask_for(mailbox: Mailbox, user: User | None) -> None:
    """Note that this mailbox shall be refreshed now. Asking twice is asking once."""
    if mailbox.state in NOT_REFRESHABLE:
        raise Conflict("This mailbox is not connected. Connect it again first; then we catch up by ourselves.")
    Mailbox.objects.filter(pk=mailbox.pk, refresh_requested_at=None).update(
        refresh_requested_at=now(), refresh_requested_by=user
    )
