"""Why an email is not on a profile: a sentence, the values compared, and the one click that helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from threadline.domain.addresses import NearMiss
from threadline.domain.cases import (
    KEPT_OUT,
    Case,
    Compared,
    blocklist_entries,
    compared_addresses,
    compared_list,
    compared_place,
    compared_refreshes,
    compared_times,
)
from threadline.domain.cause_texts import cause_clause
from threadline.domain.facts import Where
from threadline.domain.near_misses import Near, near_miss
from threadline.domain.set_aside import REASONS
from threadline.domain.verdict import Reason, Remedy, RemedyAction, Rule
from threadline.domain.wording import listed, moment


def reason_for(rule: Rule, case: Case) -> Reason:
    """The reason that this rule, which fails, gives."""
    return _REASONS[rule](case)


def _primary_address(case: Case) -> Reason:
    near = near_miss(case.facts, case.correspondents)
    if near:
        text = f"No one on this email has the primary address of {case.name}, but one address comes near."
    elif not case.primary:
        text = f"{case.name} has no primary address, so no email can be matched."
    elif any(a.primary and a.key in case.facts.own_addresses for a in case.facts.person.addresses):
        text = f"The primary address of {case.name} is that of the connected mailbox itself, which never counts."
    else:
        text = f"No one on this email has the primary address of {case.name}, {case.primary}."
    return Reason(
        Rule.PRIMARY_ADDRESS,
        text,
        compared_addresses(case),
        near.kind if near else None,
        near.text if near else "",
        _address_remedy(case, near),
    )


def _address_remedy(case: Case, near: Near | None) -> Remedy:
    name = case.name
    if near is None:
        if case.primary:
            return Remedy(
                RemedyAction.ADD_ADDRESS,
                f"If one of these addresses is {name}'s, make it their primary address.",
            )
        return Remedy(RemedyAction.ADD_ADDRESS, f"Give {name} a primary address.")
    if near.kind is NearMiss.SECONDARY_ADDRESS:
        text = f"Make {near.found} the primary address of {name}, or let secondary addresses count."
        return Remedy(RemedyAction.MAKE_PRIMARY, text)
    if near.kind is NearMiss.STORED_MALFORMED:
        return Remedy(RemedyAction.FIX_ADDRESS, f"Correct the stored address to {near.found}.")
    return Remedy(RemedyAction.ADD_ADDRESS, f"If {near.found} is {name}'s address, make it their primary address.")


def _after_created(case: Case) -> Reason:
    assert case.copy is not None  # noqa: S101 - without a copy there is no time to judge
    decided, created = (moment(t, case.zone) for t in (case.copy.decided_at, case.facts.person.created_at))
    text = f"The email is from {decided}, before {case.name} was created on {created}."
    remedy = "Include mail from before a person was created, or attach this email by hand."
    return _plain(Rule.AFTER_CREATED, text, compared_times(case), RemedyAction.INCLUDE_EARLIER, remedy)


def _inbox_or_sent(case: Case) -> Reason:
    copy, compared = case.copy, compared_place(case)
    if copy is None:
        text = "No connected mailbox holds this email."
        remedy = "Connect the mailbox that received or sent it. If it is connected, refresh it and look again."
        return _plain(Rule.INBOX_OR_SENT, text, compared, RemedyAction.CONNECT_MAILBOX, remedy)
    if copy.where is Where.NOT_FOUND:
        since = f" since {moment(copy.where_since, case.zone)}" if copy.where_since else ""
        text = f"The email has not been found in {copy.mailbox}{since}. It was last seen in {copy.folder}."
        if copy.held:
            remedy = "Threadline still holds the email: attach it by hand."
            return _plain(Rule.INBOX_OR_SENT, text, compared, RemedyAction.ATTACH_BY_HAND, remedy)
        remedy = "Move it back to the Inbox, from the deleted items for instance, then refresh."
        return _plain(Rule.INBOX_OR_SENT, text, compared, RemedyAction.MOVE_TO_INBOX, remedy)
    folder = copy.where_folder if copy.where is Where.ELSEWHERE else copy.folder
    text = f"The email is in the folder “{folder}” of {copy.mailbox}, not in the Inbox or Sent items."
    remedy = f"Include the folder “{folder}”, or move the email to the Inbox and refresh."
    return _plain(Rule.INBOX_OR_SENT, text, compared, RemedyAction.INCLUDE_FOLDER, remedy)


def _in_emails_tab(case: Case) -> Reason:
    assert case.copy is not None  # noqa: S101 - only judged for a copy
    copy, compared = case.copy, compared_list(case)
    if copy.ledger_reason in KEPT_OUT:
        text = f"Threadline keeps this email out on purpose: {KEPT_OUT[copy.ledger_reason]}."
        return _plain(Rule.IN_EMAILS_TAB, text, compared, RemedyAction.NONE_NEEDED, "Nothing needs to be done.")
    if copy.ledger_reason:
        clause = cause_clause(copy.ledger_reason)
        why = REASONS.get(copy.ledger_reason) or f"{clause[:1].upper()}{clause[1:]}."
        text = f"The email is in {copy.folder} of {copy.mailbox}, but is set aside: it could not be stored. {why}"
        remedy = (
            "Try to fetch it again now; the page Set aside names it and its next try. "
            "Threadline also tries again by itself."
        )
        return _plain(Rule.IN_EMAILS_TAB, text, compared, RemedyAction.RETRY_LEDGER, remedy)
    text = f"The email is in {copy.folder} of {copy.mailbox} and should be in your Emails list: our mistake."
    remedy = "Repair: list the folder again and fetch the email."
    return _plain(Rule.IN_EMAILS_TAB, text, compared, RemedyAction.REPAIR, remedy)


def _refreshed(case: Case) -> Reason:
    assert case.copy is not None  # noqa: S101 - only judged for a copy
    copy, compared = case.copy, compared_refreshes(case)
    if copy.last_refresh_at:
        last = f"the last one was on {moment(copy.last_refresh_at, case.zone)}"
    else:
        last = "there has been none yet"
    if copy.folder_listed or not copy.last_refresh_at:
        text = f"{copy.mailbox} has not been refreshed since the email arrived; {last}."
    else:
        text = f"{copy.folder} of {copy.mailbox} has not been refreshed yet."
    if not copy.connected:
        remedy = "The mailbox is not connected. Connect it again; the refresh then starts by itself."
        return _plain(Rule.REFRESHED, text, compared, RemedyAction.RECONNECT, remedy)
    due = copy.next_refresh_at
    remedy = "Refresh now." + (f" The next automatic refresh is due on {moment(due, case.zone)}." if due else "")
    return _plain(Rule.REFRESHED, text, compared, RemedyAction.REFRESH_NOW, remedy)


def _internal_only(case: Case) -> Reason:
    text = "Everyone on this email is a colleague of your company, and internal emails stay off profiles."
    if any(a.key in case.facts.company_addresses for a in case.facts.person.addresses):
        text += f" {case.name}'s own address belongs to a user or a mailbox of your company."
    remedy = "If it belongs on the profile, attach it by hand."
    return _plain(Rule.INTERNAL_ONLY, text, compared_addresses(case), RemedyAction.ATTACH_BY_HAND, remedy)


def _blocklisted(case: Case) -> Reason:
    entries = listed(blocklist_entries(case))
    text = f"Your company keeps emails with {entries} off all profiles."
    remedy = f"Take {entries} off the blocklist, if these emails should show."
    return _plain(Rule.BLOCKLISTED, text, (("Blocklist", entries),), RemedyAction.EDIT_BLOCKLIST, remedy)


def _detached(case: Case) -> Reason:
    text = f"Someone took this email off the profile of {case.name} by hand."
    return _plain(Rule.DETACHED, text, (), RemedyAction.ATTACH_BY_HAND, "Attach it again.")


def _plain(rule: Rule, text: str, compared: Compared, action: RemedyAction, remedy: str) -> Reason:
    return Reason(rule, text, compared, None, "", Remedy(action, remedy))


_REASONS: Mapping[Rule, Callable[[Case], Reason]] = {
    Rule.PRIMARY_ADDRESS: _primary_address,
    Rule.AFTER_CREATED: _after_created,
    Rule.INBOX_OR_SENT: _inbox_or_sent,
    Rule.IN_EMAILS_TAB: _in_emails_tab,
    Rule.REFRESHED: _refreshed,
    Rule.INTERNAL_ONLY: _internal_only,
    Rule.BLOCKLISTED: _blocklisted,
    Rule.DETACHED: _detached,
}
