"""Who may see what: one access function per kind of object, used by every door.

What belongs to another company does not exist, and nothing says otherwise. Within a company: a member sees all people
and profiles, the mail on profiles, and the whole of the own mailboxes; unlinked mail is the owner's alone. An
administrator sees every mailbox's connection, but not its mail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from threadline.services.errors import NotFound
from threadline.storage.models import Copy, LedgerEntry, Link, Mailbox, Message, Person, User


def people_of(user: User) -> QuerySet[Person]:
    return Person.objects.filter(company_id=user.company_id, merged_into=None)


def person_for(user: User, person_id: int) -> Person:
    person = people_of(user).filter(pk=person_id).first()
    if person is None:
        raise NotFound("There is no such person here.")
    return person


def own_mailboxes(user: User) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(owner=user).order_by("address")


def mailbox_for(user: User, mailbox_id: int) -> Mailbox:
    """A mailbox whose mail this user may read: an own one."""
    mailbox = own_mailboxes(user).filter(pk=mailbox_id).first()
    if mailbox is None:
        raise NotFound("There is no such mailbox here.")
    return mailbox


def connection_for(user: User, mailbox_id: int) -> Mailbox:
    """A mailbox whose connection this user may see and manage: an own one; for an administrator any of the company."""
    allowed = Q(owner=user) | Q(company_id=user.company_id) if user.is_admin else Q(owner=user)
    mailbox = Mailbox.objects.filter(allowed, pk=mailbox_id).first()
    if mailbox is None:
        raise NotFound("There is no such mailbox here.")
    return mailbox


def connections_of(user: User) -> QuerySet[Mailbox]:
    """The mailboxes whose connection this user may see: the own ones; for administrators and support, the company's."""
    mailboxes = Mailbox.objects.filter(company_id=user.company_id).order_by("address_key")
    return mailboxes if user.role in {"admin", "support"} else mailboxes.filter(owner=user)


def connection_shown_to(user: User, mailbox_id: int) -> Mailbox:
    """A mailbox whose connection this user may see; `connection_for` says whether they may also change it."""
    mailbox = connections_of(user).filter(pk=mailbox_id).first()
    if mailbox is None:
        raise NotFound("There is no such mailbox here.")
    return mailbox


def colleague_for(user: User, user_id: int) -> User:
    colleague = User.objects.filter(company_id=user.company_id, pk=user_id).first()
    if colleague is None:
        raise NotFound("There is no such user here.")
    return colleague


def messages_of(user: User) -> QuerySet[Message]:
    own = Copy.objects.filter(message=OuterRef("pk"), mailbox__owner=user)
    on_a_profile = Link.objects.filter(message=OuterRef("pk"), detached=False)
    return Message.objects.filter(Exists(own) | Exists(on_a_profile), company_id=user.company_id)


def message_for(user: User, message_id: int) -> Message:
    message = messages_of(user).filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such email here.")
    return message


def copy_for(user: User, message: Message) -> Copy | None:
    """The copy a user reads: an own one where there is one, else a colleague's (without its Bcc).

    Of several versions the first that came: one that came later under the same key may be a forgery, and must not take
    its place. What somebody put on a profile by hand, others read as it is in that person's own mailbox: whoever forges
    a copy of another's private email publishes the forgery and nothing else.
    """
    copies = list(message.copies.select_related("mailbox__owner", "folder", "body", "message"))
    return copy_among(copies, user, list(message.links.filter(detached=False)))


def copy_among(copies: Iterable[Copy], user: User, links: Sequence[Link]) -> Copy | None:
    """The same among all copies of a message, which come with their mailboxes; its links without those taken off."""
    copies = sorted(copies, key=lambda copy: (copy.body_id, copy.pk))
    own = [copy for copy in copies if copy.mailbox.owner_id == user.pk]
    if own:
        return own[0]
    if not any(link.made == Link.Made.RULE for link in links):
        makers = {link.made_by_id for link in links}
        copies = [copy for copy in copies if copy.mailbox.owner_id in makers]
    return next(iter(copies), None)


def copies_for(user: User, messages: Iterable[Message]) -> dict[int, Copy]:
    """The copies a user reads of these messages, by message, without texts: two questions for all."""
    ids = [message.pk for message in messages]
    copies, links = defaultdict(list), defaultdict(list)
    rows = Copy.objects.filter(message_id__in=ids).select_related("mailbox__owner", "body", "message")
    for copy in rows.defer("body__text", "body__packed_html", "body__raw"):
        copies[copy.message_id].append(copy)
    for link in Link.objects.filter(message_id__in=ids, detached=False):
        links[link.message_id].append(link)
    chosen = {pk: copy_among(held, user, links[pk]) for pk, held in copies.items()}
    return {pk: copy for pk, copy in chosen.items() if copy is not None}


def subject_for(user: User | None, message: Message) -> str:
    """The subject of the copy a user reads."""
    copy = copy_for(user, message) if user else None
    return copy.subject if copy else message.subject


def ledger_of(user: User) -> QuerySet[LedgerEntry]:
    """What could not be stored of this user's own mailboxes."""
    return LedgerEntry.objects.filter(mailbox__owner=user)


def ledger_entry_for(user: User, entry_id: int) -> LedgerEntry:
    entry = ledger_of(user).select_related("mailbox", "folder").filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("There is no such entry here.")
    return entry
