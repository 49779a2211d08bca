"""How many emails mailboxes and their folders hold, without counting a quarter of a million of them for every page.

What a mailbox holds changes only under its lease, and each lease has a fence of its own: while nobody holds it, what
was counted at this fence is still so.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.core.cache import cache
from django.db.models import Count

from threadline.domain.facts import Where
from threadline.storage.models import Copy, Folder, Mailbox

KEPT = 24 * 3600  # seconds


def in_folders(mailbox: Mailbox, role: str) -> int:
    """How many emails lie in the mailbox's Inbox, or among its sent ones."""
    folders = sorted(Folder.objects.filter(mailbox_id=mailbox.pk, role=role).values_list("pk", flat=True))
    key = _key(mailbox, "-".join(map(str, folders)))
    found: int | None = cache.get(key) if key else None
    if found is None:
        found = Copy.objects.filter(folder_id__in=folders, where=Where.HERE.value).count()
        if key:
            cache.set(key, found, KEPT)
    return found


def held(mailboxes: Sequence[Mailbox]) -> dict[int, int]:
    """How many copies of emails are held of each, wherever they are now."""
    keys = {mailbox.pk: _key(mailbox, "held") for mailbox in mailboxes}
    known = cache.get_many([key for key in keys.values() if key])
    counts = {pk: known[key] for pk, key in keys.items() if key in known}
    unknown = [pk for pk in keys if pk not in counts]
    rows = (
        Copy.objects.filter(mailbox__in=unknown, awaits_text=False)
        .order_by()
        .values_list("mailbox")
        .annotate(Count("pk"))
    )
    counted = dict.fromkeys(unknown, 0) | (dict(rows) if unknown else {})
    cache.set_many({key: counted[pk] for pk in unknown if (key := keys[pk])}, KEPT)
    return counts | counted


def _key(mailbox: Mailbox, what: str) -> str:
    """ "" while somebody works on the mailbox, or was killed at it."""
    return "" if mailbox.lease_until else f"count-{mailbox.pk}-{mailbox.lease_fence}-{what}"
