"""The five conditions in a recruiter's words, as they stand under a company's policy."""

from __future__ import annotations

from dataclasses import dataclass

from threadline.domain.facts import Policy
from threadline.domain.wording import duration


@dataclass(frozen=True)
class Stated:
    """One condition. `remedy` is what to do when an email fails it; `relaxed` when the policy is wider than usual."""

    text: str
    remedy: str
    relaxed: bool = False


def five_conditions(policy: Policy) -> tuple[Stated, ...]:
    interval = duration(policy.refresh_interval)
    return (
        Stated(
            "It is from or to any address of the person."
            if policy.secondary_addresses
            else "It is from or to the person’s primary email address.",
            "Make the address the person’s primary one, or add it to the profile.",
            policy.secondary_addresses,
        ),
        Stated(
            "It may be from any time, also before the person was created."
            if policy.earlier_mail
            else "It was sent or received after the person was created.",
            "Put the email on the profile by hand, or let earlier mail count for the whole company.",
            policy.earlier_mail,
        ),
        Stated(
            "It is in any folder that we know it in."
            if policy.other_folders
            else "It is in the Inbox or Sent items of a connected mailbox, not in a subfolder, archive, junk or trash.",
            "Move the email back to the Inbox and refresh, or let its folder count in Settings, Folders.",
            policy.other_folders,
        ),
        Stated(
            "It is in Threadline’s own Inbox or Sent list.",
            "If it should be and is not, that is our fault: we find it by ourselves every night and fetch it.",
        ),
        Stated(
            f"A refresh has run since it arrived. Without the button, that is {interval} after the last refresh.",
            "Press Refresh on the Emails page.",
            policy.refresh_interval != Policy().refresh_interval,
        ),
    )
