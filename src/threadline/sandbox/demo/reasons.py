"""One email for each reason why an email does not show, and what must be said about it.

The names of rules and near misses are those of the product's public `explain` output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from threadline.sandbox.demo.compose import Letter, Party
from threadline.sandbox.demo.mails import MARK, SIGNATURE, SOFIA, Mail, inbox, sent
from threadline.sandbox.demo.people import Character
from threadline.sandbox.demo.times import days_ago

PRIMARY, CREATED, FOLDER = "primary_address", "after_created", "inbox_or_sent"


@dataclass(frozen=True, slots=True)
class Case:
    """What must be said about one email and one person, after a refresh that came later than the email."""

    case: str
    message_id: str
    folder: str
    person: str  # external_id
    person_email: str  # as on record; "" for nobody's
    shown: bool
    rules: tuple[str, ...]  # that fail, in no particular order
    near_miss: str
    why: str


@dataclass(frozen=True, slots=True)
class _Lesson:
    case: str
    person: str
    letter: Letter
    folder: str
    rules: tuple[str, ...]
    why: str
    near_miss: str = ""


def reasons(people: tuple[Character, ...], now: datetime) -> Iterator[tuple[Mail, tuple[Case, ...]]]:
    """Each email with the cases it stands for."""
    known = {person.key: person for person in people}
    for lesson in _lessons(known, now):
        by_sofia = lesson.letter.sender == SOFIA
        mail = sent(lesson.letter, lesson.folder) if by_sofia else inbox(lesson.letter, folder=lesson.folder)
        case = Case(
            lesson.case, lesson.letter.id, lesson.folder, lesson.person, known[lesson.person].email, not lesson.rules,
            lesson.rules, lesson.near_miss, lesson.why,
        )  # fmt: skip
        cases = [case]
        if lesson.case == "shared_primary_address":
            cases.append(replace(case, person="cand-104"))
        yield mail, tuple(cases)


def _lessons(known: dict[str, Character], now: datetime) -> Iterator[_Lesson]:
    yield from _by_address(known, now)
    yield from _by_folder_and_time(known, now)
    yield from _by_policy(known, now)


def _write(sender: Party, now: datetime, days: int, subject: str, text: str, hour: int = 10) -> Letter:
    date = days_ago(now, days, hour)
    close = SIGNATURE if sender == SOFIA else sender[0].split()[0]
    return Letter(sender, (SOFIA,), subject, date, f"{text}\n\n{close}\n")


def _by_address(known: dict[str, Character], now: datetime) -> Iterator[_Lesson]:
    yield _Lesson(
        "secondary_address", "cand-001",
        _write(("Anna Berg", "anna@bergekonomi.example"), now, 5, "The certificate Jonas asked for",
               "Hi Sofia,\n\nI am writing from my company's address as the other one is full. The certificate is "
               "on its way by post."),
        "INBOX", (PRIMARY,), "Anna wrote from an address that is on record as secondary.", "secondary_address",
    )  # fmt: skip
    first = _write(SOFIA, now, 11, "A question about your notice period",
                   "Hi Marta,\n\nis it three months to the end of the month, or of the quarter?")  # fmt: skip
    first = replace(first, to=(("Marta Nowak", known["cand-004"].email),))
    yield _Lesson("sent_to_primary_address", "cand-004", first, "Sent", (), "Sent to the primary address: it shows.")
    answer = _write(("Marta", "marta.private@skrzynka.example"), now, 10, "Re: A question about your notice period",
                    "Hi Sofia,\n\nsorry for the other address, I am on my phone. It is the end of the quarter.",
                    hour=15)  # fmt: skip
    yield _Lesson(
        "unknown_address_in_known_conversation", "cand-004", replace(answer, references=(first.id,)), "INBOX",
        (PRIMARY,), "Marta answered from an address that is on nobody's record.", "unknown_address_known_conversation",
    )  # fmt: skip
    yield _Lesson(
        "plus_tag", "cand-005",
        _write(("Lars Holm", "lars.holm+jobs@fjordline.example"), now, 7, "My new telephone number",
               "Hi Sofia,\n\nI have a new number, it is in the attached card. Sorry, there is no card. It ends in 48."),
        "INBOX", (PRIMARY,), "The address carries +jobs, which the one on record does not.", "plus_tag",
    )  # fmt: skip
    for key, case, mistake in (
        ("cand-101", "stored_with_mailto", "mailto:"), ("cand-102", "stored_with_stray_space", "a space"),
    ):  # fmt: skip
        person = known[key]
        yield _Lesson(
            case, key,
            _write((person.name, person.address), now, 14, "Thank you for the call",
                   "Dear Sofia,\n\nthank you for the friendly call. I will think about the position until Friday."),
            "INBOX", (), f"The address on record was pasted with {mistake}; it is compared without: it shows.",
        )  # fmt: skip
    yield _Lesson(
        "person_without_email", "cand-105",
        _write(("Stefan Brückner", "stefan.brueckner@postfach.example"), now, 16, "Nach unserem Gespräch",
               "Liebe Frau Lindqvist,\n\nschön, dass wir uns auf der Messe getroffen haben. Melden Sie sich gern."),
        "INBOX", (PRIMARY,), "There is no address on Stefan's record.",
    )  # fmt: skip
    yield _Lesson(
        "shared_primary_address", "cand-103",
        _write(("Famille Moreau", "famille@moreau.example"), now, 18, "Nos deux candidatures",
               "Bonjour,\n\nmon mari et moi partageons cette adresse. Nous sommes tous les deux disponibles en avril."),
        "INBOX", (), "Two people share this primary address: it shows on both profiles.",
    )  # fmt: skip


def _by_folder_and_time(known: dict[str, Character], now: datetime) -> Iterator[_Lesson]:
    karin = ("Karin Ek", known["cont-002"].email)
    yield _Lesson(
        "before_created", "cont-002",
        _write(karin, now, 34, "Hello from Acme", "Dear Sofia,\n\nI take over payroll from Jonas in summer and wanted "
               "to introduce myself. Let us meet when I have found my desk."),
        "INBOX", (CREATED,), "The email is two weeks older than Karin's profile.",
    )  # fmt: skip
    jonas = ("Jonas Lind", known["cont-001"].email)
    yield _Lesson(
        "in_subfolder", "cont-001",
        _write(jonas, now, 21, "First interview: my impressions", "Hi Sofia,\n\nit was a good talk. The month-end "
               "process is where she could help most. Let us go on."),
        "Clients/Acme", (FOLDER,), "The email was filed in Clients/Acme.",
    )  # fmt: skip
    yield _Lesson(
        "in_junk", "cand-002",
        _write(("Tom Okafor", known["cand-002"].email), now, 4, "FREE on Thursday", "Hi Sofia,\n\nfree on Thursday "
               "after all! Free, free, free. Call me whenever you like."),
        "Junk", (FOLDER,), "The provider put the email into Junk.",
    )  # fmt: skip
    yield _Lesson(
        "in_archive", "cand-003",
        _write(("Priya Raman", known["cand-003"].email), now, 29, "CV and notice period", "Hi Sofia,\n\nmy notice "
               "period is one month. The CV you have is still the current one."),
        "Archive", (FOLDER,), "Sofia archived the email.",
    )  # fmt: skip
    yield _Lesson(
        "in_trash", "cand-009",
        _write(("Åsa Lundström", known["cand-009"].email), now, 13, "Cake!", "Hej Sofia,\n\nthe team sends you a slice "
               "of cake as a thank-you. In thought, as it does not travel."),
        "Trash", (FOLDER,), "The email is in the trash.",
    )  # fmt: skip
    yield _Lesson(
        "several_reasons", "cand-001",
        _write(("Anna Berg", "anna@bergekonomi.example"), now, 240, "Are you still looking for controllers?",
               "Hello,\n\nwe met at the fair in spring. Are you still looking for controllers?"),
        "Clients/Acme", (PRIMARY, CREATED, FOLDER),
        "From a secondary address, older than the profile, and filed in a subfolder.", "secondary_address",
    )  # fmt: skip


def _by_policy(known: dict[str, Character], now: datetime) -> Iterator[_Lesson]:
    yield _Lesson(
        "internal_only", "cont-101",
        _write(MARK, now, 3, "The Acme shortlist, between us", "Sofia,\n\nbefore it goes out: is number two really "
               "ready for this? Let us talk before lunch."),
        "INBOX", ("internal_only",), "Only colleagues took part.",
    )  # fmt: skip
    yield _Lesson(
        "blocklisted", "cont-102",
        _write(("JobBoard", "no-reply@jobboard.example"), now, 2, "Your monthly statistics", "Your adverts were shown "
               "4,118 times last month.\n\nPlease do not answer this email.", hour=7),
        "INBOX", ("blocklisted",), "The sender is on the company's blocklist.",
    )  # fmt: skip
    grace = known["cand-013"]
    hidden = replace(
        _write(SOFIA, now, 17, "References for the Oslo position", "Dear Sigrid,\n\nthe references attached to my "
               "last message were the right ones after all."),
        to=(("Sigrid Aas", known["cont-005"].email),), bcc=((grace.name, grace.email),),
    )  # fmt: skip
    yield _Lesson("blind_copy", "cand-013", hidden, "Sent", (), "In blind copy, which Sofia's own copy shows.")
