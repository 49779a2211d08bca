"""What is under way with mailboxes, told together with what it changes.

A refresh ends in one transaction: its own row, and the state, the history and the next turn of its mailbox. Whoever
reads the mailbox in one question and the refresh in another may see it neither running nor ended, and tells of a load
that was given up. So both are read in one question, which sees one moment on every database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from threadline.services.health import OF_THE_CONNECTION
from threadline.storage import workers
from threadline.storage.models import Mailbox, Refresh

_CHANGE_TOGETHER = (*OF_THE_CONNECTION, "refresh_requested_at", "verification_requested_at")


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The numbers of a mailbox's refreshes: the one at work (a check counts), and the newest that has ended."""

    running: int | None
    ended: int | None


def look(mailboxes: Sequence[Mailbox]) -> dict[int, UnderWay]:
    """What is under way; the mailboxes themselves are brought up to the same moment."""
    runs = Refresh.objects.filter(mailbox=OuterRef("pk")).order_by("-started_at")
    # A run without an end whose lease is over was killed, and so was one whose worker is silent.
    begun = runs.filter(finished_at=None, mailbox__lease_until__gte=Now()).exclude(
        mailbox__lease_owner__in=workers.silent().values("name")
    )
    ended = runs.filter(finished_at__isnull=False).exclude(trigger="verify")
    rows = (
        Mailbox.objects.filter(pk__in=[mailbox.pk for mailbox in mailboxes])
        .annotate(running_run=_newest(begun), ended_run=_newest(ended))
        .values("pk", "running_run", "ended_run", *_CHANGE_TOGETHER)
    )
    found = {row["pk"]: row for row in rows}
    told = {}
    for mailbox in mailboxes:
        row = found.get(mailbox.pk)
        if row is None:  # taken away in this moment
            told[mailbox.pk] = UnderWay(None, None)
            continue
        for name in _CHANGE_TOGETHER:
            setattr(mailbox, name, row[name])
        told[mailbox.pk] = UnderWay(row["running_run"], row["ended_run"])
    return told


def _newest(runs: QuerySet[Refresh]) -> Subquery:
    return Subquery(runs.values("pk")[:1])
