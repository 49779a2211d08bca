"""Reading what is held: lists, one email, its raw form and its attachments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.expressions import RawSQL

from threadline.domain.errors import MessageGone
from threadline.domain.facts import Where
from threadline.domain.folders import Role
from threadline.providers.contract import RemoteFolder
from threadline.services.errors import NotFound
from threadline.services.sessions import STREAMING, while_somebody_waits
from threadline.storage import search
from threadline.storage.models import Copy, Folder, Link, Mailbox, Message

PAGE = 50
FEW = 1000  # bodies that hold a rare word, at most
MOST_COUNTED = 1000  # of what a search finds; beyond it nobody compares figures


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list. `older` and `newer` are what to ask for next, "" where there is nothing more."""

    copies: list[Copy]
    older: str
    newer: str


def listing(
    mailbox: Mailbox, role: Role, *, found: Found | None = None, before: str = "", after: str = "", size: int = PAGE
) -> Page:
    """The mailbox's own Inbox or Sent list, newest first, by position, so as quick deep down as on top.

    `found`: only what a search found.
    """
    return _page(found.among(mailbox, role) if found else copies_of(mailbox, role), before, after, size)


def _page(copies: QuerySet[Copy], before: str, after: str, size: int) -> Page:
    if after:
        at, pk = place_of(after)
        # The bound says nothing new, but by it the index leads to the place; by the OR alone it is walked from its top.
        copies = copies.filter(Q(decided_at__gt=at) | Q(decided_at=at, pk__gt=pk), decided_at__gte=at).order_by(
            "decided_at", "pk"
        )
    else:
        if before:
            at, pk = place_of(before)
            copies = copies.filter(Q(decided_at__lt=at) | Q(decided_at=at, pk__lt=pk), decided_at__lte=at)
        copies = copies.order_by("-decided_at", "-pk")
    found = list(_for_lists(copies)[: size + 1])
    more, found = len(found) > size, found[:size]
    if after:
        found.reverse()
    older = mark_of(found[-1]) if found and (more or after) else ""
    newer = mark_of(found[0]) if found and ((more and after) or before) else ""
    return Page(found, older, newer)


def count_found(mailbox: Mailbox, role: Role, found: Found) -> int:
    """How many of a list were found; counted up to one more than `MOST_COUNTED`."""
    return found.among(mailbox, role)[: MOST_COUNTED + 1].count()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found in a mailbox, asked for once for all that a page tells of it.

    Of a rare word the bodies say which copies those are; for a frequent one the list is read from its top until a page
    is full, with a look for each whether its body is among the found ones.
    """

    few: frozenset[int] | None  # numbers of the copies
    many: tuple[str, list[Any]] | None  # a question whose answers are numbers of bodies

    def among(self, mailbox: Mailbox, role: Role) -> QuerySet[Copy]:
        listed = copies_of(mailbox, role)
        if self.many is not None:
            return listed.filter(body_id__in=RawSQL(*self.many))  # noqa: S611 - the words travel as a parameter
        if not self.few:
            return listed.none()
        rows = Copy.objects.filter(pk__in=self.few).values_list("pk", "folder_id", "where")
        folders = set(Folder.objects.filter(mailbox=mailbox, role=role.value).values_list("pk", flat=True))
        # By number alone: offered the folder too, SQLite would walk the whole list.
        here = [pk for pk, folder, where in rows if folder in folders and where == Where.HERE.value]
        return Copy.objects.filter(pk__in=here)


def search_in(mailbox: Mailbox, words: str) -> Found:
    """The copies in this mailbox that hold every word."""
    query = search.matching(mailbox.company_id, words)
    if query is None:
        return Found(frozenset(), None)
    few = search.at_most(query, FEW)
    if few is None:
        return Found(None, search.gathered(query))
    copies = Copy.objects.filter(body_id__in=few).values_list("pk", "mailbox_id")
    return Found(frozenset(pk for pk, mailbox_id in copies if mailbox_id == mailbox.pk), None)


def search_is_complete(mailbox: Mailbox) -> bool:
    """Whether a search looks at every email: what came just now is indexed in a moment."""
    return not search.lacks_some_of(mailbox.company_id)


def copies_of(mailbox: Mailbox, role: Role) -> QuerySet[Copy]:
    folders = list(Folder.objects.filter(mailbox=mailbox, role=role.value).values_list("pk", flat=True))
    return Copy.objects.filter(folder_id__in=folders, where=Where.HERE.value)


def _for_lists(copies: QuerySet[Copy]) -> QuerySet[Copy]:
    links = Link.objects.filter(detached=False).select_related("person").order_by("pk")
    return (
        copies.select_related("message", "body", "folder")
        .defer("body__text", "body__packed_html", "body__raw", "body__references")
        .prefetch_related(Prefetch("message__links", links, to_attr="shown_links"))
    )


def mark_of(copy: Copy) -> str:
    """The place of a copy in its list, as an address names it."""
    return f"{copy.decided_at.timestamp():.6f}_{copy.pk}"


def place_of(mark: str) -> tuple[datetime, int]:
    """Time and number of the copy at a place. Raises NotFound where it is none."""
    try:
        at, _, pk = mark.partition("_")
        return datetime.fromtimestamp(float(at), UTC), int(pk)
    except (ValueError, OverflowError, OSError):
        raise NotFound("That page of the list does not exist.") from None


def conversation(message: Message, visible: QuerySet[Message]) -> QuerySet[Message]:
    """The emails of a message's conversation that this reader may see, oldest first."""
    return visible.filter(conversation_id=message.conversation_id).order_by("at", "pk")


