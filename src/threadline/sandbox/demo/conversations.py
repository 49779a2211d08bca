"""The conversations: every script a person takes part in, played through the months since they are on record."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from threadline.sandbox.demo import files, scripts
from threadline.sandbox.demo.compose import File, Letter, as_html, quoted_reply
from threadline.sandbox.demo.mails import MARK, SEEN, SOFIAS, Mail, Owner, inbox, sent
from threadline.sandbox.demo.people import Character
from threadline.sandbox.demo.times import at_work, spoken, working_days_later

_LOGO_ID = "logo@northgate.example"
_UNREAD_SINCE = timedelta(hours=20)
_TITLES = {
    "cv": ("CV", ["Curriculum vitae", "Professional experience", "Education", "Languages and systems"]),
    "certificate": ("Certificate", ["This is to certify the successful completion", "of the programme in full."]),
    "contract": ("Contract", ["Employment contract", "Parties", "Place of work", "Remuneration", "Notice"]),
    "description": ("Job_description", ["Tasks", "Requirements", "What we offer", "How to apply"]),
    "references": ("References", ["Two former managers, with telephone numbers."]),
    "invoice": ("Invoice", ["Placement fee", "VAT 25 %", "Payable within thirty days"]),
    "report": ("Salary_survey_extract", ["Median, lower and upper quartile", "By city and years of experience"]),
}


@dataclass(slots=True)
class _Thread:
    """A conversation under way."""

    owner: Owner
    person: Character
    script: scripts.Script
    chance: random.Random
    meeting: datetime
    blanks: dict[str, str]
    previous: Letter | None = None
    previous_text: str = ""
    ids: tuple[str, ...] = ()


def conversations(people: tuple[Character, ...], now: datetime, owner: Owner = SOFIAS) -> Iterator[Mail]:
    """Every mail of every conversation that has been written by now."""
    by_name = scripts.by_name()
    for person in people:
        created = now - timedelta(days=person.created)
        pause = timedelta(days=person.created) / max(1, len(person.scripts))
        for number, name in enumerate(person.scripts):
            begin = created + timedelta(hours=2) + pause * number
            if number and number == len(person.scripts) - 1:
                # The last one is going on right now, so that the top of the mailbox is alive.
                begin = now - timedelta(days=2 + len(person.name) % 9)
            yield from _play(person, by_name[name], f"{owner.seed}{person.key}/{number}", begin, now, owner)


def colleague(now: datetime) -> Iterator[Mail]:
    """What Sofia and Mark write to each other."""
    mark = Character("", "", MARK[0], MARK[1], 0)
    for number, script in enumerate(scripts.load("colleague")):
        yield from _play(mark, script, f"colleague/{number}", now - timedelta(days=9 + 41 * number), now)


def _play(
    person: Character, script: scripts.Script, seed: str, begin: datetime, now: datetime, owner: Owner = SOFIAS
) -> Iterator[Mail]:
    chance = random.Random(seed)  # noqa: S311  (a seed makes the demo the same every time)
    moment = at_work(begin, chance)
    meeting = working_days_later(moment, 6 + chance.randrange(3), chance.choice((9, 10, 11, 13, 14, 15)))
    thread = _Thread(owner, person, script, chance, meeting, _blanks(person, meeting, chance))
    for turn in script.turns:
        if turn.after_meeting:
            moment = max(moment, meeting + timedelta(hours=2))
        if moment > now:
            return
        letter = _letter(thread, turn, moment)
        old = now - moment > _UNREAD_SINCE
        answered = frozenset({"\\Seen", "\\Answered"}) if old and chance.random() < 0.6 else SEEN
        if turn.by_sofia:
            yield sent(letter)
        else:
            yield inbox(letter, flags=answered if old else frozenset(), folder=_filed(person, now - moment))
        moment = at_work(moment + timedelta(minutes=chance.choice((25, 70, 190, 420, 1300))), chance)


def _filed(person: Character, age: timedelta) -> str:
    """Sofia files what she is done with, as recruiters do: by client, or away."""
    if person.client == "Acme" and age > timedelta(days=180):
        return "Clients/Acme"
    return "Archive" if age > timedelta(days=280) else "INBOX"


def _blanks(person: Character, meeting: datetime, chance: random.Random) -> dict[str, str]:
    return {
        "first": person.first, "name": person.name, "role": person.role, "client": person.client,
        "city": person.city, "salary": person.salary, "notice": person.notice, "day": spoken(meeting),
        "time": f"{meeting:%H:%M}", "number": str(chance.randint(1000, 9999)),
    }  # fmt: skip


def _letter(thread: _Thread, turn: scripts.Turn, moment: datetime) -> Letter:
    person, chance = thread.person, thread.chance
    other = (person.name, person.address)
    text = scripts.fill(turn.text, thread.blanks, chance).replace(SOFIAS.first, thread.owner.first)
    signature = thread.owner.signature if turn.by_sofia else f"{_greeting(person)}\n{_sign_off(person)}"
    subject = scripts.fill(thread.script.subject, thread.blanks, chance)
    quote = quoted_reply(thread.previous, thread.previous_text) if thread.previous else ""
    whole = f"{text}\n\n{signature}"
    rich = turn.by_sofia or sum(map(ord, person.key)) % 3 != 0
    attached = [_attachment(thread, turn, moment)] if turn.attachment else []
    if turn.by_sofia and not thread.ids:
        attached.append(File("logo.png", "image/png", files.logo(), inline_id=_LOGO_ID))
    shows_logo = turn.by_sofia and not thread.ids
    letter = Letter(
        sender=thread.owner.party if turn.by_sofia else other,
        to=(other,) if turn.by_sofia else (thread.owner.party,),
        subject=f"Re: {subject}" if thread.ids else subject,
        date=moment,
        text=f"{whole}\n\n{quote}\n" if quote else f"{whole}\n",
        html=as_html(whole, quote, _LOGO_ID if shows_logo else "") if rich else "",
        references=thread.ids,
        files=tuple(attached),
    )
    thread.previous, thread.previous_text = letter, text
    thread.ids = (*thread.ids, letter.id)
    return letter


def _greeting(person: Character) -> str:
    by_domain = {
        "poczta": "Pozdrawiam", "courriel": "Cordialement", "firma": "Mit freundlichen Grüßen", "brev": "Hälsningar",
        "postfach": "Viele Grüße", "brevkasse": "Vennlig hilsen", "posta": "Un caro saluto", "buzon": "Un saludo",
    }  # fmt: skip
    return by_domain.get(person.address.rpartition("@")[2].split(".")[0], "Kind regards,")


def _sign_off(person: Character) -> str:
    if person.kind == "contact":
        return f"{person.name}\n{person.client}, {person.city} · {person.phone}"
    return person.first if len(person.key) % 2 else f"{person.name}\n{person.phone}".strip()


def _attachment(thread: _Thread, turn: scripts.Turn, moment: datetime) -> File:
    person = thread.person
    if turn.attachment == "invite":
        summary = f"Interview: {person.role}, {person.client}"
        uid = f"{thread.owner.seed}{person.key}-{thread.meeting:%Y%m%d}@northgate.example"
        data = files.invitation(
            uid, summary, thread.meeting, thread.owner.party[1], person.address, f"{person.client}, {person.city}"
        )
        return File("invite.ics", "text/calendar", data, method="REQUEST")
    stem, lines = _TITLES[turn.attachment]
    name = f"{stem}_{person.name.replace(' ', '_')}_{moment.year}.pdf"
    title = stem.replace("_", " ")
    return File(name, "application/pdf", files.pdf(f"{title}: {person.name}", lines, ballast=len(person.name) * 2500))
