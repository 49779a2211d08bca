"""The items of the thread line down a profile: conversations newest first, their emails, breaks, and the start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from threadline.clock import now
from threadline.domain.conversation import base_subject
from threadline.domain.facts import Where
from threadline.services.policy import policy_of
from threadline.storage.models import Copy, Person, User
from threadline.web import times
from threadline.web.people import breaks
from threadline.web.people.breaks import Interval, span
from threadline.web.people.files import numbered
from threadline.web.people.held import Shown, Thread, is_filed, sketches_of, threads_of, with_copies
from threadline.web.templatetags.threadline import possessive

THREADS = 20  # conversations on a page
OPEN = 12  # emails that are open without asking, in the newest conversations
MOST_OPEN = 40  # emails of one conversation that are shown at once
EXTRACT = 140  # characters: two or three lines of a card
LONG = 120  # a conversation of more emails is read on a page of its own
_MOST_DOTS = 12
_MOST_FILES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A page of a profile's timeline."""

    items: list[dict[str, Any]]
    newer: int | None  # page numbers, from 1
    older: int | None


def line_of(person: Person, user: User, *, page: int, opened: int) -> Line:
    """The timeline of a profile. `opened` is the conversation that was asked to be unfolded."""
    start = (page - 1) * THREADS
    threads = threads_of(person, start=start, size=THREADS + 1)
    more, threads = len(threads) > THREADS, threads[:THREADS]
    by_thread: dict[int, list[Shown]] = defaultdict(list)
    short = [thread.conversation_id for thread in threads if thread.count <= LONG]
    for shown in sketches_of(person, short, user):
        by_thread[shown.link.message.conversation_id].append(shown)
    unfolded = _unfolded(threads, opened, first_page=page == 1)
    emails = [shown for thread in unfolded for shown in by_thread[thread][:MOST_OPEN]]
    whole = {shown.link.pk: shown for shown in with_copies(emails, user)}
    firsts = with_copies([here[-1] for here in by_thread.values() if here], user)
    subjects = {first.link.message.conversation_id: first.subject for first in firsts}
    items: list[dict[str, Any]] = []
    for thread in threads:
        here = by_thread[thread.conversation_id]
        cut = MOST_OPEN if thread.conversation_id in unfolded else 0
        items.append(_conversation(thread, subjects.get(thread.conversation_id, "")))
        items += [email_item(whole[shown.link.pk], person) for shown in here[:cut]]
        if here[cut:] or not here:
            items.append(_folded(person, thread, here[cut:], page, cut=cut))
    items = broken(items, list(whole.values()), person, user, newest_page=page == 1)
    if not more:
        items.append(_start(person, user))
    return Line(items, page - 1 if page > 1 else None, page + 1 if more else None)


def _unfolded(threads: Sequence[Thread], opened: int, *, first_page: bool) -> set[int]:
    """The newest conversations as long as they are short together, and the one asked for."""
    unfolded, emails = {opened}, 0
    for thread in threads if first_page else ():
        emails += thread.count
        if unfolded - {opened} and emails > OPEN:
            break
        if thread.count <= MOST_OPEN:
            unfolded.add(thread.conversation_id)
    return unfolded


def _conversation(thread: Thread, subject: str) -> dict[str, Any]:
    return {
        "type": "conversation",
        "subject": base_subject(subject) or "(no subject)",
        "count": thread.count,
    }


def _folded(person: Person, thread: Thread, emails: Sequence[Shown], page: int, *, cut: int) -> dict[str, Any]:
    """Emails behind a button. More than one screen can hold are read on a page of their own."""
    sent = sum(shown.sent for shown in emails)
    if cut or not emails:
        url = reverse("person_conversation", args=[person.pk, thread.conversation_id])
    else:
        query = QueryDict(mutable=True)
        query.update({"open": str(thread.conversation_id)} | ({"page": str(page)} if page > 1 else {}))
        url = f"{reverse('person', args=[person.pk])}?{query.urlencode()}"
    return {
        "type": "folded",
        "span": span(emails[-1].link.at, emails[0].link.at) if emails else times.day(thread.last, now()),
        "words": _words(len(emails) - sent, sent) if emails else "a long conversation",
        "count": len(emails) or thread.count,
        "url": url,
        "dots": ["sent" if shown.sent else "received" for shown in emails[:_MOST_DOTS]],
    }


def _words(received: int, sent: int) -> str:
    return ", ".join(f"{count:,} {word}" for count, word in ((received, "received"), (sent, "sent")) if count)


