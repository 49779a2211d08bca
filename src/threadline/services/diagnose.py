"""Why is this email (not) on this profile? Answered from what is held, or from the live mailbox where it is not.

The verdict is `domain.visibility.explain`'s; here its facts are gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from threadline.clock import now
from threadline.domain.addresses import normalise, variants
from threadline.domain.facts import CopyFacts, Correspondent, Facts, Where
from threadline.domain.folders import Role
from threadline.domain.messages import Address, ParsedMessage
from threadline.domain.visibility import Verdict, decided_time, explain
from threadline.providers.contract import Found, Query
from threadline.providers.mime.parse import headers_only
from threadline.services import facts
from threadline.services.errors import NotFound
from threadline.services.policy import policy_of
from threadline.services.sessions import while_somebody_waits
from threadline.storage.arrivals import digest_of
from threadline.storage.models import (
    Copy,
    Folder,
    LedgerEntry,
    Link,
    Mailbox,
    Message,
    Participant,
    Person,
    PersonAddress,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an email was found."""

    mailbox: str
    folder: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A verdict with what it was judged on."""

    verdict: Verdict
    as_of: datetime
    found_in: tuple[Place, ...]
    subject: str
    sender: str
    at: datetime | None
    message: Message | None  # None when the email is not held
    live: bool  # judged on the headers the server has right now
    facts: Facts  # what the verdict was made of

    def as_json(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "shown": verdict.shown,
            "linked": verdict.linked,
            "as_of": self.as_of,
            "reasons": [
                {
                    "rule": reason.rule.value,
                    "text": reason.text,
                    "compared": dict(reason.compared),
                    "near_miss": reason.near_miss.value if reason.near_miss else None,
                    "remedy": {"action": reason.remedy.action.value, "text": reason.remedy.text},
                }
                for reason in verdict.reasons
            ],
            "notes": [note.text for note in verdict.notes],
            "found_in": [
                {"mailbox": place.mailbox, "folder": place.folder, "id": place.remote_id} for place in self.found_in
            ],
        }


def explain_message_id(mailbox: Mailbox, message_id: str, person: Person, *, offline: bool = False) -> list[Diagnosis]:
    """A diagnosis for each email with this Message-ID in this mailbox. Raises NotFound when there is none.

    What is held is judged as it is held; otherwise the server is asked, unless `offline`.
    """
    message_id = message_id.strip().removeprefix("<").removesuffix(">")
    held = Message.objects.filter(
        company_id=mailbox.company_id, message_id_digest=digest_of(message_id), copies__mailbox=mailbox
    ).distinct()
    diagnoses = [explain_held(message, person, mailbox=mailbox) for message in held]
    if diagnoses:
        return diagnoses
    if not offline:
        diagnoses = _explain_live(mailbox, Query(message_id=message_id), person)
    if not diagnoses:
        where = "among the emails held here" if offline else f"in any folder of {mailbox.address}"
        raise NotFound(f"There is no email with the Message-ID {message_id} {where}.", field="message_id")
    return diagnoses


def search_live(mailbox: Mailbox, query: Query, person: Person) -> list[Diagnosis]:
    """Look for an email anywhere in the live account and say, for each one found, why it is (not) on the profile."""
    return _explain_live(mailbox, query, person)


def explain_remote(mailbox: Mailbox, folder_name: str, remote_id: str, person: Person) -> Diagnosis:
    """Judge one email of the live account anew, by the folder's name and its id there. Raises NotFound, ProviderError.

    Most emails that are not held have a Message-ID, but not all; every one has a place.
    """
    gone = NotFound(f"That email is no longer in the folder {folder_name} of {mailbox.address}. Look for it again.")
    with while_somebody_waits(mailbox) as session:
        remote = next((folder for folder in session.folders() if folder.name == folder_name), None)
        if remote is None or not remote_id.isdecimal():
            raise gone
        listing = session.list_ids(remote)
        hits = [
            (Found(remote, listing.generation, item, header, listing.listed_up_to), headers_only(header))
            for item, header in session.headers(remote, listing.generation, [remote_id])
        ]
    if not hits:
        raise gone
    folders = {folder.remote_name: folder for folder in mailbox.folders.all()}
    return _judge(mailbox, person, hits, folders, now())


def explain_held(message: Message, person: Person, *, mailbox: Mailbox | None = None) -> Diagnosis:
    """The verdict on an email that is held; with `mailbox`, on that mailbox's copies."""
    known = facts.of_messages([message.pk], mailbox_id=mailbox.pk if mailbox else None)[message.pk]
    gathered = facts.join(
        known,
        facts.of_person(person),
        link=Link.objects.filter(message=message, person=person).first(),
        internal=facts.company_addresses(person.company_id),
        known_conversation=_conversation_is_known(message.conversation_id, person, besides=message.pk),
        shared_with=_sharing(person),
    )
    verdict = explain(gathered, policy_of(person.company), zone=person.company.zone)
    copies = list(message.copies.select_related("mailbox", "folder"))
    if mailbox is not None:
        copies = [copy for copy in copies if copy.mailbox_id == mailbox.pk]
    listed = [copy.folder.listed_at for copy in copies if copy.folder.listed_at]
    return Diagnosis(
        verdict=verdict,
        as_of=max(listed, default=now()),
        found_in=tuple(_place(copy) for copy in copies if copy.where != Where.NOT_FOUND.value),
        subject=message.subject,
        sender=message.sender_address,
        at=message.at,
        message=message,
        live=False,
        facts=gathered,
    )


