# ruff: noqa: E501  # Microsoft's texts stand unbroken, so that they can be searched for
"""What a refusal of Microsoft Entra means: one table from its codes to who must act.

`error` decides first, and the number in it only says more (Microsoft: "the `error` field ... numeric codes may change").
So a refusal of our own client is never anybody's sign-in to repeat, trouble at Microsoft's side is never anything but
that, and a number that no row knows is as its `error` says. An `error` that nobody knows is `Transient`.

Sources: Microsoft Entra, "authentication and authorization error codes" and "OAuth 2.0 authorization code flow"; an
example marked "observed" was seen as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from threadline.domain.causes import Cause
from threadline.domain.errors import (
    AccountGone,
    AppMisconfigured,
    NeedsAdmin,
    NeedsUser,
    ProviderError,
    Throttled,
    Transient,
)
from threadline.providers.retry_after import delay_of

LIST = "Microsoft Entra error codes"
FLOW = "OAuth 2.0 authorization code flow"


@dataclass(frozen=True, slots=True)
class Row:
    """Codes that mean the same. `example` is a description as Entra gives it, `example_error` the `error` beside it."""

    codes: tuple[int, ...]
    error: type[ProviderError]
    cause: Cause
    says: str
    certain: bool = True
    example: str = ""
    example_error: str = "invalid_grant"
    source: str = LIST


_AGAIN = "Sign in once more, and we catch up by ourselves."
_POLICY = "A policy of your organisation blocks this access."
_OURS = "This installation of Threadline asked Microsoft in a way that is not accepted. Nobody has to sign in again."

ROWS: tuple[Row, ...] = (
    # --- the owner signs in -------------------------------------------------------------------------------------------
    Row((50173,), NeedsUser, Cause.SECURITY_CHANGE, f"Microsoft ended our access, likely after a new password or a sign-out everywhere. {_AGAIN}",
        certain=False, source="observed",
        example="AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."),
    Row((50132, 50133), NeedsUser, Cause.SECURITY_CHANGE, f"Microsoft ended the session, likely after a new password or a sign-out everywhere. {_AGAIN}",
        certain=False, example="AADSTS50133: Session is invalid due to expiration or recent password change."),
    Row((700082,), NeedsUser, Cause.UNUSED_90_DAYS, f"Microsoft ended our access, because it was not used for 90 days. {_AGAIN}", source="observed",
        example="AADSTS700082: The refresh token has expired due to inactivity. The token was issued on 2026-01-03T10:11:12.0000000Z and was inactive for 90.00:00:00."),
    Row((70008, 50089, 70000), NeedsUser, Cause.SIGN_IN_EXPIRED, f"Microsoft does not accept the earlier sign-in any more. {_AGAIN}",
        example="AADSTS70008: The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
    Row((700084,), AppMisconfigured, Cause.APP_MISCONFIGURED, "This installation's redirect address is registered as a single-page application, so that every sign-in ends after a day. It has to be registered as Web.",
        example="AADSTS700084: The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can't be extended."),
    Row((70043,), NeedsUser, Cause.SIGN_IN_FREQUENCY, f"A policy of your organisation asks for a new sign-in from time to time. {_AGAIN}",
        example="AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."),
    Row((50076, 50079, 50072, 50074, 50078, 50158), NeedsUser, Cause.MFA_REQUIRED, "Your organisation wants the sign-in confirmed by a second step. Sign in once and confirm it; we catch up by ourselves.",
        example_error="interaction_required",
        example="AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'."),
    Row((50055, 50144), NeedsUser, Cause.PASSWORD_EXPIRED, "The password of this account has expired. Set a new one at Microsoft, then sign in again.",
        example="AADSTS50055: The password is expired."),
    Row((50126,), NeedsUser, Cause.CREDENTIALS_REJECTED, "Microsoft does not accept this user name and password.",
        example="AADSTS50126: Error validating credentials due to invalid username or password."),
    Row((50053,), NeedsUser, Cause.ACCOUNT_LOCKED, "The account is likely locked for now. Wait half an hour, then sign in again.", certain=False,
        example="AADSTS50053: The account is locked, you've tried to sign in too many times with an incorrect user ID or password."),
    Row((65001,), NeedsUser, Cause.CONSENT_WITHDRAWN, "Likely the permission to read this mailbox was withdrawn. Sign in again and allow it.", certain=False,
        example="AADSTS65001: The user or administrator has not consented to use the application with ID '11111111-2222-3333-4444-555555555555' named 'Threadline'. Send an interactive authorization request for this user and resource."),
    Row((65004,), NeedsUser, Cause.CONSENT_DECLINED, "The sign-in was cancelled, or its permission declined, on Microsoft's page. Nothing was changed.", example_error="access_denied",
        example="AADSTS65004: User declined to consent to access the app."),
    Row((50020, 16000, 50177), NeedsUser, Cause.GUEST_ACCOUNT, "This account likely belongs to another organisation than the one it signed in to. Sign in with the account that the mailbox belongs to.", certain=False,
        example="AADSTS50020: User account 'eva@outlook.example' from identity provider 'live.com' does not exist in tenant 'Contoso' and cannot access the application in that tenant."),
    # --- the administrator of the organisation ------------------------------------------------------------------------
    Row((90094, 90095), NeedsAdmin, Cause.ADMIN_APPROVAL, "Your organisation lets only an administrator allow Threadline to read mail.", example_error="consent_required",
        example="AADSTS90094: Admin consent is required for the permissions requested by this application."),
    Row((700016,), NeedsAdmin, Cause.ADMIN_APPROVAL, "Your organisation likely does not know Threadline yet; an administrator has to allow it.", certain=False, example_error="unauthorized_client",
        example="AADSTS700016: Application with identifier '11111111-2222-3333-4444-555555555555' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."),
    Row((90008, 650056, 650057, 500011), NeedsAdmin, Cause.ADMIN_APPROVAL, "Your organisation has likely not allowed everything that Threadline needs; an administrator has to.", certain=False, example_error="invalid_resource",
        example="AADSTS650057: Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration."),
    Row((50105,), NeedsAdmin, Cause.NOT_ASSIGNED, "Your organisation lets only chosen people use Threadline, and this account is not among them.", example_error="interaction_required",
        example="AADSTS50105: Your administrator has configured the application Threadline to block users unless they are specifically granted access to the application."),
    Row((7000112, 70001), NeedsAdmin, Cause.APP_DISABLED, "Your organisation has switched Threadline off.", example_error="unauthorized_client",
        example="AADSTS7000112: Application '11111111-2222-3333-4444-555555555555'(Threadline) is disabled."),
    Row((53000, 53001, 530003), NeedsAdmin, Cause.DEVICE_REQUIRED, "A policy of your organisation lets only managed devices read mail, and a server cannot be one.", example_error="interaction_required",
        example="AADSTS530003: Your device is required to be managed to access this resource."),
    Row((53003, 530032, 530035, 50131), NeedsAdmin, Cause.ACCESS_BLOCKED, _POLICY, example_error="interaction_required",
        example="AADSTS53003: Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
    Row((53004, 53010, 53011), NeedsAdmin, Cause.ACCESS_BLOCKED, "Your organisation likely blocks this sign-in until its security check is done; an administrator can tell which.", certain=False, example_error="interaction_required",
        example="AADSTS53004: User needs to complete Multi-factor authentication registration process before accessing this content."),
    Row((50057,), NeedsAdmin, Cause.ACCOUNT_DISABLED, "This account is switched off in your organisation.",
        example="AADSTS50057: The user account is disabled."),
    Row((50034, 51004), AccountGone, Cause.ACCOUNT_GONE, "Microsoft says that this account does not exist in that organisation.", source="observed",
        example="AADSTS50034: The user account {EUII Hidden} does not exist in the contoso.example directory. To sign into this application, the account must be added to the directory."),
    # --- this installation ----------------------------------------------------------------------------------------------
    Row((7000215,), AppMisconfigured, Cause.APP_SECRET_WRONG, "Microsoft does not accept the client secret of this installation. Nobody has to sign in again.", example_error="invalid_client",
        example="AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."),
    Row((7000222,), AppMisconfigured, Cause.APP_SECRET_EXPIRED, "The client secret of this installation has expired. Nobody has to sign in again.", example_error="invalid_client",
        example="AADSTS7000222: The provided client secret keys for app '11111111-2222-3333-4444-555555555555' are expired."),
    Row((700027, 7000218, 70002), AppMisconfigured, Cause.APP_SECRET_WRONG, "Microsoft does not accept the certificate or secret of this installation. Nobody has to sign in again.", example_error="invalid_client",
        example="AADSTS700027: Client assertion failed signature validation."),
    Row((50011, 500112), AppMisconfigured, Cause.APP_MISCONFIGURED, "The redirect address of this installation is not the one that is registered with Microsoft.", example_error="invalid_request", source=FLOW,
        example="AADSTS50011: The redirect URI 'https://crm.example/oauth/microsoft/callback' specified in the request does not match the redirect URIs configured for the application."),
    Row((501481, 54005, 9002313, 70011, 900144, 90002), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS, example_error="invalid_request", source=FLOW,
        example="AADSTS9002313: Invalid request. Request is malformed or invalid."),
    Row((50196,), AppMisconfigured, Cause.APP_MISCONFIGURED, "Threadline asked Microsoft for the same sign-in too often in a short time.",
        example="AADSTS50196: The server terminated an operation because it encountered a client request loop."),
    # --- Microsoft ------------------------------------------------------------------------------------------------------
    Row((50033, 50087, 90006, 90012, 90024, 90033, 90090), Transient, Cause.SERVER_TROUBLE, "Microsoft's sign-in has trouble of its own. We try again by ourselves.", example_error="temporarily_unavailable",
        example="AADSTS90033: A transient error has occurred. Please try again."),
    Row((90055,), Throttled, Cause.THROTTLED, "Microsoft asks us to slow down. We try again by ourselves.", example_error="temporarily_unavailable",
        example="AADSTS90055: The server has terminated the request because there are too many requests from the tenant."),
)  # fmt: skip

# By `error` alone: RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core section 3.1.2.6, and Microsoft's own.
BY_ERROR: Mapping[str, Row] = {
    "invalid_grant": Row((), NeedsUser, Cause.SIGN_IN_EXPIRED, f"Microsoft does not accept the earlier sign-in any more. {_AGAIN}"),
    "interaction_required": Row((), NeedsUser, Cause.SIGN_IN_EXPIRED, f"Microsoft asks for a new sign-in. {_AGAIN}"),
    "login_required": Row((), NeedsUser, Cause.SIGN_IN_EXPIRED, f"Microsoft asks for a new sign-in. {_AGAIN}"),
    "consent_required": Row((), NeedsUser, Cause.CONSENT_WITHDRAWN, "The permission to read this mailbox is not given. Sign in again and allow it."),
    "access_denied": Row((), NeedsUser, Cause.CONSENT_DECLINED, "The sign-in was cancelled, or its permission declined, on Microsoft's page. Nothing was changed."),
    "invalid_client": Row((), AppMisconfigured, Cause.APP_SECRET_WRONG, "Microsoft does not accept who this installation says it is. Nobody has to sign in again."),
    "unauthorized_client": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "invalid_request": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "invalid_scope": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "invalid_resource": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "invalid_tenant": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "unsupported_grant_type": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "unsupported_response_type": Row((), AppMisconfigured, Cause.APP_MISCONFIGURED, _OURS),
    "temporarily_unavailable": Row((), Transient, Cause.SERVER_TROUBLE, "Microsoft's sign-in has trouble of its own. We try again by ourselves."),
    "server_error": Row((), Transient, Cause.SERVER_TROUBLE, "Microsoft's sign-in has trouble of its own. We try again by ourselves."),
}  # fmt: skip

_TROUBLE = frozenset({"temporarily_unavailable", "server_error"})
_UNKNOWN = Row((), Transient, Cause.UNKNOWN, "Microsoft gave an answer that Threadline does not know. We try again by ourselves.", certain=False)  # fmt: skip


def meaning_of(
    error: str,
    description: str = "",
    codes: Collection[int] = (),
    *,
    subcode: str = "",
    retry_after: timedelta | None = None,
) -> ProviderError:
    """What a refusal means, from the token endpoint or through the browser."""
    numbers = [*codes, *(int(number) for number in re.findall(r"\bAADSTS(\d{4,9})\b", description[:4000]))]
    row = row_for(error, numbers)
    answer = " ".join(f"{error} {subcode} {description}".split())[:1000]
    if issubclass(row.error, Throttled):
        return row.error(row.says, cause=row.cause, answer=answer, retry_after=retry_after)
    return row.error(row.says, cause=row.cause, certain=row.certain, answer=answer)


def row_for(error: str, codes: Collection[int]) -> Row:
    """`error` bounds what the number may say: our own client stays ours, and trouble stays trouble."""
    known = next((row for code in codes for row in ROWS if code in row.codes), None)
    if error == "invalid_client":
        return known if known is not None and known.error is AppMisconfigured else BY_ERROR[error]
    if error in _TROUBLE:
        return known if known is not None and issubclass(known.error, Transient) else BY_ERROR[error]
    return known or BY_ERROR.get(error, _UNKNOWN)


def refused(status: int, headers: Mapping[str, str], body: Mapping[str, Any], *, now: datetime) -> ProviderError:
    """The meaning of an answer of the token endpoint that is no token."""
    wait = delay_of(headers.get("retry-after", ""), now=now)
    said = " ".join(str(body.get("error_description", "")).split())[:1000]
    if status == 429:
        return Throttled("Microsoft asks us to slow down. We try again by ourselves.", retry_after=wait, answer=said)
    error = body.get("error")
    if status >= 500 or not isinstance(error, str):
        row = BY_ERROR["server_error"]
        return row.error(row.says, cause=row.cause, answer=f"{status} {said}".strip())
    listed = body.get("error_codes")
    codes = [code for code in listed if isinstance(code, int)] if isinstance(listed, list) else []
    return meaning_of(error, said, codes, subcode=str(body.get("suberror", "")), retry_after=wait)
