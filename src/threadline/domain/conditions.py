"""Every rule as a page lists it, met or not, with the values compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from threadline.domain import cases
from threadline.domain.cases import Case, Compared
from threadline.domain.facts import Where
from threadline.domain.folders import Role
from threadline.domain.reasons import reason_for
from threadline.domain.verdict import Condition, Outcome, Rule
from threadline.domain.wording import moment


def conditions_of(failing: Sequence[Rule], case: Case) -> tuple[Condition, ...]:
    """All rules, the five conditions first, in the order in which a page numbers them."""
    return tuple(_condition(rule, failing, case) for rule in Rule)


def _condition(rule: Rule, failing: Sequence[Rule], case: Case) -> Condition:
    compared = _COMPARED[rule](case)
    if rule in failing:
        return Condition(rule, Outcome.NOT_MET, reason_for(rule, case).text, compared)
    if not _judged(rule, failing, case):
        return Condition(rule, Outcome.NOT_JUDGED, _NOT_JUDGED, compared)
    return Condition(rule, Outcome.MET, _MET[rule](case), compared)


_NOT_JUDGED = "Cannot be said before the email is in the Inbox or Sent items and a refresh has listed it."


def _judged(rule: Rule, failing: Sequence[Rule], case: Case) -> bool:
    if rule in {Rule.AFTER_CREATED, Rule.REFRESHED}:
        return case.copy is not None
    if rule is Rule.IN_EMAILS_TAB:
        return Rule.INBOX_OR_SENT not in failing and Rule.REFRESHED not in failing
    return True


def _primary_address(case: Case) -> str:
    counted = {a.key: a.primary for a in case.facts.person.addresses if a.primary or case.policy.secondary_addresses}
    match = next(c for c in case.correspondents if c.key in counted and c.key not in case.facts.own_addresses)
    which = "the primary" if counted[match.key] else "a secondary"
    return f"{match.as_written} is {which} address of {case.name}."


def _after_created(case: Case) -> str:
    if case.policy.earlier_mail:
        return "Your company includes mail from before a person was created."
    return f"The email is not older than the record of {case.name}."


def _inbox_or_sent(case: Case) -> str:
    copy = case.copy
    if copy is None or copy.where is not Where.HERE or (copy.role is Role.OTHER and not copy.included):
        return "Your company counts every folder."
    if copy.role is Role.OTHER:
        return f"The owner of {copy.mailbox} included the folder “{copy.folder}”."
    return f"The email is in “{copy.folder}” of {copy.mailbox}."


def _refreshed(case: Case) -> str:
    copy = case.copy
    if copy is None or copy.last_refresh_at is None:
        return "A completed refresh has listed the email."
    return f"A refresh has listed the email; the last one was on {moment(copy.last_refresh_at, case.zone)}."


def _says(text: str) -> Callable[[Case], str]:
    return lambda case: text.format(name=case.name)


def _nothing(_: Case) -> Compared:
    return ()


_MET: Mapping[Rule, Callable[[Case], str]] = {
    Rule.PRIMARY_ADDRESS: _primary_address,
    Rule.AFTER_CREATED: _after_created,
    Rule.INBOX_OR_SENT: _inbox_or_sent,
    Rule.IN_EMAILS_TAB: _says("The email is in your Emails list."),
    Rule.REFRESHED: _refreshed,
    Rule.INTERNAL_ONLY: _says("Someone outside your company is on the email."),
    Rule.BLOCKLISTED: _says("No one on the email is on the blocklist."),
    Rule.DETACHED: _says("No one has taken the email off the profile of {name}."),
}
_COMPARED: Mapping[Rule, Callable[[Case], Compared]] = {
    Rule.PRIMARY_ADDRESS: cases.compared_addresses,
    Rule.AFTER_CREATED: cases.compared_times,
    Rule.INBOX_OR_SENT: cases.compared_place,
    Rule.IN_EMAILS_TAB: cases.compared_list,
    Rule.REFRESHED: cases.compared_refreshes,
    Rule.INTERNAL_ONLY: _nothing,
    Rule.BLOCKLISTED: _nothing,
    Rule.DETACHED: _nothing,
}
