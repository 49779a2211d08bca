"""A change of policy is brought in line step by step, in the background; ended anywhere, it is gone on with."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.services.test_judging import NOON, Agency
from tests.services.world import ALICE, ANNA, World
from threadline.jobs.worker import Worker
from threadline.services import policy, relink
from threadline.storage.models import Company, Link

HOME = "anna@home.example"


@pytest.fixture
def company(world: World) -> Company:
    """One email with Anna's primary address, which is linked, and one with her other one, which is not."""
    agency = Agency(world)
    agency.addresses |= {held.address.key: held.address_id for held in world.anna.addresses.select_related("address")}
    here = {"mailbox": 0, "place": 0, "decided_at": NOON, "where": "here", "bcc": []}
    for number, (sender, made) in enumerate(((ANNA, "rule"), (HOME, ""))):
        given = {"open": [("from", sender), ("to", ALICE)], "copies": [here], "links": [made]}
        agency.email(number, given, [world.anna])
    return world.company


def change(company: Company, **changes: str) -> None:
    policy.save(company, policy.changed(company, changes), None, door="command")


def senders() -> set[str]:
    return {link.message.participants.get(role="from").as_written for link in Link.objects.all()}


def after_steps(count: int) -> Iterator[bool]:
    yield from (False for _ in range(count))
    while True:
        yield True


def test_links_come_and_go_and_the_preview_said_so(company: Company) -> None:
    before = policy.policy_of(company)
    after = policy.changed(company, {"secondary_addresses": "yes", "blocklist": ANNA})
    effect = relink.policy_effect(company, before, after)
    change(company, secondary_addresses="yes", blocklist=ANNA)
    assert relink.bring_in_line(company) == (effect.added, effect.withdrawn) == (1, 1)
    assert senders() == {HOME}
    assert relink.progress_of(Company.objects.get(pk=company.pk)) is None


@pytest.mark.parametrize("asked", [0, 1, 2, 3])
def test_ended_anywhere_it_goes_on_from_there(company: Company, asked: int) -> None:
    change(company, secondary_addresses="yes")
    answers = after_steps(asked)
    relink.bring_in_line(company, stopping=lambda: next(answers))
    again = Company.objects.get(pk=company.pk)
    assert relink.progress_of(again) is not None or senders() == {ANNA, HOME}
    assert relink.bring_in_line(again) == (1, 0)
    assert senders() == {ANNA, HOME}
    assert again.relink_requested_at is None


def test_what_came_under_a_policy_that_never_held_for_all_goes_with_it(company: Company) -> None:
    change(company, secondary_addresses="yes")
    answers = after_steps(2)
    relink.bring_in_line(company, stopping=lambda: next(answers))
    assert senders() == {ANNA, HOME}
    change(company, secondary_addresses="no")
    relink.bring_in_line(company)
    assert senders() == {ANNA}


def test_the_worker_does_it_beside_the_refreshes(company: Company) -> None:
    change(company, secondary_addresses="yes")
    worker = Worker(1)
    assert worker.relink()
    deadline = time.monotonic() + 60
    while senders() != {ANNA, HOME}:
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)
    worker.close()


def test_a_preview_of_the_newest_says_that_it_left_something_out(company: Company) -> None:
    before, after = policy.policy_of(company), policy.changed(company, {"secondary_addresses": "yes"})
    newest = relink.policy_effect(company, before, after, newest=1)
    assert (newest.added, newest.looked_at, newest.whole) == (1, 1, False)
    everything = relink.policy_effect(company, before, after, newest=2)
    assert (everything.looked_at, everything.whole) == (2, True)
