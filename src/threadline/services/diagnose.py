"""Why is this email (not) on this profile? Answered from what is held (`services.live`: from the live mailbox).

The verdict is `domain.visibility.explain`'s; here its facts are gathered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threadline.clock import now
from threadline.domain.addresses import variants
from threadline.domain.facts import Facts, Where
from threadline.domain.visibility import Verdict, explain
from threadline.services import facts
from threadline.services.policy import policy_of
from threadline.storage.models import (
    Copy,
    Link,
    Mailbox,
    Message,
    Participant,
    Person,
    PersonAddress,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an email was found."""

    mailbox: str
    folder: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A verdict with what it was judged on."""

    verdict: Verdict
    as_of: datetime
    found_in: tuple[Place, ...]
    subject: str
    sender: str
    at: datetime | None
    message: Message | None  # None when the email is not held
    live: bool  # judged on the headers the server has right now
    facts: Facts  # what the verdict was made of

    def as_json(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "shown": verdict.shown,
            "linked": verdict.linked,
            "as_of": self.as_of,
            "reasons": [
                {
                    "rule": reason.rule.value,
                    "text": reason.text,
                    "compared": dict(reason.compared),
                    "near_miss": reason.near_miss.value if reason.near_miss else None,
                    "remedy": {"action": reason.remedy.action.value, "text": reason.remedy.text},
                }
                for reason in verdict.reasons
            ],
            "notes": [note.text for note in verdict.notes],
            "found_in": [
                {"mailbox": place.mailbox, "folder": place.folder, "id": place.remote_id} for place in self.found_in
            ],
        }


def explain_held(message: Message, person: Person, *, mailbox: Mailbox | None = None) -> Diagnosis:
    """The verdict on an email that is held; with `mailbox`, on that mailbox's copies."""
    known = facts.of_messages([message.pk], mailbox_id=mailbox.pk if mailbox else None)[message.pk]
    gathered = facts.join(
        known,
        facts.of_person(person),
        link=Link.objects.filter(message=message, person=person).first(),
        internal=facts.company_addresses(person.company_id),
        known_conversation=conversation_is_known(message.conversation_id, person, besides=message.pk),
        shared_with=sharing(person),
    )
    verdict = explain(gathered, policy_of(person.company), zone=person.company.zone)
    copies = list(message.copies.select_related("mailbox", "folder", "body", "message").order_by("body_id", "pk"))
    if mailbox is not None:
        copies = [copy for copy in copies if copy.mailbox_id == mailbox.pk]
    listed = [copy.folder.listed_at for copy in copies if copy.folder.listed_at]
    return Diagnosis(
        verdict=verdict,
        as_of=max(listed, default=now()),
        found_in=tuple(_place(copy) for copy in copies if copy.where != Where.NOT_FOUND.value),
        subject=copies[0].subject if copies and mailbox is not None else message.subject,
        sender=message.sender_address,
        at=message.at,
        message=message,
        live=False,
        facts=gathered,
    )


def _place(copy: Copy) -> Place:
    elsewhere = copy.where == Where.ELSEWHERE.value
    return Place(copy.mailbox.address, copy.where_folder if elsewhere else copy.folder.name, copy.remote_id)


def profiles_of(message: Message) -> list[tuple[Person, Diagnosis]]:
    """Everyone this email concerns, shown or not: linked people first, then those it nearly or not yet shows for."""
    linked = set(message.links.values_list("person_id", flat=True))
    people = Person.objects.filter(company_id=message.company_id, merged_into=None)
    concerned = linked | _near(message)
    diagnoses = [(person, explain_held(message, person)) for person in people.filter(pk__in=concerned).order_by("name")]
    return sorted(diagnoses, key=lambda pair: not pair[1].verdict.shown)


def _near(message: Message) -> set[int]:
    """People one of whose addresses takes part, also by a variant of it, or whose conversation this is."""
    keys = set(Participant.objects.filter(message=message).values_list("address__key", flat=True))
    wanted = keys | {variant for key in keys for variant in variants(key)}
    holders = PersonAddress.objects.filter(address__company_id=message.company_id, address__key__in=wanted)
    near = set(holders.values_list("person_id", flat=True))
    own = set(Mailbox.objects.filter(company_id=message.company_id).values_list("address_key", flat=True))
    if keys - own:
        others = Message.objects.filter(conversation_id=message.conversation_id).exclude(pk=message.pk)
        near |= set(
            Link.objects.filter(message__in=others, detached=False).values_list("person_id", flat=True).distinct()[:20]
        )
    return near


def conversation_is_known(conversation_id: int, person: Person, *, besides: int) -> bool:
    links = Link.objects.filter(message__conversation_id=conversation_id, person=person, detached=False)
    return links.exclude(message_id=besides).exists()


def sharing(person: Person) -> tuple[str, ...]:
    primary = person.addresses.filter(primary=True).values_list("address_id", flat=True)
    others = Person.objects.filter(addresses__address_id__in=list(primary), addresses__primary=True, merged_into=None)
    return tuple(others.exclude(pk=person.pk).order_by("name").values_list("name", flat=True))
