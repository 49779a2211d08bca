"""What a provider refuses of this installation itself: no mailbox's fault, and no user's task.

The condition is one row per provider. It is shown to those who can act, mailboxes keep their states, and attempts go
on; the next renewal that succeeds ends it. With other settings than those that were refused it does not count.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.conf import settings

from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.domain.errors import AppMisconfigured
from threadline.storage.models import InstallationFault, Mailbox

HELD_BACK = timedelta(seconds=20)  # so long nobody asks again: many mailboxes would all hear the same
RETRY_AFTER = timedelta(minutes=10)
HELD_UP = frozenset({State.CONNECTED.value, State.DELAYED.value})


def fault(provider: str = "graph") -> InstallationFault | None:
    """What is refused of this installation as it is set up now."""
    return InstallationFault.objects.filter(provider=provider, settings=_digest()).first()


def holds_up(fault: InstallationFault | None, provider: str, state: str) -> bool:
    """Whether it keeps mail of such a mailbox from coming in. In the other states somebody has to act before."""
    return fault is not None and fault.provider == provider and state in HELD_UP


def fault_for(mailbox: Mailbox) -> InstallationFault | None:
    """What of this installation holds up this mailbox."""
    found = fault(mailbox.provider) if mailbox.provider != "imap" else None
    return found if holds_up(found, mailbox.provider, mailbox.state) else None


def refused(error: AppMisconfigured, *, now: datetime, provider: str = "graph") -> None:
    values = {"cause": error.cause.value, "seen_at": now, "answer": error.answer[:2000], "settings": _digest()}
    known = InstallationFault.objects.filter(provider=provider, settings=_digest(), cause=error.cause.value)
    if not known.update(**values):
        InstallationFault.objects.update_or_create(provider=provider, defaults=values | {"since": now})


def works(provider: str = "graph") -> None:
    known = InstallationFault.objects.filter(provider=provider)
    if known.exists():  # a look costs no lock; renewals happen all the time, faults hardly ever
        known.delete()


def hold_back(now: datetime, provider: str = "graph") -> None:
    """Raises AppMisconfigured, without asking the provider, where it said so a moment ago."""
    found = fault(provider)
    if found is not None and abs(now - found.seen_at) < HELD_BACK:
        clause = CAUSE_TEXTS[Cause(found.cause)].clause
        sentence = f"{clause[:1].upper()}{clause[1:]}. Nobody has to sign in again."
        raise AppMisconfigured(sentence, cause=Cause(found.cause), answer=found.answer)


def _digest() -> str:
    known = settings.MICROSOFT
    file = known.certificate_file
    signed = file.read_bytes().hex() if file is not None and file.exists() else ""
    values = (known.client_id, known.client_secret, signed, known.cloud, known.tenant, known.login_url)
    return hashlib.sha256("\n".join(values).encode()).hexdigest()
