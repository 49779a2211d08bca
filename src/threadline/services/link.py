"""Puts emails on profiles: when mail arrives, when a person or an address is new, when a policy changes, and by hand.

Which pairs of email and person come into question is a join over normalised addresses; whether the email is shown is
for `domain.visibility` alone to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from django.db import transaction

from threadline.clock import now as clock_now
from threadline.domain.facts import Facts, Policy, Where
from threadline.domain.visibility import decide
from threadline.services import audit, facts
from threadline.services.policy import from_json, policy_of
from threadline.storage import bulk
from threadline.storage.models import Company, Link, Message, Participant, Person, PersonAddress, User

CHUNK = 400
_RANK = {"from": 0, "to": 1, "cc": 2, "bcc": 3}


def link_messages(company: Company, message_ids: Collection[int], *, now: datetime) -> int:
    """Link these messages to everyone they show for; returns how many links are new. Runs inside a transaction."""
    policy = policy_of(company)
    pairs = _pairs_of_messages(message_ids, policy)
    return _link(company, pairs, policy, now)


def link_person(person: Person, *, now: datetime | None = None) -> int:
    """Link every stored message that shows for this person; returns how many links are new."""
    return link_people(person.company, [person.pk], now=now)


def link_people(company: Company, person_ids: Collection[int], *, now: datetime | None = None) -> int:
    """Link every stored message that shows for any of these people; returns how many links are new."""
    policy, linked = policy_of(company), 0
    for chunk in _chunks(sorted(person_ids)):
        pairs = iter(_pairs_of_people(chunk, policy))
        while batch := list(islice(pairs, CHUNK)):
            with transaction.atomic():
                linked += _link(company, batch, policy, now or clock_now())
    return linked


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What a change of policy does to the links of a company."""

    added: int
    withdrawn: int
    profiles: tuple[tuple[str, int, int], ...]  # (person, added, withdrawn), most changed first


def policy_effect(company: Company, before: Policy, after: Policy) -> PolicyEffect:
    """What changing the policy would do; nothing is written."""
    added: dict[int, int] = defaultdict(int)
    withdrawn: dict[int, int] = defaultdict(int)
    for add, withdraw in _policy_changes(company, before, after):
        for _, person_id in add:
            added[person_id] += 1
        for _, person_id in withdraw:
            withdrawn[person_id] += 1
    names = dict(Person.objects.filter(pk__in={*added, *withdrawn}).values_list("pk", "name"))
    rows = sorted(
        ((names[pk], added[pk], withdrawn[pk]) for pk in {*added, *withdrawn}),
        key=lambda row: (-(row[1] + row[2]), row[0]),
    )
    return PolicyEffect(sum(added.values()), sum(withdrawn.values()), tuple(rows))


def apply_policy(company: Company, before: Policy, after: Policy, *, now: datetime) -> tuple[int, int]:
    """Bring all links in line with a changed policy; returns (added, withdrawn).

    Withdrawn is what the rules had put there, held under the policy before and does not under the new one. What
    stopped holding for another reason (the mail was filed, the primary address changed) stays.
    """
    added = withdrawn = 0
    for add, withdraw in _policy_changes(company, before, after):
        with transaction.atomic():
            added += _link(company, add, after, now)
            for message_id, person_id in withdraw:
                deleted, _ = Link.objects.filter(
                    message_id=message_id, person_id=person_id, made=Link.Made.RULE, detached=False
                ).delete()
                withdrawn += deleted
    return added, withdrawn


def bring_in_line(company: Company) -> tuple[int, int]:
    """Evaluate all links again after the policy changed; returns (added, withdrawn)."""
    asked = company.relink_requested_at
    result = apply_policy(company, from_json(company.previous_policy), policy_of(company), now=clock_now())
    # A change that came meanwhile asks again.
    Company.objects.filter(pk=company.pk, relink_requested_at=asked).update(relink_requested_at=None)
    return result


