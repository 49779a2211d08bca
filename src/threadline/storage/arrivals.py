"""Storing a batch of messages: the message once per company, a version for each body, a copy for each occurrence.

Everything here runs inside one storing transaction (`Lease.storing`), which is one at a time per company: what was not
there when we looked is not there when we write. Storing the same batch again changes nothing (I2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from threadline.domain import matching
from threadline.domain.addresses import normalise
from threadline.domain.conversation import reference_ids
from threadline.domain.facts import Where
from threadline.domain.matching import snippet
from threadline.domain.messages import Address, ParsedMessage
from threadline.storage.conversations import place
from threadline.storage.models import (
    Body,
    Copy,
    EmailAddress,
    Folder,
    Gap,
    LedgerEntry,
    Message,
    Participant,
    ToIndex,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One remote message, read and ready to be stored."""

    generation: str
    remote_id: str
    size: int
    flags: frozenset[str]
    provider_at: datetime | None
    decided_at: datetime  # the time that counts (condition 2)
    parsed: ParsedMessage
    raw: bytes | None = None  # given where something could not be read

    @property
    def key(self) -> str:
        return key_of(self.parsed)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch changed. Ids of messages, whether new or seen before with a new copy."""

    copies: int = 0
    new_messages: frozenset[int] = field(default=frozenset())
    touched_messages: frozenset[int] = field(default=frozenset())


def key_of(parsed: ParsedMessage) -> str:
    return matching.key_of(parsed).hex()


def digest_of(message_id: str) -> str:
    """The fixed-length form of a Message-ID that indexes carry."""
    return hashlib.blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def store(
    company_id: int, folder: Folder, arrivals: Sequence[Arrival], *, now: datetime, gap: Gap | None = None
) -> Stored:
    """Store what is not held yet; what falls into `gap` is marked as recovered. Runs in the storing transaction."""
    arrivals = _not_held(folder, arrivals)
    if not arrivals:
        return Stored()
    messages = _messages(company_id, arrivals, now)
    bodies = _bodies(messages.by_key, arrivals)
    copies = Copy.objects.bulk_create(
        [
            Copy(
                mailbox_id=folder.mailbox_id,
                folder=folder,
                message_id=messages.by_key[arrival.key],
                body_id=bodies[messages.by_key[arrival.key], arrival.parsed.digest],
                generation=arrival.generation,
                remote_id=arrival.remote_id,
                decided_at=arrival.decided_at,
                provider_at=arrival.provider_at,
                size=arrival.size,
                bcc=[_written(address) for address in arrival.parsed.bcc],
                stored_at=now,
                gap=gap if gap is not None and (arrival.provider_at or arrival.decided_at) >= gap.began_at else None,
                **flag_fields(arrival.flags),
            )
            for arrival in arrivals
        ]
    )
    _participants(company_id, messages, arrivals, copies)
    LedgerEntry.objects.filter(
        folder=folder,
        generation=arrivals[0].generation,
        remote_id__in=[arrival.remote_id for arrival in arrivals],
    ).delete()
    return Stored(len(copies), frozenset(messages.new), frozenset(messages.by_key.values()))


def flag_fields(flags: frozenset[str]) -> dict[str, bool]:
    return {"seen": "\\seen" in flags, "flagged": "\\flagged" in flags, "answered": "\\answered" in flags}


def _not_held(folder: Folder, arrivals: Sequence[Arrival]) -> list[Arrival]:
    if not arrivals:
        return []
    copies = Copy.objects.filter(
        folder=folder,
        generation=arrivals[0].generation,
        remote_id__in=[arrival.remote_id for arrival in arrivals],
    )
    held = set(copies.values_list("remote_id", flat=True))
    # Listed again after it was thought to have left (a lagging replica): it is here.
    copies.exclude(where=Where.HERE.value).update(where=Where.HERE.value, where_folder="", where_since=None)
    fresh: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.remote_id not in held:
            fresh.setdefault(arrival.remote_id, arrival)
    return list(fresh.values())


@dataclass(slots=True)
class _Messages:
    by_key: dict[str, int]
    new: set[int]


def _messages(company_id: int, arrivals: Sequence[Arrival], now: datetime) -> _Messages:
    by_key = dict(
        Message.objects.filter(company_id=company_id, key__in={arrival.key for arrival in arrivals}).values_list(
            "key", "pk"
        )
    )
    first: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.key not in by_key:
            first.setdefault(arrival.key, arrival)
    references = {key: _named_ids(arrival.parsed) for key, arrival in first.items()}
    conversations = place(company_id, references)
    created = Message.objects.bulk_create(
        [
            Message(
                company_id=company_id,
                key=key,
                message_id=arrival.parsed.message_id,
                message_id_digest=digest_of(arrival.parsed.message_id) if arrival.parsed.message_id else "",
                conversation_id=conversations[key],
                subject=arrival.parsed.subject,
                sender_name=arrival.parsed.sender[0].name if arrival.parsed.sender else "",
                sender_address=arrival.parsed.sender[0].address if arrival.parsed.sender else "",
                date=arrival.parsed.date,
                at=arrival.decided_at,
                kind=arrival.parsed.kind.value,
                created_at=now,
            )
            for key, arrival in first.items()
        ]
    )
    for message in created:
        by_key[message.key] = message.pk
    return _Messages(by_key, {message.pk for message in created})


def _named_ids(parsed: ParsedMessage) -> list[str]:
    """The digests of the Message-IDs that place an email in a conversation: its own, and those it answers."""
    own = [parsed.message_id] if parsed.message_id else []
    answered = reference_ids(parsed.message_id, parsed.in_reply_to, parsed.references)
    return list(dict.fromkeys(digest_of(message_id) for message_id in (*own, *answered)))


def _bodies(by_key: dict[str, int], arrivals: Sequence[Arrival]) -> dict[tuple[int, str], int]:
    """The version of each message that an arrival shows, by (message, digest)."""
    wanted: dict[tuple[int, str], Arrival] = {}
    for arrival in arrivals:
        wanted.setdefault((by_key[arrival.key], arrival.parsed.digest), arrival)
    found = {
        (message_id, digest): pk
        for pk, message_id, digest in Body.objects.filter(
            message_id__in={message_id for message_id, _ in wanted}
        ).values_list("pk", "message_id", "digest")
    }
    created = Body.objects.bulk_create(
        [
            _body(message_id, arrival)
            for (message_id, digest), arrival in wanted.items()
            if (message_id, digest) not in found
        ]
    )
    ToIndex.objects.bulk_create([ToIndex(body=body) for body in created])
    return found | {(body.message_id, body.digest): body.pk for body in created}


def _body(message_id: int, arrival: Arrival) -> Body:
    parsed = arrival.parsed
    return Body(
        message_id=message_id,
        digest=parsed.digest,
        snippet=snippet(parsed.text)[:300],
        text=parsed.text,
        html=parsed.html,
        attachments=[
            {
                "part": part.part,
                "name": part.name,
                "type": part.content_type,
                "size": part.size,
                "inline": part.inline,
                "content_id": part.content_id,
            }
            for part in parsed.attachments
        ],
        recipients={
            "from": [_written(address) for address in parsed.sender],
            "to": [_written(address) for address in parsed.to],
            "cc": [_written(address) for address in parsed.cc],
            "reply_to": [_written(address) for address in parsed.reply_to],
        },
        references=list(parsed.references),
        complete=parsed.complete,
        defects=list(parsed.defects),
        raw=arrival.raw if not parsed.complete else None,
    )


def _written(address: Address) -> dict[str, str]:
    return {"name": address.name, "address": address.address}


def _participants(company_id: int, messages: _Messages, arrivals: Sequence[Arrival], copies: Sequence[Copy]) -> None:
    rows: list[tuple[int, str, Address, int | None]] = []
    described: set[int] = set()
    for arrival, copy in zip(arrivals, copies, strict=True):
        message_id = copy.message_id
        if message_id in messages.new and message_id not in described:
            described.add(message_id)
            parsed = arrival.parsed
            for role, addresses in (("from", parsed.sender), ("to", parsed.to), ("cc", parsed.cc)):
                rows += [(message_id, role, address, None) for address in addresses]
        rows += [(message_id, "bcc", address, copy.pk) for address in arrival.parsed.bcc]
    keys = {address.address: normalise(address.address) for _, _, address, _ in rows}
    ids = address_ids(company_id, {key for key in keys.values() if key})
    seen: set[tuple[int, str, int, int | None]] = set()
    participants = []
    for message_id, role, address, copy_id in rows:
        key = keys[address.address]
        if key is None or (message_id, role, ids[key], copy_id) in seen:
            continue
        seen.add((message_id, role, ids[key], copy_id))
        participants.append(
            Participant(
                message_id=message_id,
                address_id=ids[key],
                role=role,
                name=address.name,
                as_written=address.address,
                copy_id=copy_id,
            )
        )
    Participant.objects.bulk_create(participants)


def address_ids(company_id: int, keys: Iterable[str]) -> dict[str, int]:
    """The ids of normalised addresses, made where they are new."""
    wanted = sorted({key[:320] for key in keys})
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        found.update(EmailAddress.objects.filter(company_id=company_id, key__in=chunk).values_list("key", "pk"))
    missing = [key for key in wanted if key not in found]
    EmailAddress.objects.bulk_create(
        [EmailAddress(company_id=company_id, key=key) for key in missing], ignore_conflicts=True
    )
    for start in range(0, len(missing), 500):
        chunk = missing[start : start + 500]
        found.update(EmailAddress.objects.filter(company_id=company_id, key__in=chunk).values_list("key", "pk"))
    return found