def _place(copy: Copy) -> Place:
    elsewhere = copy.where == Where.ELSEWHERE.value
    return Place(copy.mailbox.address, copy.where_folder if elsewhere else copy.folder.name, copy.remote_id)


def profiles_of(message: Message) -> list[tuple[Person, Diagnosis]]:
    """Everyone this email concerns, shown or not: linked people first, then those it nearly or not yet shows for."""
    linked = set(message.links.values_list("person_id", flat=True))
    people = Person.objects.filter(company_id=message.company_id, merged_into=None)
    concerned = linked | _near(message)
    diagnoses = [(person, explain_held(message, person)) for person in people.filter(pk__in=concerned).order_by("name")]
    return sorted(diagnoses, key=lambda pair: not pair[1].verdict.shown)


def _near(message: Message) -> set[int]:
    """People one of whose addresses takes part, also by a variant of it, or whose conversation this is."""
    keys = set(Participant.objects.filter(message=message).values_list("address__key", flat=True))
    wanted = keys | {variant for key in keys for variant in variants(key)}
    holders = PersonAddress.objects.filter(address__company_id=message.company_id, address__key__in=wanted)
    near = set(holders.values_list("person_id", flat=True))
    own = set(Mailbox.objects.filter(company_id=message.company_id).values_list("address_key", flat=True))
    if keys - own:
        others = Message.objects.filter(conversation_id=message.conversation_id).exclude(pk=message.pk)
        near |= set(
            Link.objects.filter(message__in=others, detached=False).values_list("person_id", flat=True).distinct()[:20]
        )
    return near


def _conversation_is_known(conversation_id: int, person: Person, *, besides: int) -> bool:
    links = Link.objects.filter(message__conversation_id=conversation_id, person=person, detached=False)
    return links.exclude(message_id=besides).exists()


def _sharing(person: Person) -> tuple[str, ...]:
    primary = person.addresses.filter(primary=True).values_list("address_id", flat=True)
    others = Person.objects.filter(addresses__address_id__in=list(primary), addresses__primary=True, merged_into=None)
    return tuple(others.exclude(pk=person.pk).order_by("name").values_list("name", flat=True))


# --- what is not held: judged on its live headers ---------------------------------------------------------------------


def _explain_live(mailbox: Mailbox, query: Query, person: Person) -> list[Diagnosis]:
    with while_somebody_waits(mailbox) as session:
        found = list(session.find(query))
    as_of = now()
    groups: dict[tuple[object, ...], list[tuple[Found, ParsedMessage]]] = {}
    for hit in found:
        parsed = headers_only(hit.header)
        sender = parsed.sender[0].address if parsed.sender else ""
        groups.setdefault((parsed.message_id, sender, parsed.date), []).append((hit, parsed))
    folders = {folder.remote_name: folder for folder in mailbox.folders.all()}
    return [_judge(mailbox, person, hits, folders, as_of) for hits in groups.values()]