def on_profile(person_id: int) -> QuerySet[Link]:
    """The emails on a profile, newest first."""
    return (
        Link.objects.filter(person_id=person_id, detached=False)
        .select_related("message")
        .prefetch_related("message__copies__folder", "message__copies__mailbox__owner", "message__copies__body")
        .order_by("-at", "-pk")
    )


# --- content that stays at the provider -------------------------------------------------------------------------------


def stream_raw(copy: Copy) -> Iterator[bytes]:
    """The whole email exactly as the server has it; what was kept here where the server has it no more."""
    if copy.body.raw is not None and _is_first_of_its_version(copy):
        yield bytes(copy.body.raw)
        return
    with while_somebody_waits(copy.mailbox, patience=STREAMING) as session:
        yield from session.stream_raw(_remote(copy), copy.generation, copy.remote_id)


def _is_first_of_its_version(copy: Copy) -> bool:
    """The raw form that is kept came with the first copy; another copy's header (its Bcc) is another."""
    return not Copy.objects.filter(body_id=copy.body_id, pk__lt=copy.pk).exists()


def stream_attachment(copy: Copy, number: int) -> tuple[dict[str, Any], Iterator[bytes]]:
    """An attachment's description (name, type, size, part) and its content. `number` counts from 1."""
    if not 1 <= number <= len(copy.body.attachments):
        have = len(copy.body.attachments)
        raise NotFound(f"This email has {have} attachment{'' if have == 1 else 's'}; there is no number {number}.")
    attachment = copy.body.attachments[number - 1]
    return attachment, _stream_part(copy, attachment["part"])


def _stream_part(copy: Copy, part: str) -> Iterator[bytes]:
    with while_somebody_waits(copy.mailbox, patience=STREAMING) as session:
        yield from session.stream_part(_remote(copy), copy.generation, copy.remote_id, part)


def _remote(copy: Copy) -> RemoteFolder:
    if copy.where != Where.HERE.value:
        raise MessageGone("This email is not in its folder any more. Refresh, then try again.")
    folder = copy.folder
    return RemoteFolder(folder.remote_name, folder.name, Role(folder.role), folder.special_use)


# --- as data ----------------------------------------------------------------------------------------------------------


def copy_as_json(copy: Copy) -> dict[str, Any]:
    """One copy in the shape of the command line's contract."""
    recipients = copy.body.recipients
    senders = recipients.get("from") or [{"name": copy.sender_name, "address": copy.message.sender_address}]
    return {
        "id": copy.pk,
        "message_id": copy.message.message_id,
        "subject": copy.subject,
        "from": senders[0] if senders and senders[0]["address"] else None,
        "to": recipients.get("to", []),
        "cc": recipients.get("cc", []),
        "bcc": copy.bcc,
        "date": copy.message.date,
        "received_at": copy.provider_at,
        "folder": copy.folder.name,
        "where": copy.where if copy.where != Where.ELSEWHERE.value else f"elsewhere: {copy.where_folder}",
        "attachments": [
            {"name": part["name"], "size": part["size"], "type": part["type"]} for part in copy.body.attachments
        ],
        "people": _people_json(copy),
    }


def _people_json(copy: Copy) -> list[dict[str, Any]]:
    people = []
    for held in copy.message.links.all():
        if held.detached:
            continue
        primary = next((a.as_written.strip() for a in held.person.addresses.all() if a.primary), None)
        people.append({"external_id": held.person.external_id, "email": primary})
    return people


def for_export(mailbox: Mailbox, role: Role | None = None) -> Iterator[Copy]:
    """Every copy that is held of a mailbox, wherever the email is now: folder by folder, each newest first.

    Inbox and Sent items come before included folders. Only the numbers of a folder are in memory at once.
    """
    folders = [one for one in Folder.objects.filter(mailbox=mailbox) if role is None or one.role == role.value]
    for folder in sorted(folders, key=_place_of):
        numbers = list(folder.copies.order_by("-decided_at", "-pk").values_list("pk", flat=True))
        for start in range(0, len(numbers), 500):
            yield from _with_people(numbers[start : start + 500])


def _place_of(folder: Folder) -> tuple[int, str]:
    first = (Role.INBOX.value, Role.SENT.value)
    return (first.index(folder.role) if folder.role in first else len(first), folder.name)


def _with_people(ids: list[int]) -> list[Copy]:
    loaded = (
        Copy.objects.filter(pk__in=ids)
        .select_related("message", "body", "folder")
        .defer("body__text", "body__packed_html", "body__raw")
        .prefetch_related(
            Prefetch("message__links", Link.objects.select_related("person")), "message__links__person__addresses"
        )
    )
    by_id = {copy.pk: copy for copy in loaded}
    return [by_id[pk] for pk in ids if pk in by_id]
