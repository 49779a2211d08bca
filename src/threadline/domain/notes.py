"""What is worth knowing beside a verdict: what no longer holds on a linked email, and who shares it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from threadline.domain.cases import Case, blocklist_entries
from threadline.domain.facts import Where
from threadline.domain.verdict import Note, Rule
from threadline.domain.wording import listed, moment


def notes_of(failing: Sequence[Rule], case: Case) -> tuple[Note, ...]:
    """The notes of a verdict. On an email that is not linked, what fails is a reason and not a note."""
    return tuple(_notes(failing, case))


def _notes(failing: Sequence[Rule], case: Case) -> Iterator[Note]:
    if case.facts.linked:
        for rule in failing:
            yield _NOTES[rule](case)
    if case.facts.shared_with:
        yield Note(
            "shared",
            f"{listed(case.facts.shared_with)} has the same primary address, so the email is there too.",
        )
    if case.copy and not case.copy.connected:
        yield Note("disconnected", f"{case.copy.mailbox} is not connected: nothing newer comes in from it.")


def _moved(case: Case) -> Note:
    copy = case.copy
    if copy is None:
        return Note("not_found", "No connected mailbox holds this email any more. Threadline keeps it.")
    if copy.where is Where.NOT_FOUND:
        since = f" since {moment(copy.where_since, case.zone)}" if copy.where_since else ""
        return Note("not_found", f"Not found in {copy.mailbox}{since}. Threadline keeps the email.")
    folder = copy.where_folder if copy.where is Where.ELSEWHERE else copy.folder
    return Note("moved", f"Now in “{folder}” of {copy.mailbox}. It stays on the profile.")


def _blocklisted(case: Case) -> Note:
    return Note(
        "blocklisted",
        f"{listed(blocklist_entries(case))} is on the blocklist now. The email stays on the profile.",
    )


def _says(kind: Rule, text: str) -> Callable[[Case], Note]:
    return lambda case: Note(kind.value, text.format(name=case.name))


_NOTES: Mapping[Rule, Callable[[Case], Note]] = {
    Rule.PRIMARY_ADDRESS: _says(
        Rule.PRIMARY_ADDRESS, "The email was linked by an address that is not the primary one of {name} now."
    ),
    Rule.AFTER_CREATED: _says(Rule.AFTER_CREATED, "The email is from before {name} was created."),
    Rule.INBOX_OR_SENT: _moved,
    Rule.IN_EMAILS_TAB: _says(Rule.IN_EMAILS_TAB, "This copy is not in your Emails list."),
    Rule.REFRESHED: _says(Rule.REFRESHED, "No refresh has listed this copy since it arrived."),
    Rule.INTERNAL_ONLY: _says(Rule.INTERNAL_ONLY, "Everyone on this email is a colleague of your company now."),
    Rule.BLOCKLISTED: _blocklisted,
    Rule.DETACHED: _says(Rule.DETACHED, "The email was once taken off the profile of {name} by hand."),
}
