"""Why is an email (not) on a profile, asked of the live mailbox: judged on the headers the server has right now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal, cast

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.domain.coverage import covers
from threadline.domain.facts import CopyFacts, Correspondent, Facts, Where
from threadline.domain.folders import Role
from threadline.domain.messages import Address, ParsedMessage
from threadline.domain.visibility import decided_time, explain
from threadline.providers.contract import Found, Query, RemoteFolder
from threadline.providers.mime.parse import headers_only
from threadline.services import facts
from threadline.services.diagnose import Diagnosis, Place, conversation_is_known, explain_held, sharing
from threadline.services.errors import NotFound
from threadline.services.policy import policy_of
from threadline.services.sessions import while_somebody_waits
from threadline.storage.arrivals import digest_of
from threadline.storage.models import Copy, Folder, LedgerEntry, Link, Mailbox, Message, Person

# Headers read for one search: a person waits for the answer.
LOOKED_AT = 2_000
_AT_ONCE = 100

# What tells one email from another while it is not held: Message-ID, sender, date (docs/design.md, "Message").
Name = tuple[str | None, str, datetime | None]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search of the live mailbox has found that this mailbox does not hold."""

    diagnoses: list[Diagnosis]
    more: bool  # there may be more that fit: the search has stopped


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
        diagnoses = _explain_exactly(mailbox, Query(message_id=message_id), person)
    if not diagnoses:
        where = "among the emails held here" if offline else f"in any folder of {mailbox.address}"
        raise NotFound(f"There is no email with the Message-ID {message_id} {where}.", field="message_id")
    return diagnoses


def search_live(mailbox: Mailbox, query: Query, person: Person, *, at_most: int) -> Search:
    """Look anywhere in the live account for emails that this mailbox does not hold, and say why for each.

    What is held is known without asking: its ids are not read again, nor is a copy of it in another folder.
    """
    groups: dict[Name, list[tuple[Found, ParsedMessage]]] = {}
    looked_at, more = 0, False
    with while_somebody_waits(mailbox) as session:
        hits = iter(session.find(query, besides=_held_ids(mailbox)))
        while not more and (some := list(islice(hits, _AT_ONCE))):
            looked_at += len(some)
            for name, hit in _not_held(mailbox, some):
                groups.setdefault(name, []).append(hit)
            more = len(groups) > at_most or looked_at >= LOOKED_AT
    return Search(_judged(mailbox, person, list(groups.values())[:at_most]), more)


def explain_remote(mailbox: Mailbox, folder_name: str, remote_id: str, person: Person) -> Diagnosis:
    """Judge one email of the live account anew, by the folder's name and its id there. Raises NotFound, ProviderError.

    Most emails that are not held have a Message-ID, but not all; every one has a place.
    """
    gone = NotFound(f"That email is no longer in the folder {folder_name} of {mailbox.address}. Look for it again.")
    with while_somebody_waits(mailbox) as session:
        remote = next((folder for folder in session.folders() if folder.name == folder_name), None)
        if remote is None:
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


def _explain_exactly(mailbox: Mailbox, query: Query, person: Person) -> list[Diagnosis]:
    groups: dict[Name, list[tuple[Found, ParsedMessage]]] = {}
    with while_somebody_waits(mailbox) as session:
        for hit in session.find(query):
            parsed = headers_only(hit.header)
            groups.setdefault(_name(parsed), []).append((hit, parsed))
    return _judged(mailbox, person, groups.values())


def _name(parsed: ParsedMessage) -> Name:
    return parsed.message_id, parsed.sender[0].address if parsed.sender else "", parsed.date


def _held_ids(mailbox: Mailbox) -> Callable[[RemoteFolder, str], Collection[str]]:
    def ids(folder: RemoteFolder, generation: str) -> Collection[str]:
        held = Copy.objects.filter(folder__mailbox=mailbox, folder__remote_name=folder.remote_name)
        return set(held.filter(generation=generation).values_list("remote_id", flat=True))

    return ids


def _not_held(mailbox: Mailbox, hits: Sequence[Found]) -> Iterator[tuple[Name, tuple[Found, ParsedMessage]]]:
    """Those of which this mailbox holds no copy in any folder, with their names; one question for all of them."""
    read = [(hit, headers_only(hit.header)) for hit in hits]
    digests = {digest_of(parsed.message_id) for _, parsed in read if parsed.message_id is not None}
    known = Message.objects.filter(copies__mailbox=mailbox, company_id=mailbox.company_id)
    held = set(known.filter(message_id_digest__in=digests).values_list("message_id_digest", "sender_address", "date"))
    for hit, parsed in read:
        name = message_id, sender, date = _name(parsed)
        if message_id is None or (digest_of(message_id), sender, date) not in held:
            yield name, (hit, parsed)


def _judged(
    mailbox: Mailbox, person: Person, groups: Iterable[Sequence[tuple[Found, ParsedMessage]]]
) -> list[Diagnosis]:
    as_of = now()
    folders = {folder.remote_name: folder for folder in mailbox.folders.all()}
    return [_judge(mailbox, person, hits, folders, as_of) for hits in groups]


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
        and conversation_is_known(conversation, person, besides=message.pk if message else 0),
        shared_with=sharing(person),
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
    covered = covers(folder.listed_up_to, hit.item.remote_id, hit.item.received_at)
    if covered is not None:
        return covered
    return hit.item.received_at is not None and hit.item.received_at < folder.listed_at
