"""What holds for every verdict, whatever the facts."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.world import JANE, KIM, LEE, NOON, correspondent, email, in_inbox, jane, stored
from threadline.domain.addresses import NearMiss
from threadline.domain.folders import Role
from threadline.domain.page_samples import SAMPLES
from threadline.domain.visibility import (
    FIX_ORDER,
    CopyFacts,
    Facts,
    Outcome,
    Policy,
    Rule,
    Where,
    decide,
    explain,
)

ADDRESSES = st.sampled_from([JANE, KIM, LEE, "jd@home.example", "j.doe@gmail.com", "jdoe+x@gmail.com", "x@example.net"])
ROLES = st.sampled_from(["from", "to", "cc", "bcc"])
CORRESPONDENTS = st.lists(st.builds(correspondent, ROLES, ADDRESSES), max_size=4).map(tuple)
TIMES = st.integers(-90, 90).map(lambda days: NOON + timedelta(days=days))


@st.composite
def copies(draw: st.DrawFn) -> CopyFacts:
    return in_inbox(
        mailbox=draw(st.sampled_from([KIM, LEE])),
        role=draw(st.sampled_from(Role)),
        included=draw(st.booleans()),
        decided_at=draw(TIMES),
        where=draw(st.sampled_from(Where)),
        where_folder="Clients/Acme",
        where_since=draw(st.none() | TIMES),
        held=draw(st.booleans()),
        ledger_reason=draw(st.sampled_from(["", "erased", "message_unreadable"])),
        listed=draw(st.booleans()),
        connected=draw(st.booleans()),
        last_refresh_at=draw(st.none() | TIMES),
        next_refresh_at=draw(st.none() | TIMES),
        bcc=draw(CORRESPONDENTS),
    )


@st.composite
def emails(draw: st.DrawFn) -> Facts:
    people = st.lists(ADDRESSES | st.just("jane @example.org"), max_size=3, unique=True)
    addresses = [stored(address, primary=place == 0) for place, address in enumerate(draw(people))]
    return email(
        *draw(st.lists(copies(), min_size=1, max_size=3)),
        person=jane(*addresses),
        correspondents=draw(CORRESPONDENTS),
        linked=draw(st.booleans()),
        detached=draw(st.booleans()),
        known_conversation=draw(st.booleans()),
        shared_with=draw(st.sampled_from([(), ("John Doe",)])),
    )


POLICIES = st.builds(
    Policy,
    secondary_addresses=st.booleans(),
    earlier_mail=st.booleans(),
    other_folders=st.booleans(),
    blocklist=st.sampled_from([frozenset(), frozenset({JANE}), frozenset({"@example.net"})]),
)


@given(emails(), POLICIES)
def test_an_email_is_shown_exactly_if_it_is_linked_or_nothing_speaks_against_it(facts: Facts, policy: Policy) -> None:
    verdict = explain(facts, policy)
    assert verdict.shown == (facts.linked or not verdict.reasons)
    assert verdict.linked == facts.linked


@given(emails(), POLICIES)
def test_the_core_and_the_explanation_never_disagree(facts: Facts, policy: Policy) -> None:
    failing = decide(facts, policy)
    verdict = explain(facts, policy)
    assert tuple(r.rule for r in verdict.reasons) == (() if facts.linked else failing)
    assert {c.rule for c in verdict.conditions if c.outcome is Outcome.NOT_MET} == set(failing)
    assert list(failing) == sorted(failing, key=FIX_ORDER.index)


@given(emails(), POLICIES)
def test_every_reason_has_a_text_and_a_remedy_and_every_condition_a_text(facts: Facts, policy: Policy) -> None:
    verdict = explain(facts, policy)
    for reason in verdict.reasons:
        assert reason.text.endswith(".")
        assert reason.remedy.text
        assert all(label and value for label, value in reason.compared)
    assert [c.rule for c in verdict.conditions] == list(Rule)
    for condition in verdict.conditions:
        assert condition.text
    for note in verdict.notes:
        assert note.kind
        assert note.text


@given(emails(), POLICIES, copies())
def test_another_copy_never_adds_reasons(facts: Facts, policy: Policy, another: CopyFacts) -> None:
    more = email(
        *facts.copies, another, person=facts.person, correspondents=facts.correspondents, detached=facts.detached
    )
    assert len(decide(more, policy)) <= len(decide(facts, policy))


@given(emails(), POLICIES)
def test_relaxing_the_policy_never_adds_reasons(facts: Facts, policy: Policy) -> None:
    relaxed = replace(policy, secondary_addresses=True, earlier_mail=True, other_folders=True)
    assert len(decide(facts, relaxed)) <= len(decide(facts, policy))
    assert Rule.AFTER_CREATED not in decide(facts, relaxed)


def test_every_rule_and_every_near_miss_has_a_sample_that_produces_it() -> None:
    near = set()
    assert set(SAMPLES) == set(Rule)
    for rule, samples in SAMPLES.items():
        for facts, policy in samples:
            (reason,) = explain(facts, policy).reasons
            assert reason.rule is rule
            near.add(reason.near_miss)
    assert near - {None} == set(NearMiss)
