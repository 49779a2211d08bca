# ruff: noqa: E501  # Microsoft's texts stand unbroken, so that they can be searched for
"""What a refusal of Microsoft Graph means: one table from its codes to who must act.

The code decides, the innermost first; the message is for people and never read. Codes are compared without case: the
documentation and the wire differ. What no row knows is as its status says, and that is never anybody's sign-in to
repeat: whether a sign-in has ended, the sign-in itself says, when it is asked for another token. Only where Graph
challenges the other token too (continuous access evaluation) is the owner asked.

Sources: Microsoft Graph, "error responses and resource types"; "observed" was seen on the wire as it stands.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threadline.domain.causes import Cause
from threadline.domain.errors import (
    AccountGone,
    CursorLost,
    MessageGone,
    NeedsAdmin,
    NeedsUser,
    ProviderError,
    Throttled,
    Transient,
)
from threadline.providers.retry_after import delay_of

DOCS = "Microsoft Graph error responses"


@dataclass(frozen=True, slots=True)
class Row:
    """Codes (lower-cased) that mean the same, with this status, or with any where it is 0."""

    codes: tuple[str, ...]
    error: type[ProviderError]
    cause: Cause
    says: str
    status: int = 0
    certain: bool = True
    example: str = ""  # an error object as it was made for; each is a test
    source: str = DOCS


_AGAIN = "We try again by ourselves."

ROWS: tuple[Row, ...] = (
    Row(("syncstatenotfound", "resyncrequired", "syncstateinvalid", "invalidsyncstatedata", "errorsyncstateinvalid", "errorsyncfoldernotfound", "errorinvalidsyncstatedata"),
        CursorLost, Cause.RENUMBERED, "Microsoft does not know any more where we were in this folder. We list it again and fetch nothing twice.", source="observed",
        example='{"code":"SyncStateNotFound","message":"The sync state generation is not found; generation=149;[highest=157][157][155][156].","innerError":{"request-id":"1"}}'),
    Row(("mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi", "rest_api_not_enabled_for_component_shared_mailbox"),
        NeedsAdmin, Cause.NO_MAILBOX, "Likely this mailbox is inactive, deleted, or on a server of your company.", certain=False, source="observed",
        example='{"code":"MailboxNotEnabledForRESTAPI","message":"The mailbox is either inactive, soft-deleted, or is hosted on-premise."}'),
    Row(("errorinvaliduser", "request_resourcenotfound", "resourcenotfound"),
        AccountGone, Cause.ACCOUNT_GONE, "Microsoft says that this account does not exist any more.",
        example='{"code":"ErrorInvalidUser","message":"The requested user \'eva@contoso.example\' is invalid."}'),
    Row(("erroritemnotfound", "itemnotfound"),
        MessageGone, Cause.MESSAGE_GONE, "This email left the mailbox before we could fetch it.",
        example='{"code":"ErrorItemNotFound","message":"The specified object was not found in the store."}'),
    Row(("applicationthrottled", "activitylimitreached", "toomanyrequests", "errortoomanyobjectsopened", "mailboxconcurrency"),
        Throttled, Cause.THROTTLED, f"Microsoft asks us to slow down. {_AGAIN}", source="observed",
        example='{"code":"ApplicationThrottled","message":"Application is over its MailboxConcurrency limit."}'),
    Row(("erroraccessdenied", "authorization_requestdenied", "accessdenied"),
        NeedsAdmin, Cause.ACCESS_BLOCKED, "Microsoft does not let Threadline read this mailbox: the permission is missing, or a policy of your organisation excludes it.",
        example='{"code":"ErrorAccessDenied","message":"Access is denied. Check credentials and try again."}'),
    Row(("insufficient_claims",), NeedsAdmin, Cause.ACCESS_BLOCKED, "Likely a policy of your organisation blocks this access.", status=403, certain=False,
        example='{"code":"accessDeniedInner","message":"","innerError":{"code":"insufficient_claims"}}'),
    Row(("insufficient_claims", "tokencreatedwithoutdatedpolicies"), NeedsUser, Cause.SECURITY_CHANGE, "Microsoft ended our access, likely after a security change. Sign in once more, and we catch up by ourselves.", certain=False,
        source="continuous access evaluation",
        example='{"code":"TokenCreatedWithOutdatedPolicies","message":"Continuous access evaluation resulted in challenge with result: InteractionRequired"}'),
    Row(("invalidauthenticationtoken", "unauthenticated"), Transient, Cause.SERVER_TROUBLE, f"Microsoft did not accept an access that it had just given. {_AGAIN}", certain=False, source="observed",
        example='{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired."}'),
    Row(("quotalimitreached", "errorquotaexceeded"), Transient, Cause.SERVER_TROUBLE, f"Microsoft says that this mailbox is full. {_AGAIN}",
        example='{"code":"ErrorQuotaExceeded","message":"The mailbox quota has been exceeded."}'),
    Row(("servicenotavailable", "serviceunavailable", "errorserverbusy", "errormailboxstoreunavailable", "unknownerror", "generalexception", "errorinternalservererror", "gatewaytimeout", "errortimeoutexpired"),
        Transient, Cause.SERVER_TROUBLE, f"Microsoft 365 has trouble of its own. {_AGAIN}",
        example='{"code":"serviceNotAvailable","message":"The service is not available. Try the request again after a delay."}'),
    Row(("errormailboxmoveinprogress", "mailboxinfostale"), Transient, Cause.MAILBOX_BUSY, f"Microsoft is moving this mailbox. {_AGAIN}",
        example='{"code":"ErrorMailboxMoveInProgress","message":"Mailbox move in progress. Try again later."}'),
)  # fmt: skip

_BY_STATUS: Mapping[int, Row] = {
    403: Row((), NeedsAdmin, Cause.ACCESS_BLOCKED, "Microsoft does not let Threadline read this mailbox, likely by a policy of your organisation.", certain=False),
    410: Row((), CursorLost, Cause.RENUMBERED, "Microsoft does not know any more where we were in this folder. We list it again and fetch nothing twice."),
    404: Row((), MessageGone, Cause.MESSAGE_GONE, "This email left the mailbox before we could fetch it."),
    429: Row((), Throttled, Cause.THROTTLED, f"Microsoft asks us to slow down. {_AGAIN}"),
    401: Row((), Transient, Cause.SERVER_TROUBLE, f"Microsoft did not accept an access that it had just given. {_AGAIN}", certain=False),
}  # fmt: skip
_TROUBLE = Row((), Transient, Cause.SERVER_TROUBLE, f"Microsoft 365 has trouble of its own. {_AGAIN}")
_UNKNOWN = Row((), Transient, Cause.UNKNOWN, f"Microsoft 365 gave an answer that Threadline does not know. {_AGAIN}", certain=False)  # fmt: skip
_CLAIMS = re.compile(r'claims="([A-Za-z0-9+/=_-]+)"')


def error_for(
    status: int, headers: Mapping[str, str], body: Mapping[str, Any] | None, *, now: datetime
) -> ProviderError:
    """What an answer means that is not the one we asked for. Header names are lower-cased."""
    error = (body or {}).get("error")
    error = error if isinstance(error, dict) else {}
    codes = list(_codes(error))
    if status == 401 and claims_of(headers):
        codes.append("insufficient_claims")  # said by a header, and more than the code beside it
    row = row_for(status, codes)
    answer = " ".join(f"{status} {' '.join(codes)} {error.get('message', '')}".split())[:1000]
    if issubclass(row.error, Throttled):
        return row.error(row.says, cause=row.cause, answer=answer, retry_after=wait_of(headers, now=now))
    return row.error(row.says, cause=row.cause, certain=row.certain, answer=answer)


def row_for(status: int, codes: list[str]) -> Row:
    """The row of the innermost code that one knows; else that of the status."""
    if status == 429:
        return _BY_STATUS[429]
    for code in reversed(codes):
        for row in ROWS:
            if code.lower() in row.codes and row.status in (0, status):
                return row
    return _BY_STATUS.get(status) or (_TROUBLE if status >= 500 else _UNKNOWN)


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    inner: Any = error
    for _ in range(8):
        if not isinstance(inner, dict):
            return
        if isinstance(inner.get("code"), str) and inner["code"]:
            yield inner["code"]
        inner = inner.get("innerError", inner.get("innererror"))


def wait_of(headers: Mapping[str, str], *, now: datetime) -> Any:
    """The delay that an answer asks for; None where it names none."""
    return delay_of(headers.get("retry-after", ""), now=now)


def claims_of(headers: Mapping[str, str]) -> str:
    """What a rejected token lacked, as JSON; "" where it is not said (continuous access evaluation)."""
    challenge = headers.get("www-authenticate", "")
    found = _CLAIMS.search(challenge) if "insufficient_claims" in challenge else None
    if found is None:
        return ""
    text = found[1].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        claims = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
        json.loads(claims)
    except (binascii.Error, ValueError):
        return ""
    return claims
