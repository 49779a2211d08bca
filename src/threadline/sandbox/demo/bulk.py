"""The rest of an inbox: newsletters, job-board notifications and a mailing list."""

from __future__ import annotations

import html
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from threadline.sandbox.demo.compose import Letter
from threadline.sandbox.demo.mails import SEEN, SOFIA, Mail, inbox
from threadline.sandbox.demo.people import Character
from threadline.sandbox.demo.scripts import paragraphs
from threadline.sandbox.demo.times import OFFICE, at_work

_NEWSLETTERS = (
    ("Talent Weekly", "editor@talentweekly.example", "Talent Weekly: {0}", "#0B5E70"),
    ("HR Nordic", "news@hrnordic.example", "{0}, and four more stories", "#7E4F00"),
    ("The Payroll Letter", "hello@payrollletter.example", "The Payroll Letter No. {1}: {0}", "#1A6B40"),
    ("Fair Days", "events@fairdays.example", "Next month at Fair Days: {0}", "#5E3A87"),
)
_LISTENERS = (
    ("Birgit Falk", "birgit.falk@agentur.example"), ("Samuel Owusu", "samuel@brightpeople.example"),
    ("Johanna Lehtonen", "johanna.lehtonen@hakemus.example"), ("Pieter de Vries", "pieter@werving.example"),
)  # fmt: skip


def bulk(people: tuple[Character, ...], now: datetime) -> Iterator[Mail]:
    """A year of it, up to now."""
    yield from _newsletters(now)
    yield from _applications(people, now)
    yield from mailing_list(now)


def _flags(date: datetime, now: datetime, chance: random.Random) -> frozenset[str]:
    return SEEN if now - date > timedelta(days=2) and chance.random() < 0.85 else frozenset()


def _newsletters(now: datetime) -> Iterator[Mail]:
    chance = random.Random("newsletters")  # noqa: S311
    topics = paragraphs("topics")
    for week in range(52):
        name, address, subject, colour = _NEWSLETTERS[week % len(_NEWSLETTERS)]
        # The newest one is two hours old, on whatever day of the week that is.
        date = (now - timedelta(hours=2, days=7 * week)).astimezone(OFFICE).replace(microsecond=0)
        stories = [topics[(week * 3 + n) % len(topics)] for n in range(5)]
        unsubscribe = f"https://{address.partition('@')[2]}/unsubscribe/{week:04d}"
        letter = Letter(
            (name, address), (SOFIA,), subject.format(stories[0][0], 212 - week), date,
            "\n\n".join(f"{title}\n{summary}" for title, summary in stories) + f"\n\nUnsubscribe: {unsubscribe}\n",
            html=_newsletter_html(name, colour, stories, unsubscribe),
            headers=(("List-Unsubscribe", f"<{unsubscribe}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
                     ("List-Id", f"{name} <{address.replace('@', '.')}>"), ("Precedence", "bulk")),
        )  # fmt: skip
        yield inbox(letter, flags=_flags(date, now, chance))


def _newsletter_html(name: str, colour: str, stories: list[tuple[str, str]], unsubscribe: str) -> str:
    host = html.escape(unsubscribe.split("/")[2])
    rows = "".join(
        f'<tr><td style="padding:18px 24px;border-bottom:1px solid #e2dfd7;font-family:Georgia,serif">'
        f'<img src="https://{host}/img/{n}.jpg" width="120" height="80" align="right" alt="">'
        f'<h2 style="margin:0 0 6px;font-size:18px;color:{colour}">{html.escape(title)}</h2>'
        f'<p style="margin:0;font-size:14px;line-height:21px">{html.escape(text)} '
        f'<a href="https://{host}/read/{n}" style="color:{colour}">Read on</a></p></td></tr>\n'
        for n, (title, text) in enumerate(stories, 1)
    )
    return (
        f"<!doctype html><html><head><style>td {{ max-width: 600px }} a:hover {{ color: red }}</style></head>"
        f'<body bgcolor="#f3f2ee"><table width="600" align="center" cellpadding="0" bgcolor="#ffffff">\n'
        f'<tr><td bgcolor="{colour}" style="padding:24px;color:#ffffff;font:bold 24px Georgia">{html.escape(name)}'
        f"</td></tr>\n{rows}"
        f'<tr><td style="padding:18px 24px;font-size:12px;color:#777">You receive this because you subscribed. '
        f'<a href="{unsubscribe}">Unsubscribe</a><img src="https://{host}/open.gif" width="1" height="1" alt="">'
        f"</td></tr></table></body></html>\n"
    )


def _applications(people: tuple[Character, ...], now: datetime) -> Iterator[Mail]:
    chance = random.Random("jobboard")  # noqa: S311
    roles = [(p.role, p.city) for p in people if p.kind == "contact" and p.role]
    openings = ("saw your advert in the search", "came from a shared link", "found you in the weekly digest")
    for number in range(72):
        date = at_work(now - timedelta(days=1 + 5 * number, hours=chance.randrange(9)), chance)
        if date > now:
            continue
        role, city = roles[number % len(roles)]
        count = chance.randint(1, 6)
        noun = "applicant" if count == 1 else "applicants"
        text = (
            f"Your advert {role} in {city} has {count} new {noun}.\n\nMost of them {chance.choice(openings)}. It was "
            f"shown {chance.randint(120, 900)} times this week and stays online for {chance.randint(3, 25)} more days."
            f"\n\nSee the applications: https://jobboard.example/adverts/{7000 + number}\n\n"
            "Please do not answer this email.\n"
        )
        letter = Letter(
            ("JobBoard", "no-reply@jobboard.example"), (SOFIA,), f"{count} new {noun} for {role}", date, text,
            headers=(("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")),
        )  # fmt: skip
        yield inbox(letter, flags=_flags(date, now, chance))


def mailing_list(now: datetime) -> Iterator[Mail]:
    """A list that more than one recruiter reads: the same emails, with the same ids, in each of their mailboxes."""
    chance = random.Random("list")  # noqa: S311
    address = "recruiters@lists.meetup.example"
    posts = paragraphs("list")
    for number in range(3 * len(posts)):
        subject, text = posts[number % len(posts)]
        writer = _LISTENERS[(number * 3 + number // len(posts)) % len(_LISTENERS)]
        date = at_work(now - timedelta(days=3 + 14 * number), chance)
        letter = Letter(
            writer, (("Recruiters Nordic", address),), f"[recruiters] {subject}", date,
            f"Hello all,\n\n{text}\n\n{writer[0]}\n\n_______________________________________________\n"
            f"recruiters mailing list, {address}\nhttps://lists.meetup.example/recruiters\n",
            headers=(("List-Id", "Recruiters Nordic <recruiters.lists.meetup.example>"), ("Precedence", "list"),
                     ("List-Post", f"<mailto:{address}>")),
        )  # fmt: skip
        yield inbox(letter, flags=_flags(date, now, chance))
