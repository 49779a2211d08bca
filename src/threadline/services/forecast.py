"""When the sign-ins of mailboxes will end, from what is stored of them and of what their organisations did before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from threadline.domain.expiry import OF_A_POLICY, RENEWED_EVERY, Forecast, forecast, warning
from threadline.storage.models import Grant, GrantEnd, Mailbox

LATE = timedelta(days=2)  # a weekly renewal that is later than this has stopped


@dataclass(frozen=True, slots=True)
class Outlook:
    """`stage`: days before the end at which the owner is warned now; None while all is well."""

    forecast: Forecast
    granted_at: datetime
    used_at: datetime
    stopped: bool  # the weekly renewal does not happen any more
    stage: int | None

    def as_json(self) -> dict[str, Any]:
        return {"at": self.forecast.at, "basis": self.forecast.basis.value}


def outlooks(mailboxes: Sequence[Mailbox], *, now: datetime) -> dict[int, Outlook]:
    """By mailbox, for those that were granted something that can end."""
    grants = Grant.objects.filter(mailbox__in=[mailbox.pk for mailbox in mailboxes])
    found = {grant.mailbox_id: grant for grant in grants.defer("refresh_token", "access_token")}
    if not found:
        return {}
    lasted = _lasted([mailbox for mailbox in mailboxes if mailbox.pk in found])
    return {
        mailbox.pk: _outlook(found[mailbox.pk], lasted[_organisation(mailbox)], now)
        for mailbox in mailboxes
        if mailbox.pk in found
    }


def outlook(mailbox: Mailbox, *, now: datetime) -> Outlook | None:
    return outlooks([mailbox], now=now).get(mailbox.pk)


def _outlook(grant: Grant, lasted: Sequence[timedelta], now: datetime) -> Outlook:
    expected = forecast(granted_at=grant.granted_at, used_at=grant.used_at, lasted=lasted)
    stopped = now - grant.used_at > RENEWED_EVERY + LATE
    return Outlook(expected, grant.granted_at, grant.used_at, stopped, warning(expected.at, now))


def _lasted(mailboxes: Sequence[Mailbox]) -> dict[tuple[int, str], list[timedelta]]:
    """How long sign-ins lived until a policy ended them, by company and organisation."""
    ends = GrantEnd.objects.filter(
        organisation__in={_organisation(mailbox)[1] for mailbox in mailboxes},
        company__in={mailbox.company_id for mailbox in mailboxes},
        cause__in=[cause.value for cause in OF_A_POLICY],
    )
    lasted = defaultdict(list)
    for end in ends.order_by("ended_at"):
        lasted[end.company_id, end.organisation].append(end.ended_at - end.granted_at)
    return lasted


def _organisation(mailbox: Mailbox) -> tuple[int, str]:
    return mailbox.company_id, mailbox.identity.partition("/")[0]
