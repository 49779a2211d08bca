"""Many pairs judged at once get the answers that `explain` gives one by one; the number of questions stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.world import ALICE, BOB, LONG_AGO, World
from threadline.domain.facts import Policy
from threadline.domain.visibility import explain
from threadline.services import facts, link, people
from threadline.services.judging import Bench, as_if_new
from threadline.storage import pairs
from threadline.storage.arrivals import address_ids
from threadline.storage.models import Body, Conversation, Copy, Folder, Link, Mailbox, Message, Participant, Person
from threadline.storage.models import PersonAddress as Held

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BLOCKED = "someone@blocked.example"
POOL = ("anna@a.example", "ben@b.example", BLOCKED, ALICE, BOB, "carl@c.example")
MOMENTS = tuple(NOON + timedelta(microseconds=shift) for shift in (-1_500_000, -500_000, 0, 250_000, 2_000_000))
PLACES = (("inbox", ""), ("sent", ""), ("other", ""), ("other", "include"))

policies = st.builds(
    Policy,
    secondary_addresses=st.booleans(),
    earlier_mail=st.booleans(),
    other_folders=st.booleans(),
    blocklist=st.sets(st.sampled_from([BLOCKED, "@blocked.example", "ben@b.example", "@nowhere.example"])).map(
        frozenset
    ),
)
persons = st.fixed_dictionaries(
    {
        "created_at": st.sampled_from(MOMENTS),
        "addresses": st.lists(st.sampled_from(POOL), unique=True, max_size=3),
        "primary": st.booleans(),
    }
)
copies = st.fixed_dictionaries(
    {
        "mailbox": st.integers(0, 1),
        "place": st.integers(0, len(PLACES) - 1),
        "decided_at": st.sampled_from(MOMENTS),
        "where": st.sampled_from(["here", "elsewhere", "not_found"]),
        "bcc": st.lists(st.sampled_from(POOL), unique=True, max_size=2),
    }
)
emails = st.fixed_dictionaries(
    {
        "open": st.lists(st.tuples(st.sampled_from(["from", "to", "cc"]), st.sampled_from(POOL)), max_size=4),
        "copies": st.lists(copies, max_size=3),
        "links": st.lists(st.sampled_from(["", "", "", "rule", "hand", "detached"]), min_size=2, max_size=2),
    }
)


class Agency:
    """Two mailboxes with a folder of every kind, to put emails and people into."""

    def __init__(self, world: World) -> None:
        self.company = world.company
        self.addresses = address_ids(world.company.pk, POOL)
        self.mailboxes = [
            Mailbox.objects.create(
                company=world.company,
                owner=user,
                address=user.email,
                address_key=user.email,
                created_at=NOON,
                since=NOON,
            )
            for user in (world.alice, world.bob)
        ]
        self.folders = {
            (number, place): Folder.objects.create(
                mailbox=mailbox, remote_name=f"folder {place}", name=f"folder {place}", role=role, override=override
            )
            for (number, mailbox), (place, (role, override)) in product(enumerate(self.mailboxes), enumerate(PLACES))
        }

    def person(self, given: dict[str, Any]) -> Person:
        person = Person.objects.create(company=self.company, kind="contact", name="P", created_at=given["created_at"])
        for number, key in enumerate(given["addresses"]):
            primary = number == 0 and given["primary"]
            Held.objects.create(person=person, address_id=self.addresses[key], as_written=key, primary=primary)
        return person

    def email(self, number: int, given: dict[str, Any], people: list[Person]) -> Message:
        conversation = Conversation.objects.create(company=self.company)
        message = Message.objects.create(
            company=self.company, key=str(number), conversation=conversation, at=NOON, kind="personal", created_at=NOON
        )
        body = Body.objects.create(message=message, digest="d")
        for role, key in given["open"]:
            self._stands(message, role, key, None)
        for place, one in enumerate(given["copies"]):
            folder = self.folders[one["mailbox"], one["place"]]
            copy = Copy.objects.create(
                mailbox_id=folder.mailbox_id, folder=folder, message=message, body=body, generation="1",
                remote_id=f"{number}/{place}", decided_at=one["decided_at"], stored_at=NOON, where=one["where"],
            )  # fmt: skip
            for key in one["bcc"]:
                self._stands(message, "bcc", key, copy)
        for person, made in zip(people, given["links"], strict=True):
            if made:
                kind = "rule" if made == "rule" else "hand"
                Link.objects.create(
                    message=message, person=person, at=NOON, made=kind, made_at=NOON, detached=made == "detached"
                )
        return message

    def _stands(self, message: Message, role: str, key: str, copy: Copy | None) -> None:
        Participant.objects.create(
            message=message, address_id=self.addresses[key], role=role, as_written=key, copy=copy
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    given_people=st.lists(persons, min_size=2, max_size=2),
    given_emails=st.lists(emails, min_size=1, max_size=3),
    before=policies,
    after=policies,
)
def test_many_pairs_at_once_get_the_answers_of_explain(
    world: World,
    given_people: list[dict[str, Any]],
    given_emails: list[dict[str, Any]],
    before: Policy,
    after: Policy,
) -> None:
    with transaction.atomic():
        agency = Agency(world)
        everyone = [agency.person(one) for one in given_people]
        stored = [agency.email(number, one, everyone).pk for number, one in enumerate(given_emails)]
        judged = Bench(world.company, before, after).judge(pairs.of_messages(stored), linked=True)
        answers = {(one.message_id, one.person_id): one for one in judged}
        by_person = Bench(world.company, before, after).judge(
            pairs.of_people([one.pk for one in everyone], min(stored), max(stored)), linked=True
        )
        assert {(one.message_id, one.person_id): one for one in by_person} == answers
        for message_id, person_id, known in facts.of_pairs(
            world.company, list(product(stored, [one.pk for one in everyone]))
        ):
            fresh = replace(known, linked=False)
            expected = tuple(not explain(fresh, policy).reasons for policy in (before, after))
            anew = tuple(not explain(as_if_new(known), policy).reasons for policy in (before, after))
            answer = answers.get((message_id, person_id))
            if known.detached:
                assert answer is None
            elif answer is None:
                assert not any(expected), "a pair that shows was not found"
            else:
                assert (answer.shown, answer.shown_as_new) == (expected, anew)
                assert (answer.link_id is not None) == known.linked
        transaction.set_rollback(True)


@pytest.mark.parametrize("count", [3, 300])
def test_a_new_person_costs_as_many_questions_whatever_mail_there_is(world: World, count: int) -> None:
    agency = Agency(world)
    given = {"copies": [{"mailbox": 0, "place": 0, "decided_at": NOON, "where": "here", "bcc": []}], "links": []}
    for number in range(count):
        agency.email(number, given | {"open": [("from", "carl@c.example"), ("to", ALICE)]}, [])
    people.add(world.company, kind="contact", name="Warm", email="warm@w.example", created_at=LONG_AGO, door="command")
    with CaptureQueriesContext(connection) as asked:
        carl = people.add(
            world.company, kind="contact", name="Carl", email="carl@c.example", created_at=LONG_AGO, door="command"
        )
    assert carl.links.count() == count
    writing = sum(query["sql"].startswith(('INSERT INTO "storage_link"', "COPY")) for query in asked)
    assert len(asked) - writing <= 32
    assert link.link_person(carl) == 0