def _judge(
    mailbox: Mailbox,
    person: Person,
    hits: Sequence[tuple[Found, ParsedMessage]],
    folders: dict[str, Folder],
    as_of: datetime,
) -> Diagnosis:
    parsed = hits[0][1]
    message = _held_message(mailbox, parsed)
    link = Link.objects.filter(message=message, person=person).first() if message else None
    conversation = message.conversation_id if message else _conversation_of(mailbox, parsed)
    gathered = Facts(
        person=facts.of_person(person),
        correspondents=correspondents_of(parsed),
        own_addresses=frozenset({mailbox.address_key}),
        company_addresses=facts.company_addresses(mailbox.company_id),
        copies=tuple(_live_copy(mailbox, hit, parsed, folders.get(hit.folder.remote_name)) for hit, parsed in hits),
        linked=link is not None and not link.detached,
        detached=link is not None and link.detached,
        known_conversation=conversation is not None
        and _conversation_is_known(conversation, person, besides=message.pk if message else 0),
        shared_with=_sharing(person),
    )
    return Diagnosis(
        verdict=explain(gathered, policy_of(mailbox.company), zone=mailbox.company.zone),
        as_of=as_of,
        found_in=tuple(Place(mailbox.address, hit.folder.name, hit.item.remote_id) for hit, _ in hits),
        subject=parsed.subject,
        sender=parsed.sender[0].address if parsed.sender else "",
        at=gathered.copies[0].decided_at,
        message=message,
        live=True,
        facts=gathered,
    )


def _held_message(mailbox: Mailbox, parsed: ParsedMessage) -> Message | None:
    if parsed.message_id is None:
        return None
    held = Message.objects.filter(company_id=mailbox.company_id, message_id_digest=digest_of(parsed.message_id))
    sender = parsed.sender[0].address if parsed.sender else ""
    return held.filter(sender_address=sender, date=parsed.date).first()


def _conversation_of(mailbox: Mailbox, parsed: ParsedMessage) -> int | None:
    ids = [digest_of(i) for i in (*parsed.references, *parsed.in_reply_to)]
    known = Message.objects.filter(company_id=mailbox.company_id, message_id_digest__in=ids).first()
    return known.conversation_id if known else None


def correspondents_of(parsed: ParsedMessage) -> tuple[Correspondent, ...]:
    roles = (("from", parsed.sender), ("to", parsed.to), ("cc", parsed.cc), ("bcc", parsed.bcc))
    return tuple(
        Correspondent(cast(Literal["from", "to", "cc", "bcc"], role), key, address.address, address.name)
        for role, addresses in roles
        for address in addresses
        if (key := _key(address)) is not None
    )


def _key(address: Address) -> str | None:
    return normalise(address.address)


def _live_copy(mailbox: Mailbox, hit: Found, parsed: ParsedMessage, folder: Folder | None) -> CopyFacts:
    role = Role(folder.role) if folder else hit.folder.role
    sent = role is Role.SENT
    decided = decided_time(hit.item.received_at, parsed.date, sent=sent, imap=mailbox.provider == "imap")
    return CopyFacts(
        mailbox=mailbox.address,
        folder=hit.folder.name,
        role=role,
        included=folder is not None and folder.included,
        sent=sent,
        decided_at=decided or now(),
        provider_at=hit.item.received_at,
        header_at=parsed.date,
        where=Where.HERE,
        where_folder="",
        where_since=None,
        held=_is_held(folder, hit),
        ledger_reason=_ledger_reason(folder, hit),
        listed=_is_listed(mailbox, folder, hit),
        folder_listed=folder is not None and folder.listed_at is not None,
        connected=mailbox.state in facts.CONNECTED,
        last_refresh_at=mailbox.last_refresh_at,
        next_refresh_at=mailbox.next_refresh_at,
    )


def _is_held(folder: Folder | None, hit: Found) -> bool:
    if folder is None:
        return False
    return Copy.objects.filter(folder=folder, generation=hit.generation, remote_id=hit.item.remote_id).exists()


def _ledger_reason(folder: Folder | None, hit: Found) -> str:
    if folder is None:
        return ""
    entry = LedgerEntry.objects.filter(folder=folder, generation=hit.generation, remote_id=hit.item.remote_id).first()
    return entry.reason if entry else ""


def _is_listed(mailbox: Mailbox, folder: Folder | None, hit: Found) -> bool:
    """Whether a completed listing of the folder covered this email (IMAP: its UID is below that listing's UIDNEXT).

    A folder that does not count is never listed; there the last completed refresh of the mailbox decides.
    """
    if folder is None or not folder.synced:
        arrived, refreshed = hit.item.received_at, mailbox.last_refresh_at
        return arrived is not None and refreshed is not None and arrived < refreshed
    if folder.listed_at is None or folder.generation != hit.generation:
        return False
    if folder.listed_up_to.isdecimal():
        return int(hit.item.remote_id) < int(folder.listed_up_to)
    return hit.item.received_at is not None and hit.item.received_at < folder.listed_at
