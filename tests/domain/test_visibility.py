"""The five conditions and the further rules, one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.domain.world import JANE, KIM, LEE, NOON, correspondent, email, in_inbox, jane, rules, stored, the_reason
from threadline.domain.addresses import NearMiss
from threadline.domain.folders import Role
from threadline.domain.visibility import (
    Outcome,
    Policy,
    RemedyAction,
    Rule,
    Where,
    decided_time,
    explain,
)

SECOND = timedelta(seconds=1)
HOURS = timedelta(hours=1)


def test_an_email_that_meets_all_five_conditions_is_shown() -> None:
    verdict = explain(email(), Policy())
    assert verdict.shown
    assert not verdict.linked
    assert verdict.reasons == ()
    assert {c.outcome for c in verdict.conditions} == {Outcome.MET}


@pytest.mark.parametrize("role", ["from", "to", "cc", "bcc"])
def test_the_person_may_stand_in_any_address_field(role: str) -> None:
    facts = email(correspondents=(correspondent("from", KIM), correspondent(role, JANE)))  # type: ignore[arg-type]
    assert explain(facts, Policy()).shown


def test_a_bcc_counts_only_for_the_copy_that_shows_it() -> None:
    bcc = (correspondent("bcc", JANE),)
    to_other = (correspondent("from", KIM), correspondent("to", "other@example.net"))
    senders, colleagues = in_inbox(role=Role.SENT, folder="Sent", bcc=bcc), in_inbox(mailbox=LEE)
    assert rules(email(colleagues, correspondents=to_other)) == (Rule.PRIMARY_ADDRESS,)
    assert explain(email(colleagues, senders, correspondents=to_other), Policy()).best_copy == senders


def test_case_and_unicode_forms_of_an_address_are_the_same() -> None:
    person = jane(stored("Zoe\u0308@BÜCHER.example"))
    assert explain(email(sender="zo\u00eb@xn--bcher-kva.example", person=person), Policy()).shown


def test_the_mailboxs_own_address_is_no_correspondent() -> None:
    reason = the_reason(email(person=jane(stored(KIM))))
    assert reason.rule is Rule.PRIMARY_ADDRESS
    assert "mailbox itself" in reason.text


def test_a_secondary_address_is_a_near_miss_and_the_remedy_is_to_make_it_primary() -> None:
    person = jane(stored(JANE), stored("jd@home.example", primary=False))
    facts = email(sender="JD@home.example", person=person)
    reason = the_reason(facts)
    assert (reason.rule, reason.near_miss) == (Rule.PRIMARY_ADDRESS, NearMiss.SECONDARY_ADDRESS)
    assert reason.remedy.action is RemedyAction.MAKE_PRIMARY
    assert "JD@home.example" in reason.remedy.text
    assert explain(facts, Policy(secondary_addresses=True)).shown


@pytest.mark.parametrize(
    ("written", "stored_as", "near"),
    [
        ("jane+jobs@gmail.com", "jane@gmail.com", NearMiss.PLUS_TAG),
        ("jane@outlook.com", "jane+cv@outlook.com", NearMiss.PLUS_TAG),
        ("j.ane@gmail.com", "jane@gmail.com", NearMiss.DOT_VARIANT),
        ("jane@googlemail.com", "jane@gmail.com", NearMiss.DOT_VARIANT),
        ("jane@example.org", "jane @example.org", NearMiss.STORED_MALFORMED),
        ("jane@example.org", "jane@example.org, jd@home.example", NearMiss.STORED_MALFORMED),
        ("jane@example.org", "jane(at)example.org", NearMiss.STORED_MALFORMED),
        ("jane+jobs@agency.example", "jane@agency.example", NearMiss.PLUS_TAG),
        ("j.ane@example.org", "jane@example.org", None),
    ],
)
def test_near_misses_are_named(written: str, stored_as: str, near: NearMiss | None) -> None:
    reason = the_reason(email(sender=written, person=jane(stored(stored_as))))
    assert reason.near_miss is near
    assert bool(reason.near_miss_text) == (near is not None)


def test_a_stored_address_with_a_stray_space_or_mailto_simply_matches() -> None:
    for written in (" jane@example.org ", "mailto:jane@example.org", "<Jane@Example.org>"):
        assert explain(email(person=jane(stored(written))), Policy()).shown


def test_an_unknown_address_in_a_known_conversation_is_a_near_miss() -> None:
    reason = the_reason(email(sender="jd@private.example", known_conversation=True))
    assert reason.near_miss is NearMiss.UNKNOWN_ADDRESS_KNOWN_CONVERSATION
    assert reason.remedy.action is RemedyAction.ADD_ADDRESS


def test_a_person_without_a_primary_address_is_told_so() -> None:
    reason = the_reason(email(person=replace(jane(), addresses=())))
    assert "no primary address" in reason.text


def test_an_email_of_the_second_in_which_the_person_was_created_is_shown() -> None:
    person = jane(created_at=NOON.replace(microsecond=900_000))
    assert explain(email(person=person), Policy()).shown


def test_an_email_one_second_older_than_the_person_is_not_shown_and_both_times_are() -> None:
    person = jane(created_at=NOON + SECOND)
    header = NOON - timedelta(minutes=5)
    verdict = explain(email(in_inbox(header_at=header), person=person), Policy(), zone=ZoneInfo("Europe/Berlin"))
    (reason,) = verdict.reasons
    assert reason.rule is Rule.AFTER_CREATED
    assert dict(reason.compared) == {
        "Jane Doe was created": "14 Mar 2026, 13:00:01 CET",
        "Time that counts": "14 Mar 2026, 13:00:00 CET",
        "Time at the mail provider": "14 Mar 2026, 13:00:00 CET",
        "Date written in the email": "14 Mar 2026, 12:55:00 CET",
    }
    assert reason.remedy.action is RemedyAction.INCLUDE_EARLIER
    assert explain(email(person=person), Policy(earlier_mail=True)).shown


def test_an_email_in_a_subfolder_is_not_shown_and_says_which_folder() -> None:
    facts = email(in_inbox(role=Role.OTHER, folder="Clients/Acme"))
    reason = the_reason(facts)
    assert reason.rule is Rule.INBOX_OR_SENT
    assert "Clients/Acme" in reason.text
    assert ("Folder", "Clients/Acme") in reason.compared
    assert reason.remedy.action is RemedyAction.INCLUDE_FOLDER
    assert explain(facts, Policy(other_folders=True)).shown


def test_a_folder_that_the_owner_included_counts() -> None:
    verdict = explain(email(in_inbox(role=Role.OTHER, folder="Clients", included=True)), Policy())
    assert verdict.shown


def test_an_email_moved_out_of_the_inbox_says_where_it_is_now() -> None:
    moved = in_inbox(where=Where.ELSEWHERE, where_folder="Archive", where_since=NOON)
    assert "Archive" in the_reason(email(moved)).text
    assert explain(email(moved), Policy(other_folders=True)).shown


def test_an_email_that_is_not_found_says_since_when_and_is_never_called_deleted() -> None:
    lost = in_inbox(where=Where.NOT_FOUND, where_since=NOON)
    reason = the_reason(email(lost), Policy(other_folders=True))
    assert "14 Mar 2026, 12:00 UTC" in reason.text
    assert "delete" not in reason.text
    assert reason.remedy.action is RemedyAction.ATTACH_BY_HAND
    assert the_reason(email(replace(lost, held=False))).remedy.action is RemedyAction.MOVE_TO_INBOX


def test_an_email_in_no_connected_mailbox_says_so() -> None:
    verdict = explain(replace(email(), copies=()), Policy())
    assert [r.rule for r in verdict.reasons] == [Rule.INBOX_OR_SENT]
    assert verdict.best_copy is None
    outcomes = {c.rule: c.outcome for c in verdict.conditions}
    assert outcomes[Rule.AFTER_CREATED] is outcomes[Rule.REFRESHED] is Outcome.NOT_JUDGED


def test_an_email_newer_than_the_last_refresh_says_when_the_next_one_is_due() -> None:
    new = in_inbox(listed=False, held=False, last_refresh_at=NOON - HOURS, next_refresh_at=NOON + 23 * HOURS)
    reason = the_reason(email(new))
    assert reason.rule is Rule.REFRESHED
    assert reason.remedy.action is RemedyAction.REFRESH_NOW
    assert "15 Mar 2026, 11:00 UTC" in reason.remedy.text


def test_a_mailbox_that_is_not_connected_is_to_be_connected_before_a_refresh() -> None:
    new = in_inbox(listed=False, held=False, connected=False, next_refresh_at=None)
    verdict = explain(email(new), Policy())
    assert verdict.reasons[0].remedy.action is RemedyAction.RECONNECT
    assert [note.kind for note in verdict.notes] == ["disconnected"]


@pytest.mark.parametrize(
    ("ledger", "action"),
    [
        ("message_unreadable", RemedyAction.RETRY_LEDGER),
        ("unreadable_at_server", RemedyAction.RETRY_LEDGER),
        ("a reason of the server", RemedyAction.RETRY_LEDGER),
        ("erased", RemedyAction.NONE_NEEDED),
        ("retention", RemedyAction.NONE_NEEDED),
        ("", RemedyAction.REPAIR),
    ],
)
def test_an_email_listed_but_not_held_names_the_ledgers_reason_or_is_our_defect(
    ledger: str, action: RemedyAction
) -> None:
    reason = the_reason(email(in_inbox(held=False, ledger_reason=ledger)))
    assert reason.rule is Rule.IN_EMAILS_TAB
    assert reason.remedy.action is action
    assert "_" not in reason.text + str(reason.compared)  # a sentence, not a code


@pytest.mark.parametrize("changes", [{"listed": False}, {"role": Role.OTHER}, {"where": Where.NOT_FOUND}], ids=str)
def test_the_emails_tab_is_judged_only_where_place_and_refresh_hold(changes: dict[str, object]) -> None:
    verdict = explain(email(in_inbox(held=False, **changes)), Policy())
    assert Rule.IN_EMAILS_TAB not in [r.rule for r in verdict.reasons]
    condition = next(c for c in verdict.conditions if c.rule is Rule.IN_EMAILS_TAB)
    assert condition.outcome is Outcome.NOT_JUDGED


def test_an_email_among_colleagues_stays_off_profiles() -> None:
    colleagues = (correspondent("from", LEE), correspondent("to", KIM))
    facts = email(correspondents=colleagues, person=jane(stored(LEE)))
    reason = the_reason(facts)
    assert reason.rule is Rule.INTERNAL_ONLY
    assert "Jane Doe's own address belongs to a user" in reason.text


def test_one_outsider_in_bcc_makes_an_email_external() -> None:
    copy = in_inbox(role=Role.SENT, bcc=(correspondent("bcc", JANE),))
    facts = email(copy, correspondents=(correspondent("from", KIM), correspondent("to", LEE)))
    assert explain(facts, Policy()).shown


@pytest.mark.parametrize("entry", [JANE, "@example.org"])
def test_a_blocklisted_address_or_domain_is_named(entry: str) -> None:
    reason = the_reason(email(), Policy(blocklist=frozenset({entry})))
    assert reason.rule is Rule.BLOCKLISTED
    assert entry in reason.text


def test_the_companys_own_domain_on_the_blocklist_does_not_hide_the_mailboxs_mail() -> None:
    assert explain(email(), Policy(blocklist=frozenset({"@agency.example"}))).shown


def test_an_email_taken_off_by_hand_stays_off() -> None:
    assert the_reason(email(detached=True)).rule is Rule.DETACHED


def test_all_failing_reasons_are_given_and_the_one_to_fix_first_stands_at_the_front() -> None:
    old_and_filed = in_inbox(role=Role.OTHER, folder="Old", listed=False, decided_at=NOON - timedelta(days=90))
    facts = email(old_and_filed, sender="someone@example.net", detached=True)
    assert rules(facts) == (
        Rule.DETACHED,
        Rule.PRIMARY_ADDRESS,
        Rule.AFTER_CREATED,
        Rule.INBOX_OR_SENT,
        Rule.REFRESHED,
    )


def test_the_best_copy_is_the_one_with_the_fewest_reasons() -> None:
    filed_and_new = in_inbox(role=Role.OTHER, folder="Filed", listed=False)
    new = in_inbox(mailbox=LEE, listed=False, held=False)
    verdict = explain(email(filed_and_new, new), Policy())
    assert verdict.best_copy == new
    assert [r.rule for r in verdict.reasons] == [Rule.REFRESHED]


def test_of_two_copies_with_as_many_reasons_the_easier_one_to_mend_is_told() -> None:
    filed, new = in_inbox(role=Role.OTHER, folder="Filed"), in_inbox(listed=False, held=False)
    for copies in ((filed, new), (new, filed)):
        assert rules(email(*copies)) == (Rule.REFRESHED,)


def test_a_linked_email_that_was_filed_stays_with_a_note() -> None:
    filed = in_inbox(where=Where.ELSEWHERE, where_folder="Clients/Acme")
    verdict = explain(email(filed, linked=True), Policy())
    assert verdict.shown
    assert verdict.reasons == ()
    assert [note.kind for note in verdict.notes] == ["moved"]
    assert "Clients/Acme" in verdict.notes[0].text


def test_a_linked_email_stays_when_the_primary_address_changes() -> None:
    verdict = explain(email(linked=True, person=jane(stored("new@example.org"))), Policy())
    assert verdict.shown
    assert [note.kind for note in verdict.notes] == ["primary_address"]


def test_two_people_with_the_same_address_are_noted() -> None:
    verdict = explain(email(shared_with=("John Doe",)), Policy())
    assert verdict.shown
    assert [note.kind for note in verdict.notes] == ["shared"]
    assert "John Doe" in verdict.notes[0].text


PROVIDER = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "sent", "imap", "counts"),
    [
        (PROVIDER - 47 * HOURS, False, True, PROVIDER),
        (PROVIDER - 48 * HOURS, False, True, PROVIDER),
        (PROVIDER - 48 * HOURS - SECOND, False, True, PROVIDER - 48 * HOURS - SECOND),
        (PROVIDER + 90 * HOURS, False, True, PROVIDER),
        (PROVIDER - HOURS, True, True, PROVIDER - HOURS),
        (PROVIDER - 90 * HOURS, False, False, PROVIDER),
        (PROVIDER - 90 * HOURS, True, False, PROVIDER),
        (None, True, True, PROVIDER),
    ],
)
def test_the_providers_time_decides_but_the_date_header_for_sent_and_migrated_imap_mail(
    header: datetime | None, sent: bool, imap: bool, counts: datetime
) -> None:
    assert decided_time(PROVIDER, header, sent=sent, imap=imap) == counts


def test_without_a_time_at_the_provider_the_date_header_decides() -> None:
    assert decided_time(None, PROVIDER, sent=False, imap=True) == PROVIDER
    assert decided_time(None, None, sent=False, imap=True) is None
