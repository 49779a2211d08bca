"""What has come to a list since somebody opened it: a look that costs next to nothing, for pages that stay open."""

from __future__ import annotations

from threadline.domain.folders import Role
from threadline.services.messages import Page, copies_of, mark_of, place_of
from threadline.storage.models import Mailbox

MOST_COUNTED = 50
NOTHING_SHOWN = "0_0"


def mark(page: Page) -> str:
    """How far the first page of a list goes: down to which time, and up to which copy."""
    if not page.copies:
        return NOTHING_SHOWN
    newest = max(copy.pk for copy in page.copies)
    # What is older than a full page is none of it: a first load brings that all the time.
    down_to = mark_of(page.copies[-1]).partition("_")[0] if page.older else "0"
    return f"{down_to}_{newest}"


def count(mailbox: Mailbox, role: Role, since: str) -> int:
    """How many emails would be on that page now and were not; counted up to one more than `MOST_COUNTED`.

    Raises NotFound where `since` is no mark.
    """
    at, newest = place_of(since)
    return copies_of(mailbox, role).filter(decided_at__gte=at, pk__gt=newest)[: MOST_COUNTED + 1].count()
