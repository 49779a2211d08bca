"""When a server renumbers or renames a folder: finds the held copy behind each new id; no body comes twice (I10).

A new UIDVALIDITY voids every id (RFC 9051 section 2.3.1.1), and a renamed folder is a new one to whoever lists them. As
a rule the messages are the same; their headers say so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import Q, QuerySet

from threadline.domain.facts import Where
from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content, RemoteFolder, RemoteItem
from threadline.providers.mime.pool import ParseFailure
from threadline.services.refresh.work import Work
from threadline.storage.arrivals import flag_fields, key_of
from threadline.storage.models import Copy, Folder

CHUNK = 500


def rebind(
    work: Work, folder: Folder, remote: RemoteFolder, generation: str, items: Sequence[RemoteItem]
) -> list[RemoteItem]:
    """Give held copies of older generations and of vanished folders their new ids; returns what really is new."""
    left_behind = _left_behind(folder, generation)
    if not items or not left_behind.exists():
        return list(items)
    fresh: list[RemoteItem] = []
    for start in range(0, len(items), CHUNK):
        fresh += _rebind_chunk(work, folder, remote, generation, items[start : start + CHUNK])
    return fresh


def here_by_other_numbers(folder: Folder, generation: str) -> list[int]:
    """Ids of the copies of a folder under another numbering that are held as there.

    Two questions: each is a range that an index leads to. As one, every copy of the folder is looked at.
    """
    here = Copy.objects.filter(folder=folder, where=Where.HERE.value)
    ranges = (here.filter(generation__lt=generation), here.filter(generation__gt=generation))
    return [pk for one in ranges for pk in one.values_list("pk", flat=True)]


def _left_behind(folder: Folder, generation: str) -> QuerySet[Copy]:
    gone = Folder.objects.filter(mailbox_id=folder.mailbox_id, missing_since__isnull=False).values_list("pk", flat=True)
    vanished = Q(folder_id__in=list(gone))
    other = Q(folder=folder) & (Q(generation__lt=generation) | Q(generation__gt=generation))
    return Copy.objects.filter(vanished | other, where=Where.HERE.value)


def _rebind_chunk(
    work: Work, folder: Folder, remote: RemoteFolder, generation: str, items: Sequence[RemoteItem]
) -> list[RemoteItem]:
    headers = list(work.session.headers(remote, generation, [item.remote_id for item in items]))
    parsed = work.parser.parse_many([Content(item=item, raw=block, whole=False) for item, block in headers])
    likenesses = {
        item.remote_id: _likeness(item, message)
        for (item, _), message in zip(headers, parsed, strict=True)
        if not isinstance(message, ParseFailure)
    }
    held: dict[tuple[object, ...], list[Copy]] = defaultdict(list)
    keys = {str(likeness[0]) for likeness in likenesses.values() if likeness[0]}
    sizes = {item.size for item in items if not likenesses.get(item.remote_id, ("",))[0]}
    copies = _left_behind(folder, generation).select_related("message").order_by("pk")
    for copy in copies.filter(message__key__in=keys):
        held[copy.message.key, copy.size].append(copy)
    for copy in copies.filter(message__message_id=None, size__in=sizes):
        held["", copy.size, copy.provider_at, copy.message.subject, copy.message.sender_address].append(copy)
    fresh, found = [], []
    for item, known in _paired(items, likenesses, held):
        if known is None:
            fresh.append(item)
            continue
        known.folder, known.generation, known.remote_id = folder, generation, item.remote_id
        for name, value in flag_fields(item.flags).items():
            setattr(known, name, value)
        found.append(known)
        if known.awaits_text:  # only its heading is here
            fresh.append(item)
    with work.storing(folder.name):
        Copy.objects.bulk_update(found, ["folder", "generation", "remote_id", "seen", "flagged", "answered"])
    return fresh


def _paired(
    items: Sequence[RemoteItem],
    likenesses: Mapping[str, tuple[object, ...]],
    held: Mapping[tuple[object, ...], list[Copy]],
) -> list[tuple[RemoteItem, Copy | None]]:
    """Each item with the held copy it is.

    Header and size can be forged, the time of arrival is the server's own: so it decides. Only where not one time is
    the same (a server that was rebuilt from a backup gives new ones) does the rest have to do, and then not for those
    that several could be: they are read again.
    """
    pairs: list[tuple[RemoteItem, Copy | None]] = []
    for item in items:
        candidates = held.get(likenesses.get(item.remote_id, ()), [])
        position = next((at for at, copy in enumerate(candidates) if copy.provider_at == item.received_at), None)
        pairs.append((item, None if position is None else candidates.pop(position)))
    if any(copy is not None for _, copy in pairs):
        return pairs
    claims = Counter(likenesses.get(item.remote_id, ()) for item in items)
    return [(item, _only(held, likenesses.get(item.remote_id, ()), claims)) for item in items]


def _only(
    held: Mapping[tuple[object, ...], list[Copy]], likeness: tuple[object, ...], claims: Counter[tuple[object, ...]]
) -> Copy | None:
    candidates = held.get(likeness, [])
    return candidates[0] if len(candidates) == claims[likeness] == 1 else None


def _likeness(item: RemoteItem, message: ParsedMessage) -> tuple[object, ...]:
    """What tells a message by its header and size. The key of one without a Message-ID needs its text too, so there the
    time of its arrival stands for it.
    """
    if message.message_id:
        return (key_of(message), item.size)
    sender = message.sender[0].address if message.sender else ""
    return ("", item.size, item.received_at, message.subject, sender)
