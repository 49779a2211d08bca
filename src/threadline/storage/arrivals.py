"""Storing a batch of messages: the message once per company, a version for each body, a copy for each occurrence.

Everything here runs inside one storing transaction (`Lease.storing`), which is one at a time per company: what was not
there when we looked is not there when we write. Storing the same batch again changes nothing (I2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from threadline.domain import matching
from threadline.domain.addresses import normalise
from threadline.domain.conversation import reference_ids
from threadline.domain.facts import Where
from threadline.domain.matching import snippet
from threadline.domain.messages import Address, ParsedMessage
from threadline.storage import announcements, bulk
from threadline.storage.among import among, among_texts
from threadline.storage.announcements import Announced
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
from threadline.storage.versions import Head, Version, head_of, version_of


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
    """Store what is not held yet; what falls into `gap` is marked as recovered. Runs in the storing transaction.

    What was announced is filled in.
    """
    arrivals = _not_held(folder, arrivals)
    if not arrivals:
        return Stored()
    ids = [arrival.remote_id for arrival in arrivals]
    announced = announcements.of(folder, arrivals[0].generation, ids)
    messages = _messages(company_id, arrivals, now)
    stored = _write(company_id, folder, arrivals, messages, now, gap, announced=_same(announced, arrivals, messages))
    entries = LedgerEntry.objects.filter(folder=folder, generation=arrivals[0].generation)
    entries.filter(remote_id__in=among_texts(ids)).delete()
    return stored


def announce(
    company_id: int, folder: Folder, arrivals: Sequence[Arrival], *, now: datetime, gap: Gap | None = None
) -> Stored:
    """Store emails of which only the heading is known, until `store` brings the whole of each."""
    known = set(_copies_of(folder, arrivals).values_list("remote_id", flat=True)) if arrivals else set[str]()
    arrivals = [arrival for arrival in arrivals if arrival.remote_id not in known]
    if not arrivals:
        return Stored()
    return _write(company_id, folder, arrivals, _messages(company_id, arrivals, now), now, gap, awaiting=True)


def _same(announced: Mapping[str, Announced], arrivals: Sequence[Arrival], messages: _Messages) -> dict[str, Announced]:
    """What is announced as the very email that came. A server that now shows another under an id made a mistake then:
    that announcement is taken back."""
    if not announced:
        return {}
    keys = {arrival.remote_id: messages.by_key[arrival.key] for arrival in arrivals}
    same = {remote_id: one for remote_id, one in announced.items() if one.message_id == keys[remote_id]}
    others = [one for remote_id, one in announced.items() if remote_id not in same]
    announcements.forget(others, besides=set(keys.values()))
    return same


def _write(
    company_id: int,
    folder: Folder,
    arrivals: Sequence[Arrival],
    messages: _Messages,
    now: datetime,
    gap: Gap | None,
    *,
    awaiting: bool = False,
    announced: Mapping[str, Announced] | None = None,
) -> Stored:
    announced = announced or {}
    versions = [version_of(arrival.parsed, messages.heads[arrival.key]) for arrival in arrivals]
    if awaiting:
        versions = [
            replace(version, digest=announcements.version_of(folder, arrival.generation, arrival.remote_id))
            for arrival, version in zip(arrivals, versions, strict=True)
        ]
    bodies = _bodies(messages.by_key, arrivals, versions, announced, to_index=not awaiting)
    shown = [
        bodies[messages.by_key[arrival.key], version.digest]
        for arrival, version in zip(arrivals, versions, strict=True)
    ]
    rows = [
        _copy(folder, messages.by_key[arrival.key], body_id, arrival, now, gap, awaiting=awaiting)
        for arrival, body_id in zip(arrivals, shown, strict=True)
    ]
    fresh = [row for row in rows if row["remote_id"] not in announced]
    ids = bulk.reserve(Copy, len(fresh))
    bulk.insert(Copy, [{"id": copy_id, **row} for copy_id, row in zip(ids, fresh, strict=True)])
    if announced:
        came = [row for row in rows if row["remote_id"] in announced]
        announcements.correct_kinds(
            {messages.by_key[one.key]: one.parsed.kind for one in arrivals if one.remote_id in announced}
        )
        bulk.update(Copy, [{"id": announced[row["remote_id"]].copy_id, **row} for row in came])
        announcements.drop_versions({one.body_id for one in announced.values()}.difference(shown))
    _participants(company_id, messages, [one for one in arrivals if one.remote_id not in announced], ids)
    return Stored(len(arrivals), frozenset(messages.new), frozenset(messages.by_key.values()))


def flag_fields(flags: frozenset[str]) -> dict[str, bool]:
    return {"seen": "\\seen" in flags, "flagged": "\\flagged" in flags, "answered": "\\answered" in flags}


def _not_held(folder: Folder, arrivals: Sequence[Arrival]) -> list[Arrival]:
    if not arrivals:
        return []
    copies = _copies_of(folder, arrivals).filter(awaits_text=False)
    held = set(copies.values_list("remote_id", flat=True))
    # Listed again after it was thought to have left (a lagging replica): it is here.
    copies.exclude(where=Where.HERE.value).update(where=Where.HERE.value, where_folder="", where_since=None)
    fresh: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.remote_id not in held:
            fresh.setdefault(arrival.remote_id, arrival)
    return list(fresh.values())


def _copies_of(folder: Folder, arrivals: Sequence[Arrival]) -> QuerySet[Copy]:
    """What is there under the ids of these, which are of one generation."""
    ids = among_texts([arrival.remote_id for arrival in arrivals])
    return Copy.objects.filter(folder=folder, generation=arrivals[0].generation, remote_id__in=ids)


def _copy(
    folder: Folder, message_id: int, body_id: int, arrival: Arrival, now: datetime, gap: Gap | None, *, awaiting: bool
) -> dict[str, Any]:
    recovered = gap is not None and (arrival.provider_at or arrival.decided_at) >= gap.began_at
    return {
        "mailbox_id": folder.mailbox_id,
        "folder_id": folder.pk,
        "message_id": message_id,
        "body_id": body_id,
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
        "awaits_text": awaiting,
        "gap_id": gap.pk if gap is not None and recovered else None,
        **flag_fields(arrival.flags),
    }


@dataclass(slots=True)
class _Messages:
    by_key: dict[str, int]
    heads: dict[str, Head]  # by key too
    new: set[int]


def _messages(company_id: int, arrivals: Sequence[Arrival], now: datetime) -> _Messages:
    keys = {arrival.key for arrival in arrivals}
    held = Message.objects.filter(company_id=company_id, key__in=among_texts(keys))
    by_key, heads = {}, {}
    for key, pk, subject, name in held.values_list("key", "pk", "subject", "sender_name"):
        by_key[key], heads[key] = pk, Head(subject, name)
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
        heads[key] = head_of(parsed)
        rows.append(
            {
                "id": ids[key],
                "company_id": company_id,
                "key": key,
                "message_id": parsed.message_id,
                "message_id_digest": digest_of(parsed.message_id) if parsed.message_id else "",
                "conversation_id": conversations[key],
                "subject": heads[key].subject,
                "sender_name": heads[key].sender_name,
                "sender_address": parsed.sender[0].address if parsed.sender else "",
                "date": parsed.date,
                "at": arrival.decided_at,
                "kind": parsed.kind.value,
                "created_at": now,
            }
        )
    bulk.insert(Message, rows)
    return _Messages(by_key | ids, heads, set(ids.values()))


def _named_ids(parsed: ParsedMessage) -> Named:
    """What places an email in a conversation."""
    answered = reference_ids(parsed.message_id, parsed.in_reply_to, parsed.references)
    own = digest_of(parsed.message_id) if parsed.message_id else ""
    return Named(own, tuple(dict.fromkeys(digest_of(message_id) for message_id in answered)))


def _bodies(
    by_key: Mapping[str, int],
    arrivals: Sequence[Arrival],
    versions: Sequence[Version],
    announced: Mapping[str, Announced],
    *,
    to_index: bool,
) -> dict[tuple[int, str], int]:
    """The versions that the arrivals show, by (message, digest). An announced one becomes what came for it."""
    wanted: dict[tuple[int, str], tuple[Arrival, Version]] = {}
    for arrival, version in zip(arrivals, versions, strict=True):
        wanted.setdefault((by_key[arrival.key], version.digest), (arrival, version))
    found = {
        (message_id, digest): pk
        for pk, message_id, digest in Body.objects.filter(
            message_id__in=among({message_id for message_id, _ in wanted})
        ).values_list("pk", "message_id", "digest")
    }
    missing = {place: shown for place, shown in wanted.items() if place not in found}
    fill = {
        place: announced[shown[0].remote_id].body_id
        for place, shown in missing.items()
        if shown[0].remote_id in announced
    }
    bulk.update(Body, [{"id": body_id, **_body(place[0], *missing[place])} for place, body_id in fill.items()])
    fresh = [place for place in missing if place not in fill]
    ids = dict(zip(fresh, bulk.reserve(Body, len(fresh)), strict=True))
    bulk.insert(Body, [{"id": body_id, **_body(place[0], *missing[place])} for place, body_id in ids.items()])
    if to_index:
        bulk.insert(ToIndex, [{"body_id": body_id} for body_id in (*fill.values(), *ids.values())])
    return found | fill | ids


def _body(message_id: int, arrival: Arrival, version: Version) -> dict[str, Any]:
    parsed = arrival.parsed
    return {
        "message_id": message_id,
        "digest": version.digest,
        "subject": version.subject,
        "sender_name": version.sender_name,
        "snippet": snippet(parsed.text_utf8),
        "text": parsed.text_utf8,
        "packed_html": parsed.packed_html,
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
    held = EmailAddress.objects.filter(company_id=company_id)
    found = dict(held.filter(key__in=among_texts(wanted)).values_list("key", "pk"))
    missing = [key for key in wanted if key not in found]
    if missing:
        bulk.insert(EmailAddress, [{"company_id": company_id, "key": key} for key in missing], ignore_conflicts=True)
        found.update(held.filter(key__in=among_texts(missing)).values_list("key", "pk"))
    return found
