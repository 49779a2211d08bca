"""The emails of a profile as its pages read them: a page's worth in a constant number of queries, without bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from threadline.domain.facts import Where
from threadline.domain.folders import Role
from threadline.services.access import copy_among
from threadline.services.facts import company_addresses_among
from threadline.storage.models import Body, Copy, Link, Person, User


@dataclass(frozen=True, slots=True)
class Shown:
    """One email on a profile: its link and the copies of it, the reader's own first.

    `copy` is the one that the email's page shows: subject, text and the numbers of attachments are its.
    """

    link: Link
    copies: tuple[Copy, ...]
    sent: bool
    copy: Copy | None = None

    @property
    def subject(self) -> str:
        return self.copy.subject if self.copy else self.link.message.subject

    @property
    def sender(self) -> str:
        message = self.link.message
        return (self.copy.sender_name if self.copy else message.sender_name) or message.sender_address

    @property
    def placed(self) -> Copy | None:
        """The copy that says whose mailbox it is in: a sent one for what was sent."""
        role = Role.SENT.value if self.sent else Role.INBOX.value
        return next((copy for copy in self.copies if copy.folder.role == role), self.copy)


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as far as it is on one profile."""

    conversation_id: int
    count: int
    last: datetime


def links_of(person: Person) -> QuerySet[Link]:
    return Link.objects.filter(person=person, detached=False)


def read(links: QuerySet[Link]) -> QuerySet[Link]:
    """Links with their messages and whether a Sent folder holds them, newest first; no copies, no bodies."""
    in_sent = Copy.objects.filter(message=OuterRef("message_id"), folder__role=Role.SENT.value)
    return links.select_related("message").annotate(in_sent=Exists(in_sent)).order_by("-at", "-pk")


def threads_of(person: Person, *, start: int, size: int) -> list[Thread]:
    """Conversations, the one with the newest email first."""
    rows = (
        links_of(person)
        .values("message__conversation_id")
        .annotate(count=Count("pk"), last=Max("at"))
        .order_by("-last", "-message__conversation_id")
    )
    return [Thread(row["message__conversation_id"], row["count"], row["last"]) for row in rows[start : start + size]]


def sketches_of(person: Person, conversation_ids: Collection[int], user: User) -> list[Shown]:
    """Every email of these conversations on the profile, newest first, without its copies."""
    links = list(read(links_of(person).filter(message__conversation_id__in=list(conversation_ids))))
    ours = _ours(links, user)
    return [Shown(link, (), _is_sent(link, ours)) for link in links]


def with_copies(shown: Sequence[Shown], user: User) -> list[Shown]:
    """These emails with their copies, the reader's own first: two queries for all."""
    ids = [one.link.message_id for one in shown]
    links: dict[int, list[Link]] = defaultdict(list)
    for link in Link.objects.filter(message_id__in=ids, detached=False):
        links[link.message_id].append(link)
    copies: dict[int, list[Copy]] = defaultdict(list)
    rows = (
        Copy.objects.filter(message_id__in=ids)
        .select_related("message", "folder", "mailbox__owner", "body", "gap")
        .defer("body__text", "body__packed_html", "body__raw", "body__references", "body__recipients")
        .order_by("-decided_at", "pk")
    )
    for copy in rows:
        copies[copy.message_id].append(copy)
    chosen: dict[int, Copy | None] = {}
    for message_id, held in copies.items():
        held.sort(key=lambda copy: copy.mailbox.owner_id != user.pk)
        chosen[message_id] = copy_among(held, user, links[message_id])
    return [
        replace(one, copies=tuple(copies[one.link.message_id]), copy=chosen.get(one.link.message_id)) for one in shown
    ]


def loaded(links: Sequence[Link], user: User) -> list[Shown]:
    """Links that were `read`, with the copies of their emails."""
    ours = _ours(links, user)
    return with_copies([Shown(link, (), _is_sent(link, ours)) for link in links], user)


def _ours(links: Sequence[Link], user: User) -> frozenset[str]:
    return company_addresses_among(user.company_id, {link.message.sender_address.lower() for link in links})


def _is_sent(link: Link, ours: Collection[str]) -> bool:
    if link.role == "from":
        return False
    return link.message.sender_address.lower() in ours or bool(getattr(link, "in_sent", False))


def with_attachments(person: Person) -> QuerySet[Link]:
    """The links whose email has attachments, newest first."""
    bodies = Body.objects.filter(message=OuterRef("message_id")).exclude(attachments=[])
    return read(links_of(person).filter(Exists(bodies)))


def is_filed(shown: Shown) -> Copy | None:
    """The copy that says where the email is now, where no copy is in its place any more."""
    if any(copy.where == Where.HERE.value for copy in shown.copies):
        return None
    return next((copy for copy in shown.copies if copy.where == Where.ELSEWHERE.value), shown.copy)
