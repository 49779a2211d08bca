"""Puts emails on profiles: when mail arrives, when a person or an address is new, when a policy changes, and by hand.

Which pairs of email and person come into question is a join over normalised addresses; whether the email is shown is
for `domain.visibility` alone to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from django.db import transaction

from threadline.clock import now as clock_now
from threadline.services import access, audit
from threadline.services.judging import Bench, Judged
from threadline.services.policy import policy_of
from threadline.storage import bulk, pairs
from threadline.storage.among import among
from threadline.storage.models import Company, Link, Message, Person, PersonAddress, User

CHUNK = 500  # people, and emails, of one question


def link_messages(company: Company, message_ids: Collection[int], *, now: datetime) -> int:
    """Link these messages to everyone they show for; returns how many links are new. Runs inside a transaction."""
    bench = Bench(company, policy_of(company))
    chunks = _chunks(message_ids)
    return sum(put_on_profiles(bench.judge(pairs.of_messages(chunk), linked=False), now=now) for chunk in chunks)


def link_person(person: Person, *, now: datetime | None = None) -> int:
    """Link every stored message that shows for this person; returns how many links are new."""
    return link_people(person.company, [person.pk], now=now)


def link_people(company: Company, person_ids: Collection[int], *, now: datetime | None = None) -> int:
    """Link every stored message that shows for any of these people; returns how many links are new."""
    policy, linked = policy_of(company), 0
    bench = Bench(company, policy)
    for chunk in _chunks(sorted(person_ids)):
        for batch in _chunks(pairs.messages_of_people(chunk, secondary=policy.secondary_addresses)):
            with transaction.atomic():
                judged = bench.judge(pairs.of_people(chunk, batch[0], batch[-1]), linked=False)
                linked += put_on_profiles(judged, now=now or clock_now())
    return linked


def put_on_profiles(judged: Sequence[Judged], *, now: datetime) -> int:
    """Make the links that are missing by the last policy the pairs were judged by; returns how many."""
    shown = [one for one in judged if one.link_id is None and one.shown[-1]]
    if not shown:
        return 0
    emails = among({one.message_id for one in shown})
    times = dict(Message.objects.filter(pk__in=emails).values_list("pk", "at"))
    shared = _sharing_people({one.person_id for one in shown})
    bulk.insert(
        Link,
        [
            {
                "message_id": one.message_id,
                "person_id": one.person_id,
                "at": times[one.message_id],
                "role": one.role,
                "made": Link.Made.RULE.value,
                "made_by_id": None,
                "made_at": now,
                "shared": one.person_id in shared,
                "detached": False,
            }
            for one in shown
        ],
        ignore_conflicts=True,
    )
    return len(shown)


def _sharing_people(person_ids: Collection[int]) -> set[int]:
    """Those of these people whose primary address is somebody else's primary address too."""
    holders: dict[int, set[int]] = defaultdict(set)
    for chunk in _chunks(sorted(person_ids)):
        primary = PersonAddress.objects.filter(person_id__in=among(chunk), primary=True)
        addresses = among(set(primary.values_list("address_id", flat=True)))
        rows = PersonAddress.objects.filter(address_id__in=addresses, primary=True)
        for address_id, person_id in rows.values_list("address_id", "person_id"):
            holders[address_id].add(person_id)
    return {person_id for people in holders.values() if len(people) > 1 for person_id in people}


def link_by_hand(message: Message, person: Person, user: User | None, *, door: str) -> Link:
    """Put an email on a profile, whatever the rules say. Doing it again changes nothing."""
    moment = clock_now()
    link, created = Link.objects.get_or_create(
        message=message,
        person=person,
        defaults={"at": message.at, "made": Link.Made.HAND, "made_by": user, "made_at": moment},
    )
    if not created and link.detached:
        link.detached, link.made, link.made_by, link.made_at = False, Link.Made.HAND, user, moment
        link.save()
    audit.record(
        person.company_id,
        user,
        door,
        "link",
        f"{access.subject_for(user, message)} on {person.name}",
        {"message": message.pk},
    )
    return link


def unlink(message: Message, person: Person, user: User | None, *, door: str) -> None:
    """Take an email off a profile. The rules will not put it back; a hand can."""
    moment = clock_now()
    Link.objects.update_or_create(
        message=message,
        person=person,
        defaults={"detached": True, "made": Link.Made.HAND, "made_by": user, "made_at": moment},
        create_defaults={
            "at": message.at,
            "detached": True,
            "made": Link.Made.HAND,
            "made_by": user,
            "made_at": moment,
        },
    )
    audit.record(
        person.company_id,
        user,
        door,
        "unlink",
        f"{access.subject_for(user, message)} off {person.name}",
        {"message": message.pk},
    )


def _chunks(items: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
