"""Entra's error codes: what the token endpoint says with each, and the exact body it says it in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from threadline.sandbox.microsoft.web import Answer, as_json

GRAPH_ID = "00000003-0000-0000-c000-000000000000"
_MOVED = "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
_HEADERS = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a code is said: the OAuth error, the suberror ("" for none), the status, and the sentence."""

    error: str
    suberror: str
    sentence: str
    status: int = 400


def _grant(sentence: str, suberror: str = "") -> Kind:
    return Kind("invalid_grant", suberror, sentence)


CODES: dict[int, Kind] = {
    50034: _grant("The user account does not exist in the directory. To sign into this application, the account must"
                  " be added to the directory."),
    50053: _grant("The account is locked, you've tried to sign in too many times with an incorrect user ID or"
                  " password."),
    50055: _grant("The password is expired."),
    50057: _grant("The user account is disabled.", "user_account_disabled"),
    50058: _grant("A silent sign-in request was sent but no user is signed in."),
    50074: _grant("Strong Authentication is required.", "basic_action"),
    50076: _grant(f"{_MOVED} use multi-factor authentication to access '{GRAPH_ID}'.", "basic_action"),
    50078: _grant("Presented multi-factor authentication has expired due to policies configured by your administrator,"
                  f" you must refresh your multi-factor authentication to access '{GRAPH_ID}'.", "basic_action"),
    50079: _grant(f"{_MOVED} enroll in multi-factor authentication to access '{GRAPH_ID}'.", "basic_action"),
    50105: _grant("Your administrator has configured the application Threadline to block users unless they are"
                  " specifically granted access to the application."),
    50126: _grant("Error validating credentials due to invalid username or password."),
    50158: _grant("External security challenge was not satisfied. User will be redirected to another page or"
                  " authentication provider to satisfy additional authentication challenges.", "basic_action"),
    50173: _grant("The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might"
                  " have changed or reset their password.", "bad_token"),
    53000: _grant("Your device is required to be compliant to access this resource.", "message_only"),
    53001: _grant("Device is not in required device state: domain_joined.", "message_only"),
    53003: _grant("Access has been blocked by Conditional Access policies. The access policy does not allow token"
                  " issuance.", "message_only"),
    54005: _grant("OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an"
                  " existing refresh token."),
    65001: _grant("The user or administrator has not consented to use the application with ID '{client}' named"
                  " 'Threadline'. Send an interactive authorization request for this user and resource.",
                  "consent_required"),
    65004: _grant("User declined to consent to access the app."),
    70000: _grant("The provided value for the input parameter 'refresh_token' or 'code' is not valid.", "bad_token"),
    70008: _grant("The provided authorization code or refresh token has expired due to inactivity. Send a new"
                  " interactive authorization request for this user and resource."),
    70043: _grant("The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
                  "bad_token"),
    700082: _grant("The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive"
                   " for 90.00:00:00.", "bad_token"),
    700084: _grant("The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited"
                   " lifetime of 1.00:00:00, which can't be extended.", "bad_token"),
    90094: _grant("Admin consent is required for the permissions requested by this application.", "consent_required"),
    90095: _grant("Admin consent is required for the permissions requested by this application. The user can request"
                  " an administrator's approval.", "consent_required"),
    500112: _grant("The reply address '{uri}' does not match the reply address provided when requesting Authorization"
                   " code."),
    501481: _grant("The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    700016: Kind("unauthorized_client", "", "Application with identifier '{client}' was not found in the directory"
                 " '{tenant}'. This can happen if the application has not been installed by the administrator of the"
                 " tenant or consented to by any user in the tenant."),
    700027: Kind("invalid_client", "", "The certificate with identifier used to sign the client assertion is not"
                 " registered on application, or the signature is not valid.", 401),
    7000215: Kind("invalid_client", "", "Invalid client secret provided. Ensure the secret being sent in the request is"
                  " the client secret value, not the client secret ID, for a secret added to app '{client}'.", 401),
    7000218: Kind("invalid_client", "", "The request body must contain the following parameter: 'client_assertion' or"
                  " 'client_secret'.", 401),
    7000222: Kind("invalid_client", "", "The provided client secret keys for app '{client}' are expired. Visit the"
                  " Azure portal to create new keys for your app, or consider using certificate credentials.", 401),
    70003: Kind("unsupported_grant_type", "", "The app requested an unsupported grant type '{grant}'."),
    70011: Kind("invalid_scope", "", "The provided value for the input parameter 'scope' is not valid. The scope"
                " '{scope}' is not valid."),
    90002: Kind("invalid_tenant", "", "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID"
                " and are signing into the correct cloud."),
    90033: Kind("temporarily_unavailable", "", "A transient error has occurred. Please try again.", 503),
    900144: Kind("invalid_request", "", "The request body must contain the following parameter: '{field}'."),
    9002313: Kind("invalid_request", "", "Invalid request. Request is malformed or invalid."),
}  # fmt: skip


class EntraError(Exception):
    """Entra refuses, with this code. `more` fills the sentence."""

    def __init__(self, code: int, **more: object) -> None:
        self.code = code
        self.more = more
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """`AADSTS50173: ...`"""
        known = {"client": "", "tenant": "", "uri": "", "field": "", "grant": "", "scope": "", "issued": ""}
        return f"AADSTS{self.code}: {CODES[self.code].sentence.format(**(known | self.more))}"


def refusal(problem: EntraError, now: datetime, *, as_error: str = "") -> Answer:
    """The token endpoint's answer. `as_error` says it with another OAuth error, as happens with 50076."""
    kind = CODES[problem.code]
    body = error_body(problem, now)
    if as_error:
        body["error"] = as_error
    return as_json(body, kind.status, _HEADERS)


def error_body(problem: EntraError, now: datetime) -> dict[str, object]:
    """The JSON of a refusal."""
    kind = CODES[problem.code]
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    said = now.strftime("%Y-%m-%d %H:%M:%SZ")
    body: dict[str, object] = {
        "error": kind.error,
        "error_description": (
            f"{problem.sentence}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {said}"
        ),
        "error_codes": [problem.code],
        "timestamp": said,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={problem.code}",
    }
    if kind.suberror:
        body["suberror"] = kind.suberror
    return body
