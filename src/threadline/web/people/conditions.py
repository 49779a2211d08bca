"""A verdict as the page lists it: the question's rows, unmet first, with what was compared."""

from __future__ import annotations

from typing import Any

from threadline.clock import now
from threadline.domain.addresses import NearMiss, domain_of
from threadline.domain.facts import CopyFacts, Correspondent, Facts, Where
from threadline.domain.folders import Role
from threadline.domain.near_misses import near_miss
from threadline.domain.verdict import Condition, Outcome, Reason, Rule
from threadline.services.diagnose import Diagnosis
from threadline.services.policy import policy_of
from threadline.storage.models import Person
from threadline.web import times
from threadline.web.people.blind import Hidden
from threadline.web.people.differences import differing, visible
from threadline.web.templatetags.threadline import possessive

FIVE = (Rule.PRIMARY_ADDRESS, Rule.AFTER_CREATED, Rule.INBOX_OR_SENT, Rule.IN_EMAILS_TAB, Rule.REFRESHED)
_OUTCOMES = {Outcome.NOT_MET: "unmet", Outcome.NOT_JUDGED: "unjudged", Outcome.MET: "met"}
_ORDER = ("unmet", "unjudged", "met")
_MOST_ADDRESSES = 6


class Reading:
    """One diagnosis for one reader: what may be said, and the names it is said with."""

    def __init__(self, diagnosis: Diagnosis, person: Person, hidden: Hidden) -> None:
        self.diagnosis = diagnosis
        self.person = person
        self.hidden = hidden
        self.facts: Facts = diagnosis.facts
        self.copy: CopyFacts | None = diagnosis.verdict.best_copy
        self.name = possessive(person.name.split(" ", 1)[0] or person.name)
        self.reasons: dict[Rule, Reason] = {reason.rule: reason for reason in diagnosis.verdict.reasons}

    @property
    def correspondents(self) -> list[Correspondent]:
        """Who is on the email, besides the mailbox itself, as far as this reader may know."""
        everyone = self.facts.correspondents + (self.copy.bcc if self.copy else ())
        own, hidden = self.facts.own_addresses, self.hidden.keys
        return [c for c in everyone if c.key not in own and c.key not in hidden]

    @property
    def near(self) -> tuple[NearMiss, str, str] | None:
        """(kind, the address on the email, the stored one) of the nearest miss that may be told."""
        found = near_miss(self.facts, self.correspondents)
        return (found.kind, found.found, found.stored) if found else None

    @property
    def primary(self) -> str:
        return next((address.as_written for address in self.facts.person.addresses if address.primary), "")

    @property
    def sent(self) -> bool:
        return self.copy is not None and self.copy.sent

    @property
    def folder(self) -> str:
        if self.copy is None:
            return ""
        return self.copy.where_folder if self.copy.where is Where.ELSEWHERE else self.copy.folder


def rows(reading: Reading) -> list[dict[str, Any]]:
    """Unmet ones first, then those not judged yet, then met ones. The further rules only where they fail."""
    listed = []
    for condition in reading.diagnosis.verdict.conditions:
        outcome = _OUTCOMES[condition.outcome]
        if condition.rule in FIVE or outcome == "unmet":
            listed.append(_row(condition, outcome, reading))
    return sorted(listed, key=lambda row: _ORDER.index(row["outcome"]))


def folder_name(copy: CopyFacts) -> str:
    """As people call it: servers write INBOX."""
    return {Role.INBOX: "Inbox", Role.SENT: "Sent items"}.get(copy.role, copy.folder)


def _row(condition: Condition, outcome: str, reading: Reading) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": condition.rule, "outcome": outcome, "text": title(condition.rule, outcome, reading)}
    if outcome == "unmet":
        row["compared"] = _COMPARED[condition.rule](reading)
        row["near_miss"] = _near_text(reading) if condition.rule is Rule.PRIMARY_ADDRESS else ""
    elif outcome == "met":
        row["detail"] = _detail(condition.rule, reading)
    else:
        row["detail"] = _NOT_JUDGED.get(condition.rule, "Cannot be said before a mailbox holds the email.")
    return row


_NOT_JUDGED = {
    Rule.IN_EMAILS_TAB: "Judged once its folder counts. If it were absent then, that would be our fault, "
    "and we would repair it.",
}


