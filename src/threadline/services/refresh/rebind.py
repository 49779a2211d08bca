"""When a server renumbers a folder: finds the held copy behind each new id, so that no body is fetched twice (I10).

A new UIDVALIDITY voids every id (RFC 9051 section 2.3.1.1). As a rule the messages are the same; their headers say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from threadline.providers.contract import Content, RemoteFolder, RemoteItem
from threadline.providers.mime.pool import ParseFailure
from threadline.services.refresh.work import Work
from threadline.storage.arrivals import flag_fields, key_of
from threadline.storage.models import Copy, Folder

CHUNK = 500


def rebind(
    work: Work, folder: Folder, remote: RemoteFolder, generation: str, items: Sequence[RemoteItem]
) -> list[RemoteItem]:
    """Give held copies of older generations their new ids; returns the items that really are new."""
    old = Copy.objects.filter(folder=folder, where="here").exclude(generation=generation)
    if not items or not old.exists():
        return list(items)
    fresh: list[RemoteItem] = []
    for start in range(0, len(items), CHUNK):
        fresh += _rebind_chunk(work, folder, remote, generation, items[start : start + CHUNK])
    return fresh


def _rebind_chunk(
    work: Work, folder: Folder, remote: RemoteFolder, generation: str, items: Sequence[RemoteItem]
) -> list[RemoteItem]:
    sizes = {item.remote_id: item for item in items}
    headers = list(work.session.headers(remote, generation, list(sizes)))
    parsed = work.parser.parse_many([Content(item=item, raw=block, whole=False) for item, block in headers])
    keys = {
        item.remote_id: key_of(message)
        for (item, _), message in zip(headers, parsed, strict=True)
        if not isinstance(message, ParseFailure) and message.message_id
    }
    held: dict[tuple[str, int], list[Copy]] = defaultdict(list)
    copies = Copy.objects.filter(folder=folder, where="here", message__key__in=set(keys.values())).exclude(
        generation=generation
    )
    for copy in copies.select_related("message").order_by("pk"):
        held[copy.message.key, copy.size].append(copy)
    fresh, found = [], []
    for item in items:
        candidates = held.get((keys.get(item.remote_id, ""), item.size))
        if not candidates:
            fresh.append(item)
            continue
        copy = candidates.pop(0)
        copy.generation, copy.remote_id = generation, item.remote_id
        for name, value in flag_fields(item.flags).items():
            setattr(copy, name, value)
        found.append(copy)
    with work.storing(folder.name):
        Copy.objects.bulk_update(found, ["generation", "remote_id", "seen", "flagged", "answered"])
    return fresh
