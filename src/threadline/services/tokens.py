"""The access tokens of a mailbox: handed out while they are good, renewed when they are not.

However many need one at once, in however many processes, one of them asks the provider and the others wait for its
answer (`storage.grants`). The answer is stored before anything uses it (I6). What the provider refuses of this
installation itself is noted in `services.installation`, and is nobody's sign-in to repeat.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from threadline.clock import now
from threadline.domain import errors
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, NeedsUser, ProviderError, Throttled, Transient
from threadline.domain.expiry import RENEWED_EVERY
from threadline.providers.oauth import microsoft
from threadline.services import installation
from threadline.services.microsoft.app import app
from threadline.services.sealed import opened, sealed
from threadline.services.sessions import nothing_to_sign_in_with
from threadline.storage import grants
from threadline.storage.models import Grant, GrantEnd, Mailbox

MARGIN = timedelta(minutes=5)  # an access token that ends sooner is renewed before it is used
PATIENCE = 60.0  # seconds to wait for another's renewal: longer than a claim of one that was killed
_PAUSES = (0.02, 0.2)  # seconds between two looks


class GrantTokens:
    """The tokens of one mailbox, as a provider asks for them. Its repr tells nothing."""

    def __init__(self, mailbox_id: int) -> None:
        self._mailbox_id = mailbox_id

    def password(self) -> str:
        return ""

    def access_token(self) -> str:
        return access_token(self._mailbox_id)

    def renewed(self, rejected: str, claims: str = "") -> str:
        """Another token than the one that was rejected. `claims`: what the provider wants of it (CAE)."""
        return _renewed(self._mailbox_id, lambda grant: _access_token(grant) == rejected, claims)


def access_token(mailbox_id: int) -> str:
    return _renewed(mailbox_id, lambda grant: grant.access_expires_at - now() < MARGIN)


def keep_alive(mailbox_id: int) -> None:
    """Renew for the sake of renewing: a grant that nobody uses ends (`domain.expiry`)."""
    before = _read(mailbox_id).version
    _renewed(mailbox_id, lambda grant: grant.version == before)


def granted(mailbox: Mailbox, answer: microsoft.Grant, *, now: datetime) -> None:
    """Seal and store what a sign-in granted, in place of an earlier grant."""
    values = {
        "refresh_token": _seal(mailbox.pk, answer.refresh_token),
        "access_token": _seal(mailbox.pk, answer.access_token),
        "access_expires_at": now + answer.expires_in,
        "granted_at": now,
        "issued_at": now,
        "used_at": now,
        "renew_at": now + RENEWED_EVERY,
        "claim": "",
        "claimed_until": None,
        "refusal": {},
        "warned": None,
    }
    known = Grant.objects.select_for_update().filter(mailbox=mailbox).first()
    version = known.version + 1 if known is not None else 1  # whoever renews the old one finds another version
    Grant.objects.update_or_create(mailbox=mailbox, defaults=values | {"version": version})


def reseal(mailbox: Mailbox) -> int:
    """Seal what is stored with the current key, for `keys rotate`; 1, or 0 where there is nothing any more."""
    grant = Grant.objects.select_for_update().filter(mailbox=mailbox).first()
    if grant is None:
        return 0
    grant.refresh_token = _seal(mailbox.pk, _refresh_token(grant))
    grant.access_token = _seal(mailbox.pk, _access_token(grant))
    grant.save(update_fields=["refresh_token", "access_token"])
    return 1


def _renewed(mailbox_id: int, is_stale: Callable[[Grant], bool], claims: str = "") -> str:
    deadline = time.monotonic() + PATIENCE
    attempts: int | None = None
    while True:
        grant = _read(mailbox_id)
        if not is_stale(grant):
            return _access_token(grant)
        if attempts is not None and grant.attempts != attempts:
            raise _as_error(grant.refusal)  # what the one we waited for was told holds for us as well
        attempts = grant.attempts
        if mine := grants.claim(grant):
            if token := _ask(grant, mine, claims):
                return token
            continue
        if time.monotonic() > deadline:
            raise Transient("The sign-in is being renewed elsewhere, and that takes too long. We try again.")
        time.sleep(random.uniform(*_PAUSES))  # noqa: S311 - spreads the looks, no secret


def _ask(grant: Grant, mine: str, claims: str) -> str:
    """Renew at the provider, then store, then hand out; "" where another version was stored meanwhile."""
    try:
        installation.hold_back(now())
    except AppMisconfigured as error:  # not asked: that the provider said so a moment ago does not become younger by it
        grants.release(grant, mine, _as_json(error))
        raise
    try:
        answer = microsoft.renew(app(), _refresh_token(grant), claims=claims)
    except ProviderError as error:
        grants.release(grant, mine, _as_json(error))
        _note(grant, error)
        raise
    installation.works()
    moment = now()
    kept = grants.store(
        grant,
        refresh_token=_seal(grant.mailbox_id, answer.refresh_token) if answer.refresh_token else None,
        access_token=_seal(grant.mailbox_id, answer.access_token),
        access_expires_at=moment + answer.expires_in,
        now=moment,
        renew_at=moment + RENEWED_EVERY,
    )
    return answer.access_token if kept else ""


def _note(grant: Grant, error: ProviderError) -> None:
    if isinstance(error, AppMisconfigured):
        installation.refused(error, now=now())
    elif isinstance(error, NeedsUser):
        mailbox = Mailbox.objects.get(pk=grant.mailbox_id)
        GrantEnd.objects.get_or_create(
            mailbox=mailbox,
            granted_at=grant.granted_at,
            defaults={
                "company_id": mailbox.company_id,
                "organisation": mailbox.identity.partition("/")[0],
                "ended_at": now(),
                "cause": error.cause.value,
            },
        )


def _read(mailbox_id: int) -> Grant:
    grant = Grant.objects.filter(mailbox=mailbox_id).first()
    if grant is None:
        raise nothing_to_sign_in_with(mailbox_id)
    return grant


def _context(mailbox_id: int) -> str:
    return f"grant of mailbox {mailbox_id}"


def _seal(mailbox_id: int, token: str) -> bytes:
    return sealed(token, context=_context(mailbox_id))


def _access_token(grant: Grant) -> str:
    return str(opened(grant.access_token, context=_context(grant.mailbox_id)))


def _refresh_token(grant: Grant) -> str:
    return str(opened(grant.refresh_token, context=_context(grant.mailbox_id)))


def _as_json(error: ProviderError) -> dict[str, Any]:
    wait = error.retry_after if isinstance(error, Throttled) else None
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "cause": error.cause.value,
        "certain": error.certain,
        "answer": error.answer[:2000],
        "retry_after": wait.total_seconds() if wait else None,
    }


def _as_error(refusal: dict[str, Any]) -> ProviderError:
    kind = getattr(errors, refusal.get("kind", ""), Transient)
    said = {"cause": Cause(refusal.get("cause", "unknown")), "answer": refusal.get("answer", "")}
    if kind is Throttled:
        seconds = refusal.get("retry_after")
        return Throttled(refusal["message"], retry_after=timedelta(seconds=seconds) if seconds else None, **said)
    found: ProviderError = kind(refusal.get("message", ""), certain=refusal.get("certain", True), **said)
    return found