def never_refreshed(copy: CopyFacts) -> str:
    """The sentence for a folder that counts since a moment ago: the mailbox was refreshed, that folder was not."""
    return f"{folder_name(copy)} has not been refreshed yet" if copy.last_refresh_at and not copy.folder_listed else ""


def title(rule: Rule, outcome: str, reading: Reading) -> str:
    """The rule in words, as it stands for this email."""
    name = reading.name
    unmet = outcome == "unmet"
    arrived = "was sent" if reading.sent else "arrived"
    box = "Sent" if reading.sent else "Inbox"
    if rule is Rule.REFRESHED and unmet and reading.copy is not None and (said := never_refreshed(reading.copy)):
        return said
    place = "the Inbox or Sent items"
    if not unmet and reading.copy is not None and reading.copy.where is Where.HERE:
        counted = {Role.INBOX: "the Inbox", Role.SENT: "the Sent items"}
        place = counted.get(reading.copy.role, f"a folder that counts, {reading.copy.folder}")
    return {
        Rule.PRIMARY_ADDRESS: f"It is {'not ' if unmet else ''}from or to {name} primary address",
        Rule.AFTER_CREATED: f"It {arrived} {'before' if unmet else 'after'} {name} profile was created",
        Rule.INBOX_OR_SENT: f"It is {'not ' if unmet else ''}in {place}",
        Rule.IN_EMAILS_TAB: f"It is {'not ' if unmet else ''}in Threadline’s own {box} list",
        Rule.REFRESHED: f"{'No' if unmet else 'A'} refresh has run since it arrived",
        Rule.INTERNAL_ONLY: "Everyone on it is a colleague",
        Rule.BLOCKLISTED: "An address on it is on your company’s blocklist",
        Rule.DETACHED: f"Someone took it off {name} profile",
    }[rule]


# --- what was compared ------------------------------------------------------------------------------------------------


def _line(label: str, value: str, *, marked: bool = False, icon: str = "", mono: bool = False) -> dict[str, Any]:
    return {"label": label, "differs" if marked else "value": value, "icon": icon, "mono": mono}


def _addresses(reading: Reading) -> list[dict[str, Any]]:
    label = f"{reading.name} primary address"
    near = reading.near
    if near and near[1]:
        found = near[1]
        against = near[2] if near[0] is not NearMiss.SECONDARY_ADDRESS else reading.primary
        before, differs, after = differing(found, against or reading.primary)
        role = next((c.role for c in reading.correspondents if c.as_written == found), "from")
        said = {"from": "The email is from", "to": "The email is to"}.get(role, "In copy")
        lines = [{"label": said, "before": before, "differs": differs, "after": after, "mono": True}]
    else:
        lines = [_line(label_, value, marked=True, mono=True) for label_, value in _everyone(reading)]
        lines = lines or [_line("Addresses on the email", "none that you may see", marked=True)]
    return [*lines, _line(label, visible(reading.primary) or "none yet", mono=bool(reading.primary))]


def _everyone(reading: Reading) -> list[tuple[str, str]]:
    labels = {"from": "The email is from", "to": "The email is to", "cc": "In copy", "bcc": "In blind copy"}
    everyone = reading.correspondents
    lines = []
    for role, label in labels.items():
        written = [c.as_written for c in everyone if c.role == role]
        if written:
            more = len(written) - _MOST_ADDRESSES
            lines.append((label, ", ".join(written[:_MOST_ADDRESSES]) + (f" and {more} more" if more > 0 else "")))
    return lines


def _times(reading: Reading) -> list[dict[str, Any]]:
    moment = now()
    copy = reading.copy
    arrived = times.exact(copy.decided_at, moment) if copy else "unknown"
    return [
        _line("Sent" if reading.sent else "Received", arrived, marked=True),
        _line("Profile created", times.exact(reading.person.created_at, moment)),
    ]


def _place(reading: Reading) -> list[dict[str, Any]]:
    copy = reading.copy
    counted = _line("Folders that count", "Inbox, Sent items and those you include")
    if copy is None:
        return [_line("Where it is now", "in no connected mailbox", marked=True), counted]
    if copy.where is Where.NOT_FOUND:
        since = f", not found since {times.inline(copy.where_since, now())}" if copy.where_since else ", not found now"
        return [_line("Last seen in", folder_name(copy) + since, marked=True, icon="folder"), counted]
    where = " / ".join(reading.folder.split("/"))
    return [_line("Where it is now", where, marked=True, icon="folder"), counted]