def email_item(shown: Shown, person: Person) -> dict[str, Any]:
    message = shown.link.message
    return {
        "type": "email",
        "at": shown.link.at,
        "direction": "sent" if shown.sent else "received",
        "subject": shown.subject,
        "extract": Truncator(shown.copy.body.snippet).chars(EXTRACT) if shown.copy else "",
        "where": format_html(
            '{} · <a class="nowrap" href="{}">why here<span class="sr">: {}</span></a>',
            _where(shown),
            reverse("verdict", args=[person.pk, message.pk]),
            shown.subject,
        ),
        "url": reverse("message", args=[message.pk]),
        "chips": _chips(shown, person),
        "gap_id": next((copy.gap_id for copy in shown.copies if copy.gap_id), None),
    }


def _where(shown: Shown) -> str:
    """Whose mailbox: "Sofia's Inbox", "Sofia's Sent items, then filed"."""
    copy = shown.placed
    if copy is None:
        return "in no connected mailbox"
    folder = {"inbox": "Inbox", "sent": "Sent items"}.get(copy.folder.role, copy.folder.name)
    filed = ", then filed" if is_filed(shown) and copy.where == Where.ELSEWHERE.value else ""
    return f"{possessive(copy.mailbox.owner.get_short_name())} {folder}{filed}"


def _chips(shown: Shown, person: Person) -> list[dict[str, str]]:
    message = shown.link.message
    files = numbered(shown.copy.body.attachments) if shown.copy else []
    chips = [
        {"icon": "clip", "text": file["name"] or "attachment", "url": reverse("attachment", args=[message.pk, number])}
        for number, file in files[:_MOST_FILES]
    ]
    if len(files) > _MOST_FILES:
        url = reverse("message", args=[message.pk])
        chips.append({"icon": "clip", "text": f"{len(files) - _MOST_FILES} more", "url": url})
    filed = is_filed(shown)
    if filed is not None:
        chips.append({"icon": "folder", "text": _now_where(filed), "url": ""})
    gap = next((copy.gap for copy in shown.copies if copy.gap is not None), None)
    if gap is not None:
        chips.append({"icon": "shield", "text": f"recovered {times.day(gap.ended_at, now())}", "url": ""})
    why = reverse("verdict", args=[person.pk, message.pk])
    if shown.link.shared:
        chips.append({"icon": "people", "text": "another profile has this address", "url": why})
    if shown.link.made == "hand":
        chips.append({"icon": "plus", "text": "put here by hand", "url": why})
    return chips


def _now_where(copy: Copy) -> str:
    if copy.where == Where.ELSEWHERE.value:
        return f"now in {copy.where_folder}"
    since = f" since {times.day(copy.where_since, now())}" if copy.where_since else " any more"
    return f"not found in the mailbox{since}"


def broken(
    items: list[dict[str, Any]], emails: Sequence[Shown], person: Person, user: User, *, newest_page: bool
) -> list[dict[str, Any]]:
    """The items with the breaks at their places: before the first email that is no newer than the break's end.

    What was recovered and follows at once stands inside the break; a break before a whole conversation stands over it.
    """
    if not emails:
        return items
    mailboxes = {copy.mailbox_id: copy.mailbox for shown in emails for copy in shown.copies}
    moments = [shown.link.at for shown in emails]
    newest = None if newest_page else max(moments)
    waiting = breaks.between(mailboxes.values(), min(moments), newest, person, user)
    laid: list[dict[str, Any]] = []
    inside: Interval | None = None
    for item, following in zip(items, [*items[1:], {"type": ""}], strict=True):
        at = _judged_by(item, following, waiting)
        while at is not None and waiting and at <= waiting[0].end:
            inside = waiting.pop(0)
            laid.append(inside.item)
        if item["type"] != "email":
            inside = None
        elif inside is not None and inside.gap_id is not None and item["gap_id"] == inside.gap_id:
            inside.item["emails"].append(item)
            continue
        else:
            inside = None
        laid.append(item)
    return laid


def _judged_by(item: dict[str, Any], following: dict[str, Any], waiting: Sequence[Interval]) -> datetime | None:
    """The time that says whether the next break stands before this item; None where it cannot."""
    if item["type"] == "email":
        moment: datetime = item["at"]
        return moment
    if item["type"] == "conversation" and following["type"] == "email" and waiting:
        recovered = waiting[0].gap_id is not None and following["gap_id"] == waiting[0].gap_id
        first: datetime = following["at"]
        return None if recovered else first
    return None


def _start(person: Person, user: User) -> dict[str, Any]:
    if policy_of(user.company).earlier_mail:
        return {"type": "start", "at": person.created_at, "text": "Your company includes earlier emails too."}
    return {
        "type": "start",
        "at": person.created_at,
        "text": "Earlier emails are not shown.",
        "url": reverse("person_edit", args=[person.pk]) + "#id_created_at",
        "link_text": "Include earlier mail",
    }
