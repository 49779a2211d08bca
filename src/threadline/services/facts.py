"""Loads what the rules need to know: for many pairs of message and person in a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from django.db.models import Prefetch, QuerySet

from threadline.domain.addresses import domain_of
from threadline.domain.connection import State
from threadline.domain.facts import CopyFacts, Correspondent, Facts, PersonAddress, PersonFacts, Where
from threadline.domain.folders import Role
from threadline.storage.among import among
from threadline.storage.models import Company, Copy, Folder, Link, Mailbox, Message, Participant, Person, User
from threadline.storage.models import PersonAddress as HeldAddress

type_kind = Literal["candidate", "contact"]
type_role = Literal["from", "to", "cc", "bcc"]


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """One message with everything that does not depend on the person."""

    message_id: int
    conversation_id: int
    correspondents: tuple[Correspondent, ...]
    copies: tuple[CopyFacts, ...]
    own_addresses: frozenset[str]


def company_addresses(company_id: int) -> frozenset[str]:
    """The addresses of all users and mailboxes of a company: mail among them is internal.

    A mailbox counts where its address is in a domain of the users and no candidate's or contact's: what somebody typed
    when connecting it must not take a candidate's mail off the profiles.
    """
    emails = User.objects.filter(company_id=company_id, is_active=True).values_list("email", flat=True)
    users = frozenset(emails)  # kept in the form that is compared
    domains = {domain_of(key) for key in users}
    mailboxes = Mailbox.objects.filter(company_id=company_id).values_list("address_key", flat=True)
    likely = {key for key in mailboxes if key not in users and domain_of(key) in domains}
    held = HeldAddress.objects.filter(address__company_id=company_id, address__key__in=likely)
    return users | (likely - set(held.values_list("address__key", flat=True)))


def company_addresses_among(company_id: int, keys: Collection[str]) -> frozenset[str]:
    """Those of these addresses that are the company's, without reading all of them."""
    users = User.objects.filter(company_id=company_id, is_active=True, email__in=keys)
    found = frozenset(users.values_list("email", flat=True))
    others = set(keys) - found
    if others and Mailbox.objects.filter(company_id=company_id, address_key__in=others).exists():
        return company_addresses(company_id) & frozenset(keys)
    return found


def of_people(person_ids: Collection[int]) -> dict[int, PersonFacts]:
    addresses: dict[int, list[PersonAddress]] = defaultdict(list)
    held = HeldAddress.objects.filter(person_id__in=among(person_ids))
    for person_id, key, as_written, primary in held.values_list("person_id", "address__key", "as_written", "primary"):
        addresses[person_id].append(PersonAddress(key, as_written, primary))
    people = Person.objects.filter(pk__in=among(person_ids)).values_list("pk", "name", "kind", "created_at")
    return {
        pk: PersonFacts(name, cast(type_kind, kind), created_at, tuple(addresses[pk]))
        for pk, name, kind, created_at in people
    }


def with_addresses(people: QuerySet[Person]) -> QuerySet[Person]:
    """The people with their addresses loaded: joined, because Django prefetches a foreign key by one long OR on SQLite,
    which takes no more than 1,000 terms.
    """
    return people.prefetch_related(Prefetch("addresses", HeldAddress.objects.select_related("address")))


def of_person(person: Person) -> PersonFacts:
    return PersonFacts(
        name=person.name,
        kind=cast(type_kind, person.kind),
        created_at=person.created_at,
        addresses=tuple(
            PersonAddress(key=held.address.key, as_written=held.as_written, primary=held.primary)
            for held in person.addresses.all()
        ),
    )


