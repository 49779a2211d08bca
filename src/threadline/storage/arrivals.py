"""Storing a batch of messages: the message once per company, a version for each body, a copy for each occurrence.

Everything here runs inside one storing transaction (`Lease.storing`), which is one at a time per company: what was not
there when we looked is not there when we write. Storing the same batch again changes nothing (I2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from threadline.domain import matching
from threadline.domain.addresses import normalise
from threadline.domain.conversation import reference_ids
from threadline.domain.facts import Where
from threadline.domain.matching import snippet
from threadline.domain.messages import Address, ParsedMessage
from threadline.storage import bulk
from threadline.storage.conversations import Named, place
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
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", key_of(self.parsed))


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
    copies = _copies(folder, messages, bodies, arrivals, now, gap)
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


def _copies(
    folder: Folder,
    messages: _Messages,
    bodies: Mapping[tuple[int, str], int],
    arrivals: Sequence[Arrival],
    now: datetime,
    gap: Gap | None,
) -> Sequence[int]:
    """Write one copy for each arrival; their ids, in the same order."""
    ids = bulk.reserve(Copy, len(arrivals))
    rows = []
    for copy_id, arrival in zip(ids, arrivals, strict=True):
        message_id = messages.by_key[arrival.key]
        recovered = gap is not None and (arrival.provider_at or arrival.decided_at) >= gap.began_at
        rows.append(
            {
                "id": copy_id,
                "mailbox_id": folder.mailbox_id,
                "folder_id": folder.pk,
                "message_id": message_id,
                "body_id": bodies[message_id, arrival.parsed.digest],
                "generation": arrival.generation,
                "remote_id": arrival.remote_id,
                "decided_at": arrival.decided_at,
                "provider_at": arrival.provider_at,
                "size": arrival.size,
                "bcc": [_written(address) for address in arrival.parsed.bcc],
                "where": Where.HERE.value,
                "where_folder": "",
                "where_since": None,
                "stored_at": now,
                "gap_id": gap.pk if gap is not None and recovered else None,
                **flag_fields(arrival.flags),
            }
        )
    bulk.insert(Copy, rows)
    return ids


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
    ids = dict(zip(first, bulk.reserve(Message, len(first)), strict=True))
    rows = []
    for key, arrival in first.items():
        parsed = arrival.parsed
        rows.append(
            {
                "id": ids[key],
                "company_id": company_id,
                "key": key,
                "message_id": parsed.message_id,
                "message_id_digest": digest_of(parsed.message_id) if parsed.message_id else "",
                "conversation_id": conversations[key],
                "subject": parsed.subject,
                "sender_name": parsed.sender[0].name if parsed.sender else "",
                "sender_address": parsed.sender[0].address if parsed.sender else "",
                "date": parsed.date,
                "at": arrival.decided_at,
                "kind": parsed.kind.value,
                "created_at": now,
            }
        )
    bulk.insert(Message, rows)
    return _Messages(by_key | ids, set(ids.values()))


def _named_ids(parsed: ParsedMessage) -> Named:
    """What places an email in a conversation."""
    answered = reference_ids(parsed.message_id, parsed.in_reply_to, parsed.references)
    own = digest_of(parsed.message_id) if parsed.message_id else ""
    return Named(own, tuple(dict.fromkeys(digest_of(message_id) for message_id in answered)))


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
    fresh = {version: arrival for version, arrival in wanted.items() if version not in found}
    ids = dict(zip(fresh, bulk.reserve(Body, len(fresh)), strict=True))
    bulk.insert(Body, [_body(ids[version], version[0], arrival) for version, arrival in fresh.items()])
    bulk.insert(ToIndex, [{"body_id": body_id} for body_id in ids.values()])
    return found | ids


def _body(body_id: int, message_id: int, arrival: Arrival) -> bulk.Row:
    parsed = arrival.parsed
    return {
        "id": body_id,
        "message_id": message_id,
        "digest": parsed.digest,
        "snippet": snippet(parsed.text)[:300],
        "text": parsed.text,
        "html": parsed.html,
        "attachments": [
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
        "recipients": {
            "from": [_written(address) for address in parsed.sender],
            "to": [_written(address) for address in parsed.to],
            "cc": [_written(address) for address in parsed.cc],
            "reply_to": [_written(address) for address in parsed.reply_to],
        },
        "references": parsed.references,
        "complete": parsed.complete,
        "defects": parsed.defects,
        "raw": None if parsed.complete else arrival.raw,
    }


def _written(address: Address) -> dict[str, str]:
    return {"name": address.name, "address": address.address}


def _participants(company_id: int, messages: _Messages, arrivals: Sequence[Arrival], copies: Sequence[int]) -> None:
    rows: list[tuple[int, str, Address, int | None]] = []
    described: set[int] = set()
    for arrival, copy_id in zip(arrivals, copies, strict=True):
        message_id, parsed = messages.by_key[arrival.key], arrival.parsed
        if message_id in messages.new and message_id not in described:
            described.add(message_id)
            for role, addresses in (("from", parsed.sender), ("to", parsed.to), ("cc", parsed.cc)):
                rows += [(message_id, role, address, None) for address in addresses]
        rows += [(message_id, "bcc", address, copy_id) for address in parsed.bcc]
    keys = {address.address: normalise(address.address) for _, _, address, _ in rows}
    ids = address_ids(company_id, {key for key in keys.values() if key})
    participants: dict[tuple[int, str, int, int | None], Address] = {}
    for message_id, role, address, blind_of in rows:
        key = keys[address.address]
        if key is not None:
            participants.setdefault((message_id, role, ids[key], blind_of), address)
    bulk.insert(
        Participant,
        [
            {
                "message_id": message_id,
                "address_id": address_id,
                "role": role,
                "name": address.name,
                "as_written": address.address,
                "copy_id": blind_of,
            }
            for (message_id, role, address_id, blind_of), address in participants.items()
        ],
    )


def address_ids(company_id: int, keys: Iterable[str]) -> dict[str, int]:
    """The ids of normalised addresses, made where they are new."""
    wanted = sorted(set(keys))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        found.update(EmailAddress.objects.filter(company_id=company_id, key__in=chunk).values_list("key", "pk"))
    missing = [key for key in wanted if key not in found]
    bulk.insert(EmailAddress, [{"company_id": company_id, "key": key} for key in missing], ignore_conflicts=True)
    for start in range(0, len(missing), 500):
        chunk = missing[start : start + 500]
        found.update(EmailAddress.objects.filter(company_id=company_id, key__in=chunk).values_list("key", "pk"))
    return found
