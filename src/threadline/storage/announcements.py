"""Emails of which only the heading is here yet: they are listed and linked, and the rest is filled in when it comes.

An announced email is a copy that awaits its text, with a version of its own (`Body`) that nobody else's can be taken
for. Nothing counts it as held: whatever compares ids asks for it again until it came whole.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from threadline.domain.messages import MessageKind
from threadline.storage.among import among, among_texts
from threadline.storage.models import Body, Copy, Folder, Link, Message


@dataclass(frozen=True, slots=True)
class Announced:
    """The rows of one announced email."""

    copy_id: int
    body_id: int
    message_id: int


def version_of(folder: Folder, generation: str, remote_id: str) -> str:
    """The digest of an announced version, which no text has: one for each copy, to be filled in by that copy's."""
    place = f"{folder.pk} {generation} {remote_id}".encode("utf-8", "surrogatepass")
    return f"awaits {hashlib.blake2b(place, digest_size=16).hexdigest()}"


def of(folder: Folder, generation: str, remote_ids: Sequence[str]) -> dict[str, Announced]:
    """What is announced under these ids."""
    awaiting = Copy.objects.filter(folder=folder, awaits_text=True)
    if not awaiting.exists():  # nearly always, and by an index that is empty then
        return {}
    rows = awaiting.filter(generation=generation, remote_id__in=among_texts(remote_ids))
    return {
        remote_id: Announced(copy_id, body_id, message_id)
        for remote_id, copy_id, body_id, message_id in rows.values_list("remote_id", "pk", "body_id", "message_id")
    }


def drop_versions(bodies: Iterable[int]) -> None:
    """Remove announced versions that nobody's copy shows any more."""
    if unused := set(bodies):
        Body.objects.filter(pk__in=among(unused), copies=None).delete()


def forget(announced: Collection[Announced], *, besides: Collection[int] = ()) -> None:
    """Take announcements back: what they announced turned out to be another email.

    A message of which nothing else is here goes too, unless it is one of `besides`, of which something is coming, or a
    person has decided on which profile it belongs.
    """
    if not announced:
        return
    Copy.objects.filter(pk__in=among({one.copy_id for one in announced})).delete()
    drop_versions(one.body_id for one in announced)
    messages = {one.message_id for one in announced}.difference(besides)
    decided = Link.objects.filter(Q(made=Link.Made.HAND.value) | Q(detached=True), message=OuterRef("pk"))
    Message.objects.filter(~Exists(decided), pk__in=among(messages), copies=None).delete()


def correct_kinds(found: Mapping[int, MessageKind]) -> None:
    """What sort of mail it is can depend on its parts (an invitation), which a heading does not show.

    To be called before the copies are filled in: a message that came whole before keeps its kind.
    """
    differing: dict[str, set[int]] = defaultdict(set)
    whole = Copy.objects.filter(message=OuterRef("pk"), awaits_text=False)
    only_announced = Message.objects.filter(~Exists(whole), pk__in=among(set(found)))
    for pk, kind in only_announced.values_list("pk", "kind"):
        if found[pk].value != kind:
            differing[found[pk].value].add(pk)
    for kind, ids in differing.items():
        Message.objects.filter(pk__in=among(ids)).update(kind=kind)