def of_messages(message_ids: Collection[int], *, mailbox_id: int | None = None) -> dict[int, MessageFacts]:
    """The facts of each message; with `mailbox_id` only that mailbox's copies are considered."""
    participants: dict[int, list[Correspondent]] = defaultdict(list)
    blind: dict[int, list[Correspondent]] = defaultdict(list)
    wanted = among(message_ids)
    rows = Participant.objects.filter(message_id__in=wanted).order_by("pk")
    named = rows.values_list("message_id", "copy", "role", "address__key", "as_written", "name")
    for message_id, blind_of, role, key, as_written, name in named:
        correspondent = Correspondent(cast(type_role, role), key, as_written, name)
        if role == Participant.Role.BCC:
            blind[blind_of].append(correspondent)
        else:
            participants[message_id].append(correspondent)
    messages = {
        pk: (conversation_id, date)
        for pk, conversation_id, date in Message.objects.filter(pk__in=wanted).values_list(
            "pk", "conversation_id", "date"
        )
    }
    copies: dict[int, list[CopyFacts]] = defaultdict(list)
    own: dict[int, set[str]] = defaultdict(set)
    held = Copy.objects.filter(message_id__in=wanted)
    placed = list((held.filter(mailbox_id=mailbox_id) if mailbox_id else held).values_list(*_OF_A_COPY))
    # Of folders and mailboxes there are few: read once, not joined to every copy.
    folders = Folder.objects.select_related("mailbox").in_bulk({row[2] for row in placed})
    for pk, message_id, folder_id, *times_and_place in placed:
        folder, date = folders[folder_id], messages[message_id][1]
        copies[message_id].append(_of_copy(folder, date, tuple(blind[pk]), *times_and_place))
        own[message_id].add(folder.mailbox.address_key)
    return {
        message_id: MessageFacts(
            message_id=message_id,
            conversation_id=conversation_id,
            correspondents=tuple(participants[message_id]),
            copies=tuple(copies[message_id]),
            own_addresses=frozenset(own[message_id]),
        )
        for message_id, (conversation_id, _) in messages.items()
    }


_OF_A_COPY = (
    *("pk", "message_id", "folder_id"),
    *("decided_at", "provider_at", "where", "where_folder", "where_since"),
)


def _of_copy(
    folder: Folder,
    header_at: datetime | None,
    bcc: tuple[Correspondent, ...],
    decided_at: datetime,
    provider_at: datetime | None,
    where: str,
    where_folder: str,
    where_since: datetime | None,
) -> CopyFacts:
    mailbox = folder.mailbox
    return CopyFacts(
        mailbox=mailbox.address,
        folder=folder.name,
        role=Role(folder.role),
        included=folder.included,
        sent=folder.role == Role.SENT.value,
        decided_at=decided_at,
        provider_at=provider_at,
        header_at=header_at,
        where=Where(where),
        where_folder=where_folder,
        where_since=where_since,
        held=True,
        ledger_reason="",
        # A copy is held because a listing showed it.
        listed=True,
        connected=mailbox.state in CONNECTED,
        last_refresh_at=mailbox.last_refresh_at,
        next_refresh_at=mailbox.next_refresh_at,
        bcc=bcc,
    )


CONNECTED = {State.CONNECTED.value, State.DELAYED.value}


def of_pairs(company: Company, pairs: Collection[tuple[int, int]]) -> Iterator[tuple[int, int, Facts]]:
    """(message id, person id, facts) for each pair."""
    messages = of_messages({message_id for message_id, _ in pairs})
    people = of_people({person_id for _, person_id in pairs})
    links = links_of(pairs)
    internal = company_addresses(company.pk)
    for message_id, person_id in pairs:
        message, person = messages.get(message_id), people.get(person_id)
        if message is None or person is None:
            continue
        link = links.get((message_id, person_id))
        yield message_id, person_id, join(message, person, link=link, internal=internal)


def join(
    message: MessageFacts,
    person: PersonFacts,
    *,
    link: Link | None,
    internal: frozenset[str],
    known_conversation: bool = False,
    shared_with: tuple[str, ...] = (),
) -> Facts:
    return Facts(
        person=person,
        correspondents=message.correspondents,
        own_addresses=message.own_addresses,
        company_addresses=internal,
        copies=message.copies,
        linked=link is not None and not link.detached,
        detached=link is not None and link.detached,
        known_conversation=known_conversation,
        shared_with=shared_with,
    )


def links_of(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Link]:
    wanted = set(pairs)
    # Not by person too: every combination of both would be looked up, and a message has few links.
    links = Link.objects.filter(message_id__in=among({message_id for message_id, _ in wanted}))
    return {pair: link for link in links if (pair := (link.message_id, link.person_id)) in wanted}