def _policy_changes(
    company: Company, before: Policy, after: Policy
) -> Iterator[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    widest = Policy(secondary_addresses=True)
    message_ids = Message.objects.filter(company=company).order_by("pk").values_list("pk", flat=True)
    for chunk in _chunks(message_ids.iterator(chunk_size=CHUNK)):
        add, withdraw = [], []
        for message_id, person_id, known in facts.of_pairs(company, _pairs_of_messages(chunk, widest)):
            if known.detached:
                continue
            fresh = _as_if_new(known)
            if known.linked:
                if decide(fresh, after) and not decide(fresh, before):
                    withdraw.append((message_id, person_id))
            elif not decide(known, after):
                add.append((message_id, person_id))
        yield add, withdraw


def _as_if_new(known: Facts) -> Facts:
    """The same email, judged as if it had just arrived where it was first listed."""
    copies = tuple(replace(copy, where=Where.HERE, where_folder="", where_since=None) for copy in known.copies)
    return replace(known, copies=copies, linked=False)


def _pairs_of_messages(message_ids: Collection[int], policy: Policy) -> list[tuple[int, int]]:
    by_address: dict[int, set[int]] = defaultdict(set)
    rows = Participant.objects.filter(message_id__in=message_ids).values_list("address_id", "message_id")
    for address_id, message_id in rows:
        by_address[address_id].add(message_id)
    pairs: set[tuple[int, int]] = set()
    for chunk in _chunks(sorted(by_address)):
        # Who was merged into another has no addresses any more; asked for here, SQLite would begin with all people.
        holders = PersonAddress.objects.filter(address_id__in=chunk)
        if not policy.secondary_addresses:
            holders = holders.filter(primary=True)
        for address_id, person_id in holders.values_list("address_id", "person_id"):
            pairs.update((message_id, person_id) for message_id in by_address[address_id])
    return sorted(pairs)


def _pairs_of_people(person_ids: Collection[int], policy: Policy) -> list[tuple[int, int]]:
    holders = PersonAddress.objects.filter(person_id__in=person_ids)
    if not policy.secondary_addresses:
        holders = holders.filter(primary=True)
    by_address: dict[int, list[int]] = defaultdict(list)
    for address_id, person_id in holders.values_list("address_id", "person_id"):
        by_address[address_id].append(person_id)
    pairs: set[tuple[int, int]] = set()
    for chunk in _chunks(sorted(by_address)):
        rows = Participant.objects.filter(address_id__in=chunk).values_list("address_id", "message_id")
        for address_id, message_id in rows:
            pairs.update((message_id, person_id) for person_id in by_address[address_id])
    return sorted(pairs)


def _link(company: Company, pairs: Sequence[tuple[int, int]], policy: Policy, now: datetime) -> int:
    shown = []
    for message_id, person_id, known in facts.of_pairs(company, pairs):
        if not known.linked and not decide(known, policy):
            shown.append((message_id, person_id, role_of(known)))
    if not shown:
        return 0
    times = dict(Message.objects.filter(pk__in={message_id for message_id, _, _ in shown}).values_list("pk", "at"))
    shared = _sharing_people({person_id for _, person_id, _ in shown})
    bulk.insert(
        Link,
        [
            {
                "message_id": message_id,
                "person_id": person_id,
                "at": times[message_id],
                "role": role,
                "made": Link.Made.RULE.value,
                "made_by_id": None,
                "made_at": now,
                "shared": person_id in shared,
                "detached": False,
            }
            for message_id, person_id, role in shown
        ],
        ignore_conflicts=True,
    )
    return len(shown)


def role_of(known: Facts) -> str:
    """How the person takes part: the most direct of from, to, cc, bcc."""
    keys = {address.key for address in known.person.addresses}
    roles = [c.role for c in known.correspondents if c.key in keys]
    roles += [c.role for copy in known.copies for c in copy.bcc if c.key in keys]
    return min(roles, key=_RANK.__getitem__, default="")


def _sharing_people(person_ids: Collection[int]) -> set[int]:
    """Those of these people whose primary address is somebody else's primary address too."""
    primary = PersonAddress.objects.filter(person_id__in=person_ids, primary=True)
    address_ids = list(primary.values_list("address_id", flat=True))
    holders: dict[int, set[int]] = defaultdict(set)
    for chunk in _chunks(address_ids):
        rows = PersonAddress.objects.filter(address_id__in=chunk, primary=True)
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
    audit.record(person.company_id, user, door, "link", f"{message.subject} on {person.name}", {"message": message.pk})
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
        f"{message.subject} off {person.name}",
        {"message": message.pk},
    )


def _chunks(items: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
