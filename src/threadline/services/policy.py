"""What a company relaxed of the five conditions: shown, previewed and set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.domain.facts import Policy
from threadline.domain.schedule import next_refresh_at, spread_of
from threadline.services import audit
from threadline.services.errors import Invalid
from threadline.storage.models import Company, User

FLAGS = ("secondary_addresses", "earlier_mail", "other_folders")
SHORTEST, LONGEST = 5, 24 * 60  # minutes between automatic refreshes


def policy_of(company: Company) -> Policy:
    return from_json(company.policy)


def from_json(stored: Mapping[str, Any]) -> Policy:
    return Policy(
        **{flag: bool(stored.get(flag, False)) for flag in FLAGS},
        refresh_interval=timedelta(minutes=stored.get("refresh_interval_minutes", LONGEST)),
        blocklist=frozenset(stored.get("blocklist", ())),
    )


def to_json(policy: Policy) -> dict[str, Any]:
    return {
        **{flag: getattr(policy, flag) for flag in FLAGS},
        "refresh_interval_minutes": int(policy.refresh_interval.total_seconds() // 60),
        "blocklist": sorted(policy.blocklist),
    }


def changed(company: Company, changes: Mapping[str, str]) -> Policy:
    """The company's policy with these changes, as people write them. Raises Invalid naming the first bad one."""
    values = to_json(policy_of(company))
    for key, text in changes.items():
        if key in FLAGS:
            values[key] = _yes_or_no(key, text)
        elif key == "refresh_interval_minutes":
            values[key] = _minutes(key, text)
        elif key == "blocklist":
            values[key] = _blocklist(text)
        else:
            known = ", ".join((*FLAGS, "refresh_interval_minutes", "blocklist"))
            raise Invalid(f"There is no policy setting called {key!r}. The settings are: {known}.", field=key)
    return from_json(values)


def _yes_or_no(key: str, text: str) -> bool:
    word = text.strip().lower()
    if word in {"yes", "true", "1", "on"}:
        return True
    if word in {"no", "false", "0", "off"}:
        return False
    raise Invalid(f"{key} is {text!r}; expected yes or no.", field=key)


def _minutes(key: str, text: str) -> int:
    if not text.strip().isdecimal() or not SHORTEST <= int(text) <= LONGEST:
        raise Invalid(f"{key} is {text!r}; expected a number of minutes from {SHORTEST} to {LONGEST}.", field=key)
    return int(text)


def _blocklist(text: str) -> list[str]:
    entries = []
    for entry in filter(None, map(str.strip, text.replace("\n", ",").replace(";", ",").split(","))):
        key = normalise(f"x{entry}") if entry.startswith("@") else normalise(entry)
        if key is None:
            raise Invalid(
                f"{entry!r} cannot be blocked; expected an address such as news@jobs.example, "
                "or @jobs.example for a whole domain.",
                field="blocklist",
            )
        entries.append(key[1:] if entry.startswith("@") else key)
    return sorted(set(entries))


def save(company: Company, after: Policy, user: User | None, *, door: str) -> None:
    """Set the policy. The schedule follows at once; the links are brought in line by `relink.bring_in_line`."""
    with transaction.atomic():
        locked = Company.objects.select_for_update().get(pk=company.pk)
        if locked.relink_requested_at is None:
            locked.previous_policy, locked.relink_progress = locked.policy, {}
        else:
            # Some links stand under the policy that is replaced before all of them did.
            between = [*locked.relink_progress.get("between", ()), locked.policy]
            locked.relink_progress = {"between": between}
        before = policy_of(locked)
        locked.policy = to_json(after)
        locked.relink_requested_at = now()
        locked.save()
        for mailbox in locked.mailboxes.filter(
            last_refresh_at__isnull=False, failures=0, next_refresh_at__isnull=False
        ):
            mailbox.next_refresh_at = next_refresh_at(
                mailbox.last_refresh_at or now(), after.refresh_interval, spread=spread_of(str(mailbox.pk))
            )
            mailbox.save(update_fields=["next_refresh_at"])
        differing = {k: v for k, v in to_json(after).items() if v != to_json(before)[k]}
        audit.record(company.pk, user, door, "policy set", ", ".join(differing) or "nothing changed", differing)
    company.refresh_from_db()