def _list(reading: Reading) -> list[dict[str, Any]]:
    compared = next(c.compared for c in reading.diagnosis.verdict.conditions if c.rule is Rule.IN_EMAILS_TAB)
    return [_line(label, value, marked=label == "Not held because") for label, value in compared]


def _refreshes(reading: Reading) -> list[dict[str, Any]]:
    copy, moment = reading.copy, now()
    if copy is None:
        return []
    last = times.full(copy.last_refresh_at, moment) if copy.last_refresh_at else "none yet"
    lines = [_line("It arrived", times.full(copy.provider_at or copy.decided_at, moment))]
    if never_refreshed(copy):
        lines.append(_line(f"Last refresh of {folder_name(copy)}", "none yet", marked=True))
    else:
        lines.append(_line("Last refresh", last, marked=True))
    if copy.connected and copy.next_refresh_at:
        lines.append(_line("Next, by itself", times.full(copy.next_refresh_at, moment)))
    return lines


def _colleagues(reading: Reading) -> list[dict[str, Any]]:
    return [_line(label, value, mono=True) for label, value in _everyone(reading)]


def _blocked(reading: Reading) -> list[dict[str, Any]]:
    blocklist = policy_of(reading.person.company).blocklist
    keys = [c.key for c in reading.correspondents]
    entries = {entry for key in keys for entry in (key, f"@{domain_of(key)}") if entry in blocklist}
    return [_line("Blocklist", ", ".join(sorted(entries)), marked=True, mono=True)]


def _nothing(_: Reading) -> list[dict[str, Any]]:
    return []


_COMPARED = {
    Rule.PRIMARY_ADDRESS: _addresses,
    Rule.AFTER_CREATED: _times,
    Rule.INBOX_OR_SENT: _place,
    Rule.IN_EMAILS_TAB: _list,
    Rule.REFRESHED: _refreshes,
    Rule.INTERNAL_ONLY: _colleagues,
    Rule.BLOCKLISTED: _blocked,
    Rule.DETACHED: _nothing,
}


def _near_text(reading: Reading) -> str:
    near, name = reading.near, reading.name
    if near is None:
        return ""
    return {
        NearMiss.SECONDARY_ADDRESS: f"this is {name} secondary address. Only the primary one decides what is shown.",
        NearMiss.STORED_MALFORMED: f"the profile says “{visible(near[2])}”, which looks mistyped.",
        NearMiss.PLUS_TAG: "the part from + on differs. Both likely reach the same mailbox.",
        NearMiss.DOT_VARIANT: "only the spelling differs. Both likely reach the same mailbox.",
        NearMiss.UNKNOWN_ADDRESS_KNOWN_CONVERSATION: f"the conversation is on {name} profile already. "
        "This may be another address of theirs.",
    }[near[0]]


def _detail(rule: Rule, reading: Reading) -> str:
    copy, moment = reading.copy, now()
    if rule is Rule.PRIMARY_ADDRESS:
        counted = {address.key: address.primary for address in reading.facts.person.addresses}
        match = next((c for c in reading.correspondents if c.key in counted), None)
        if match is None:
            return "Judged on a colleague’s copy, which shows more than yours."
        return f"{match.as_written} is {'the primary' if counted[match.key] else 'a secondary'} address."
    if copy is None:
        return ""
    if rule is Rule.AFTER_CREATED:
        came = f"{'Sent' if reading.sent else 'Received'} {times.exact(copy.decided_at, moment)}"
        return f"{came} · profile created {times.exact(reading.person.created_at, moment)}"
    if rule is Rule.INBOX_OR_SENT:
        return f"{folder_name(copy)} of {copy.mailbox}"
    if rule is Rule.REFRESHED and copy.last_refresh_at:
        due = f" · next automatic refresh {times.inline(copy.next_refresh_at, moment)}" if copy.next_refresh_at else ""
        return f"Refresh completed {times.inline(copy.last_refresh_at, moment)}{due}"
    return ""
