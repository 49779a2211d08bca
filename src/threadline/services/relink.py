"""Brings the profiles of a company in line with a changed policy: what would come and go, and doing it.

A change concerns every email of the company, so it is done in steps, each of them one transaction that also notes how
far it came: killed anywhere, it goes on from there. A policy that changes again meanwhile begins at the first email.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Max, Min

from threadline.clock import now
from threadline.domain.facts import Policy
from threadline.services.judging import Bench, Judged
from threadline.services.link import put_on_profiles
from threadline.services.policy import from_json, policy_of
from threadline.storage import pairs
from threadline.storage.models import Company, Link, Message, Person

STEP = 1_000  # emails


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What a change of policy does to the links of a company."""

    added: int
    withdrawn: int
    profiles: tuple[tuple[str, int, int], ...]  # (person, added, withdrawn), most changed first
    looked_at: int  # emails
    whole: bool  # were those all?


def policy_effect(company: Company, before: Policy, after: Policy, *, newest: int | None = None) -> PolicyEffect:
    """What changing the policy would do; nothing is written. `newest`: look at so many emails, the last ones stored."""
    bench = Bench(company, before, after)
    added: Counter[int] = Counter()
    withdrawn: Counter[int] = Counter()
    reached, whole = _first_of_newest(company, newest)
    looked_at = 0
    while chunk := pairs.messages_after(company.pk, reached, STEP) if _concerns_links(before, after) else []:
        judged = bench.judge(pairs.of_messages(chunk), linked=True)
        added.update(one.person_id for one in judged if _comes(one))
        withdrawn.update(one.person_id for one in judged if _goes(one))
        reached, looked_at = chunk[-1], looked_at + len(chunk)
    names = dict(Person.objects.filter(pk__in={*added, *withdrawn}).values_list("pk", "name"))
    rows = sorted(
        ((names[pk], added[pk], withdrawn[pk]) for pk in {*added, *withdrawn}),
        key=lambda row: (-(row[1] + row[2]), row[0]),
    )
    return PolicyEffect(added.total(), withdrawn.total(), tuple(rows), looked_at, whole)


def _first_of_newest(company: Company, newest: int | None) -> tuple[int, bool]:
    """The number to begin behind, and whether that leaves nothing out."""
    if newest is not None:
        ids = Message.objects.filter(company=company).order_by("-pk").values_list("pk", flat=True)
        found = list(ids[newest : newest + 1])
        if found:
            return found[0], False
    return 0, True


def _comes(one: Judged) -> bool:
    return one.link_id is None and one.shown[-1]


def _goes(one: Judged) -> bool:
    """What the rules had put there, held under a policy before and does not under the new one.

    What stopped holding for another reason (the mail was filed, the primary address changed) stays.
    """
    by_rule = one.link_id is not None and one.made == Link.Made.RULE
    return by_rule and not one.shown_as_new[-1] and any(one.shown_as_new[:-1])


def _concerns_links(before: Policy, after: Policy) -> bool:
    return replace(before, refresh_interval=after.refresh_interval) != after


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a company's profiles are in line, in percent of its emails, and what that changed so far."""

    percent: int
    added: int
    withdrawn: int


def progress_of(company: Company) -> Progress | None:
    """None when nothing is under way. The percentage goes by the emails' numbers, which are nearly without holes."""
    if company.relink_requested_at is None:
        return None
    noted = company.relink_progress
    span = Message.objects.filter(company=company).aggregate(first=Min("pk"), last=Max("pk"))
    first, last = span["first"] or 0, span["last"] or 0
    done = max(0, noted.get("reached", 0) - first) / max(1, last - first)
    return Progress(min(99, int(100 * done)), noted.get("added", 0), noted.get("withdrawn", 0))


def bring_in_line(company: Company, *, stopping: Callable[[], bool] = lambda: False) -> tuple[int, int]:
    """Evaluate all links again after the policy changed; returns (added, withdrawn), also of what was done before.

    Ends early, to be gone on with, when `stopping` says so between two steps.
    """
    while not stopping():
        company.refresh_from_db()
        if company.relink_requested_at is None:
            break
        _until_it_changes_again(company, stopping)
    noted = company.relink_progress
    return noted.get("added", 0), noted.get("withdrawn", 0)


def _until_it_changes_again(company: Company, stopping: Callable[[], bool]) -> None:
    noted, after = company.relink_progress, policy_of(company)
    before = [from_json(policy) for policy in (company.previous_policy, *noted.get("between", ()))]
    before = [policy for policy in before if _concerns_links(policy, after)]
    bench = Bench(company, *before, after)
    goes_on = True
    while goes_on and not stopping():
        reached = company.relink_progress.get("reached", 0)
        chunk = pairs.messages_after(company.pk, reached, STEP) if before else []
        goes_on = _step(company, bench.judge(pairs.of_messages(chunk), linked=True) if chunk else [], chunk)


def _step(company: Company, judged: Sequence[Judged], chunk: Sequence[int]) -> bool:
    """Store what was found out about some emails; False when there is nothing more to do under this policy."""
    with transaction.atomic():
        locked = Company.objects.select_for_update().get(pk=company.pk)
        if (locked.relink_requested_at, locked.relink_progress) != (
            company.relink_requested_at,
            company.relink_progress,
        ):
            return False  # the policy changed again, or another worker is at it
        noted = dict(locked.relink_progress)
        if chunk:
            gone = pairs.remove_links([one.link_id for one in judged if one.link_id is not None and _goes(one)])
            noted["added"] = noted.get("added", 0) + put_on_profiles(judged, now=now())
            noted["withdrawn"] = noted.get("withdrawn", 0) + gone
            noted["reached"] = chunk[-1]
        else:
            locked.relink_requested_at = None
        locked.relink_progress = noted
        locked.save(update_fields=["relink_requested_at", "relink_progress"])
    company.relink_progress, company.relink_requested_at = noted, locked.relink_requested_at
    return bool(chunk)
