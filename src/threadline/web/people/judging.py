"""Which copies a verdict is judged on for one reader, and the whole of what the verdict page shows of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from threadline.clock import now
from threadline.domain.verdict import Rule
from threadline.services import access, diagnose
from threadline.services.diagnose import Diagnosis
from threadline.storage.models import Link, Message, Person, User
from threadline.web import times
from threadline.web.people.blind import Hidden, hidden_from
from threadline.web.people.conditions import FIVE, Reading, rows, title
from threadline.web.people.doors import with_query
from threadline.web.people.files import numbered
from threadline.web.people.remedies import PUT_ON, Remedying

_AWAITED = {Rule.INBOX_OR_SENT, Rule.IN_EMAILS_TAB, Rule.REFRESHED}  # mended by what a refresh brings
_NOTE_ICONS = {"moved": "folder", "not_found": "question", "shared": "people", "disconnected": "break"}


def judge(user: User, message: Message, person: Person) -> Diagnosis:
    """The verdict on a held email, as this reader may know it.

    Where an email lies in a colleague's mailbox is theirs to know until it is on a profile, so a reader with copies of
    their own gets those judged; the best one counts.
    """
    linked = Link.objects.filter(message=message, person=person, detached=False).exists()
    own = [] if linked else list(access.own_mailboxes(user).filter(copies__message=message).distinct())
    if not own:
        return replace(diagnose.explain_held(message, person), subject=access.subject_for(user, message))
    judged = [diagnose.explain_held(message, person, mailbox=mailbox) for mailbox in own]
    return min(judged, key=lambda diagnosis: len(diagnosis.verdict.reasons))


def shown_to(user: User, diagnosis: Diagnosis, person: Person, back: str) -> dict[str, Any]:
    """What the page needs of a verdict: the answer, the rows with their remedies, the notes."""
    hidden = hidden_from(user, diagnosis.message) if diagnosis.message else Hidden()
    reading = Reading(diagnosis, person, hidden)
    remedying = Remedying(reading, user, back)
    conditions: list[dict[str, Any]] = []
    for row in rows(reading):
        found = remedying.remedies(row["rule"]) if row["outcome"] == "unmet" else None
        acts = found.acts if found else []
        # The page's main act is one that mends this email, not a way to look elsewhere.
        main = not conditions and bool(acts) and bool(acts[0].get("post")) and found is not None and found.is_likely
        conditions.append(row | {"remedies": acts, "remedy_note": found.note if found else "", "main": main})
    offered = any(act["text"] == PUT_ON for condition in conditions for act in condition["remedies"])
    return {
        "verdict": diagnosis.verdict,
        "answer": answer(reading),
        "conditions": conditions,
        "notes": notes(reading),
        "put_on": "" if offered else _put_on(diagnosis, person, back),
        "from_to": from_to(reading),
        "attachments": _attachments(diagnosis),
    }


def answer(reading: Reading) -> dict[str, str]:
    """The answer in one sentence, and what to do about it."""
    verdict = reading.diagnosis.verdict
    if verdict.linked:
        return {}
    by_hand = " Or put it on the profile by hand; that always works." if reading.diagnosis.message else ""
    if not verdict.reasons:
        if reading.diagnosis.message:
            text = "It shows within a minute, as soon as the profiles are brought in line."
        else:
            text = "It shows with the next refresh."
        return {"tone": "ok", "title": "All conditions are met.", "text": text}
    failing = [rule for rule in FIVE if rule in reading.reasons]
    further = [rule for rule in reading.reasons if rule not in FIVE]
    if not failing:
        text = _further_text(further[0])
        return {"tone": "warn", "title": f"{title(further[0], 'unmet', reading)}.", "text": text}
    count = len(failing)
    headline = f"{count} of 5 conditions {'is' if count == 1 else 'are'} not met."
    if further:
        headline += f" And {title(further[0], 'unmet', reading)[0].lower()}{title(further[0], 'unmet', reading)[1:]}."
    together = {1: "Fix it", 2: "Fix both"}.get(count + len(further), "Fix them all")
    comes = "as soon as a refresh has run" if _AWAITED & reading.reasons.keys() else "at once"
    return {"tone": "warn", "title": headline, "text": f"{together} and the email shows {comes}.{by_hand}"}


def _further_text(rule: Rule) -> str:
    return {
        Rule.DETACHED: "All five conditions are met, but what a hand took off only a hand puts back.",
        Rule.BLOCKLISTED: "Emails with it stay off all profiles. You can still put this one on by hand.",
    }.get(rule, "Emails among colleagues stay off profiles. You can still put this one on by hand.")


def notes(reading: Reading) -> list[dict[str, str]]:
    """Where we looked and when, both times, what else is worth knowing, and that nothing was changed."""
    diagnosis, moment = reading.diagnosis, now()
    copies = {1: "one copy"}.get(len(diagnosis.found_in), f"{len(diagnosis.found_in) or 'no'} copies")
    if diagnosis.live:
        mailbox = reading.copy.mailbox if reading.copy else "the mailbox"
        looked = f"We asked the live mailbox {mailbox} at {times.inline(diagnosis.as_of, moment)} and found {copies}."
    else:
        looked = (
            f"We hold {copies} of it, as of the refresh at {times.inline(diagnosis.as_of, moment)}."
            if diagnosis.found_in
            else "We hold this email, but no connected mailbox has it any more."
        )
    listed = [{"icon": "search", "text": looked}]
    listed += [
        {"icon": _NOTE_ICONS.get(note.kind, "info"), "text": note.text}
        for note in diagnosis.verdict.notes
        if not reading.hidden.mentioned_in(note.text) and (note.kind != "shared" or diagnosis.verdict.shown)
    ]
    if both := _both_times(reading):
        listed.append({"icon": "clock", "text": both})
    listed.append({"icon": "shield", "text": "The mailbox was only read. Nothing in it was changed."})
    return listed


def _both_times(reading: Reading) -> str:
    copy, moment = reading.copy, now()
    if copy is None:
        return ""
    others = []
    if copy.provider_at and copy.provider_at != copy.decided_at:
        others.append(f"The mail server says {_beside(copy.provider_at, copy.decided_at)}.")
    if copy.header_at and copy.header_at != copy.decided_at:
        others.append(f"The sender’s own clock said {_beside(copy.header_at, copy.decided_at)}.")
    counts = times.exact(copy.decided_at, moment)
    if not others:
        return f"The time that counts is {counts}; the mail server and the sender’s clock agree."
    whose = "the sender’s" if copy.decided_at == copy.header_at else "the mail server’s"
    return f"The time that counts is {whose}, {counts}. {' '.join(others)}"


def _beside(other: datetime, counted: datetime) -> str:
    """Only the clock where the day is the same."""
    if times.local_day(other) == times.local_day(counted):
        return f"{timezone.localtime(other):%H:%M:%S}"
    return times.exact(other, now())


def from_to(reading: Reading) -> str:
    """ "From anna@bergekonomi.example to Sofia Lindqvist"; nobody that only others' blind copies show."""
    everyone = [c for c in reading.facts.correspondents if c.key not in reading.hidden.keys]
    sender = reading.diagnosis.sender or "an unknown sender"
    to = [c.name or c.as_written for c in everyone if c.role == "to"]
    if not to:
        return f"From {sender}"
    more = f" and {len(to) - 2} more" if len(to) > 2 else ""
    return f"From {sender} to {', '.join(to[:2])}{more}"


def _put_on(diagnosis: Diagnosis, person: Person, back: str) -> str:
    if diagnosis.message is None or diagnosis.verdict.linked:
        return ""
    return with_query(reverse("put_on", args=[person.pk, diagnosis.message.pk]), back=back)


def _attachments(diagnosis: Diagnosis) -> int:
    if diagnosis.message is None:
        return 0
    body = diagnosis.message.bodies.only("attachments").order_by("pk").first()
    return len(numbered(body.attachments)) if body else 0
