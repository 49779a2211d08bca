"""How far the reader's own mailboxes are up to date, in two lines each."""

from __future__ import annotations

from typing import Any

from threadline.clock import now
from threadline.domain.connection import State
from threadline.services import access, latest_check, verify
from threadline.services.health import describe_mailbox
from threadline.storage.models import Mailbox, User
from threadline.web import times

_CONNECTED = {State.CONNECTED.value, State.DELAYED.value}
MOST = 3


def up_to_date(user: User) -> list[dict[str, Any]]:
    """For each own mailbox: its address, whether all is accounted for, the last and the next refresh."""
    mailboxes = list(access.own_mailboxes(user).select_related("company")[:MOST])
    return [{"address": mailbox.address, "lines": _lines(mailbox)} for mailbox in mailboxes]


def _lines(mailbox: Mailbox) -> list[dict[str, str]]:
    lines = []
    if mailbox.state not in _CONNECTED:
        lines.append({"icon": "warning", "tone": "warn", "text": describe_mailbox(mailbox).word, "more": ""})
    return [*lines, _accounted(mailbox), _refreshes(mailbox)]


def _accounted(mailbox: Mailbox) -> dict[str, str]:
    checked = verify.latest(mailbox)
    if checked is None:
        return {"icon": "clock", "tone": "", "text": "Not compared with the mail server yet", "more": ""}
    moment = times.inline(checked.checked_at, now())
    if because := latest_check.doubt(mailbox, checked):
        said = latest_check.in_words(checked.accounted_for, checked.on_server, moment, because)
        return {"icon": "warning", "tone": "warn", "text": said, "more": ""}
    at = f"checked {moment}"
    if checked.complete:
        return {"icon": "check-circle", "tone": "ok", "text": f"All emails accounted for, {at}", "more": ""}
    figures = f"{verify.sentence(checked)}, {at}"
    return {"icon": "warning", "tone": "warn", "text": figures, "more": ""}


def _refreshes(mailbox: Mailbox) -> dict[str, str]:
    moment = now()
    if mailbox.last_refresh_at is None:
        return {"icon": "clock", "tone": "", "text": "Not refreshed yet", "more": ""}
    last = f"Last refresh {times.inline(mailbox.last_refresh_at, moment)}"
    due = mailbox.next_refresh_at
    if due is None or mailbox.state not in _CONNECTED:
        return {"icon": "clock", "tone": "", "text": last, "more": ""}
    coming = f"next {times.inline(due, moment)}" if due > moment else "next within a minute"
    return {"icon": "clock", "tone": "", "text": f"{last},", "more": coming}
