"""Looking for one email that is missing on a profile: among what is held, and in the live account; and mending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from threadline.providers.contract import Query
from threadline.services import ledger
from threadline.services.folders import folder_named
from threadline.services.live import Search, explain_message_id, search_live
from threadline.services.refresh import ask_for
from threadline.storage.arrivals import digest_of
from threadline.storage.models import Copy, LedgerEntry, Mailbox, Message, Participant, Person, User


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of the missing email. Every detail given must fit; a Message-ID alone is exact."""

    correspondent: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    message_id: str = ""


def in_account(mailbox: Mailbox, wanted: Wanted, person: Person, *, at_most: int) -> Search:
    """What fits in the live account and is not held, with verdicts. Raises ProviderError; NotFound for a Message-ID.

    A Message-ID finds what is held too.
    """
    if wanted.message_id:
        return Search(explain_message_id(mailbox, wanted.message_id, person), more=False)
    query = Query(correspondent=wanted.correspondent, subject=wanted.subject, since=wanted.since, until=wanted.until)
    return search_live(mailbox, query, person, at_most=at_most)


def among_held(mailbox: Mailbox, wanted: Wanted) -> QuerySet[Message]:
    """The emails of this mailbox that are held and fit, newest first."""
    copies = Copy.objects.filter(message=OuterRef("pk"), mailbox=mailbox)
    found = Message.objects.filter(Exists(copies), company_id=mailbox.company_id)
    if wanted.message_id:
        return found.filter(message_id_digest=digest_of(wanted.message_id))
    if wanted.correspondent:
        # A colleague's copy may show a Bcc that this mailbox never saw.
        names = Participant.objects.filter(Q(copy=None) | Q(copy__mailbox=mailbox), message=OuterRef("pk"))
        words = wanted.correspondent.strip()
        found = found.filter(Exists(names.filter(Q(as_written__icontains=words) | Q(name__icontains=words))))
    if wanted.subject:
        words = wanted.subject.strip()
        as_shown = Q(body__subject__icontains=words) | Q(body__subject=None, message__subject__icontains=words)
        found = found.filter(Exists(copies.filter(as_shown)))
    if wanted.since:
        found = found.filter(at__gte=wanted.since)
    if wanted.until:
        found = found.filter(at__lte=wanted.until)
    return found.order_by("-at", "-pk")


def fetch_again(mailbox: Mailbox, folder_name: str, remote_id: str, user: User | None) -> None:
    """Make the next refresh list this folder from the start and fetch what is not held, and ask for that refresh."""
    folder = folder_named(mailbox, folder_name)
    set_aside = LedgerEntry.objects.filter(folder=folder, generation=folder.generation, remote_id=remote_id).first()
    if set_aside is not None:
        ledger.retry(set_aside)
    else:
        folder.cursor = None
        folder.save(update_fields=["cursor"])
    ask_for(mailbox, user)
