"""Sentences that more than one page says."""

from __future__ import annotations

from threadline.domain.cause_texts import cause_clause
from threadline.storage.models import InstallationFault, Mailbox


def capitalised(clause: str) -> str:
    """A clause as the beginning of a sentence; names in it keep their capitals."""
    return clause[:1].upper() + clause[1:]


def says_refused(fault: InstallationFault) -> str:
    """The provider refuses this installation: the connection itself is well, and its owner can do nothing."""
    return (
        f"{capitalised(cause_clause(fault.cause))}. New emails come in later; none is lost. The operator of this "
        "installation has to mend that. Nothing is needed from you, and nobody has to sign in again."
    )


def says_signed_in(mailbox: Mailbox, before: str) -> str:
    """That a sign-in was accepted. `before`: the state of the mailbox until then; "" where it is new."""
    if before in {"connected", "delayed"}:
        return f"You are signed in to {mailbox.address} again. It stays connected, and is refreshed now."
    if mailbox.history_complete_at is not None:
        return f"{mailbox.address} is connected again. We fetch now what came meanwhile."
    return f"{mailbox.address} is connected. Its emails are coming in."
