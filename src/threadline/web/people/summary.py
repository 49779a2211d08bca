"""The profiles that one email concerns, in a phrase each: it is there, or the first thing that keeps it off."""

from __future__ import annotations

from typing import TypedDict

from django.urls import reverse

from threadline.domain.verdict import Rule
from threadline.services.diagnose import Diagnosis, profiles_of
from threadline.storage.models import Link, Message, Person, User
from threadline.web.people.blind import Hidden, hidden_from
from threadline.web.people.conditions import never_refreshed


class OnProfile(TypedDict):
    """A line of `parts/on_profiles.html`."""

    shown: bool
    name: str
    kind: str
    reason: str
    url: str  # the profile, or why it is not there


_ROLES = {"from": "they sent it", "to": "it went to them", "cc": "in copy", "bcc": "in blind copy"}
_FIRST_REASON = {
    Rule.PRIMARY_ADDRESS: "not shown: not their primary address",
    Rule.AFTER_CREATED: "not shown: this came before the profile was created",
    Rule.INBOX_OR_SENT: "not shown: it is not in the Inbox or Sent items",
    Rule.IN_EMAILS_TAB: "not shown: it is not in the Emails list",
    Rule.REFRESHED: "not shown: no refresh has run since it arrived",
    Rule.INTERNAL_ONLY: "not shown: everyone on it is a colleague",
    Rule.BLOCKLISTED: "not shown: an address on it is on the blocklist",
    Rule.DETACHED: "not shown: it was taken off by hand",
}


def profiles_summary(message: Message, user: User) -> list[OnProfile]:
    """Everyone the email concerns, those it shows for first. Blind copies of others stay unsaid."""
    hidden = hidden_from(user, message)
    links = {link.person_id: link for link in Link.objects.filter(message=message)}
    lines = []
    for person, diagnosis in profiles_of(message):
        verdict = diagnosis.verdict
        if not verdict.shown and _only_blind(person, hidden):
            continue
        lines.append(
            OnProfile(
                shown=verdict.shown,
                name=person.name,
                kind=person.kind,
                reason=_shown(links.get(person.pk), person, hidden) if verdict.shown else short_reason(diagnosis),
                url=reverse("person", args=[person.pk])
                if verdict.shown
                else reverse("verdict", args=[person.pk, message.pk]),
            )
        )
    return lines


def short_reason(diagnosis: Diagnosis) -> str:
    """The first failing rule in a phrase."""
    reasons, copy = diagnosis.verdict.reasons, diagnosis.verdict.best_copy
    if reasons and reasons[0].rule is Rule.REFRESHED and copy is not None and (said := never_refreshed(copy)):
        return f"not shown: {said}"
    return _FIRST_REASON[reasons[0].rule] if reasons else "all conditions are met"


def _shown(link: Link | None, person: Person, hidden: Hidden) -> str:
    if link is None or link.detached:
        return "all conditions are met; it shows in a moment"
    if link.made == Link.Made.HAND:
        return "put there by hand"
    if link.role == "bcc" and _only_blind(person, hidden):
        return "by a colleague’s copy"
    reason = _ROLES.get(link.role, "by an address it had before")
    return f"{reason}; another profile has the same address" if link.shared else reason


def _only_blind(person: Person, hidden: Hidden) -> bool:
    return any(held.address.key in hidden.keys for held in person.addresses.select_related("address"))
