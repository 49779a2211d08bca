"""Control verbs: passwords, second factors, consent, the application's secret and what the token endpoint says."""

from __future__ import annotations

import sqlite3

from threadline.sandbox import clock
from threadline.sandbox.http import Json, ProblemError
from threadline.sandbox.microsoft.aadsts import CODES
from threadline.sandbox.microsoft.arguments import count, number, one_of, text
from threadline.sandbox.microsoft.directory import KINDS, scopes_of
from threadline.sandbox.microsoft.lookup import Lookup, account_json
from threadline.sandbox.microsoft.token_endpoint import TokenFault

_DEFAULT_SCOPES = "openid profile email offline_access User.Read Mail.Read"


class AccessVerbs(Lookup):
    """What ends a sign-in, or stands in the way of one."""

    def password(self, body: Json) -> Json:
        """A new password, as an administrator sets it: refresh tokens say 50173. `keep_tokens`: they go on working."""
        user = self.user_of(body)
        self.service.directory.change_user(user, password=text(body, "password", "changed-" + user["password"]))
        if not body.get("keep_tokens"):
            self._cut_off(user, 50173)
        return account_json(self.service, self.user_of(body))

    def revoke(self, body: Json) -> Json:
        """All sessions revoked: refresh tokens say `code` (50173)."""
        user = self.user_of(body)
        self._cut_off(user, _code(body, 50173))
        return account_json(self.service, user)

    def _cut_off(self, user: sqlite3.Row, code: int) -> None:
        directory = self.service.directory
        directory.kill_refresh_tokens(user, code)
        directory.challenge_access_tokens(user, clock.now())
        self.service.entra.pages.forget(user)

    def mfa(self, body: Json) -> Json:
        """`demand` a second factor: `required` (50076), `enroll` (50079) or `off`; said as the OAuth `error`."""
        user = self.user_of(body)
        mode = one_of(body, "demand", "required", ("off", "required", "enroll"))
        directory = self.service.directory
        directory.change_user(user, mfa=mode)
        directory.db.run("update refresh set mfa = 0 where oid = ?", user["oid"])
        self.service.entra.token_endpoint.faults.mfa_error = text(body, "error", "")
        if mode != "off":
            directory.challenge_access_tokens(user, clock.now())
            self.service.entra.pages.forget(user)
        return account_json(self.service, self.user_of(body))

    def challenge(self, body: Json) -> Json:
        """Access tokens of clients that handle claims challenges are challenged; refresh tokens go on working."""
        user = self.user_of(body)
        return {"moment": self.service.directory.challenge_access_tokens(user, clock.now())}

    def user(self, body: Json) -> Json:
        """What becomes of the account: `kind` (cloud, on_premises, unlicensed, soft_deleted, guest, shared) and `state`
        (active, disabled, deleted).
        """
        user = self.user_of(body)
        kind = one_of(body, "kind", user["kind"], KINDS)
        state = one_of(body, "state", user["state"], ("active", "disabled", "deleted"))
        self.service.directory.change_user(user, kind=kind, state=state, admin=bool(body.get("admin", user["admin"])))
        return account_json(self.service, self.user_of(body))

    def withdraw_consent(self, body: Json) -> Json:
        """Every consent of the account's tenant is taken back: refreshing says 65001."""
        self.service.directory.withdraw(self.user_of(body)["tid"])
        return {}

    def admin_approval(self, body: Json) -> Json:
        """Whether mail needs an administrator's consent: `mode` off, required, or workflow (users can ask)."""
        mode = one_of(body, "mode", "required", ("off", "required", "workflow"))
        tid = self.tenant_of(body)
        self.service.db.run("update tenant set admin_consent = ? where tid = ?", mode, tid)
        return {"tenant": tid, "admin_consent": mode}

    def grant_admin_consent(self, body: Json) -> Json:
        """An administrator consents to `scopes` for everybody in the tenant."""
        scopes = scopes_of(text(body, "scopes", _DEFAULT_SCOPES))
        tid = self.tenant_of(body)
        self.service.directory.consent(tid, "*", scopes)
        return {"tenant": tid, "scopes": sorted(scopes)}

    def secret(self, body: Json) -> Json:
        """`state` valid, expired (7000222) or replaced (7000215 for whoever uses the old one); `secret` sets one.
        `certificate` registers a PEM certificate.
        """
        db = self.service.db
        state = one_of(body, "state", "valid", ("valid", "expired", "replaced"))
        db.set("secret_expired", state == "expired")
        given = text(body, "secret", "")
        if given or state == "replaced":
            db.set("client_secret", given or "replaced~" + self.service.directory.client_secret[-32:])
        if text(body, "certificate", ""):
            db.set("certificates", [text(body, "certificate", "")])
        return {"client_secret": self.service.directory.client_secret}

    def redirects(self, body: Json) -> Json:
        """The registered redirect URIs, exactly; an empty list allows any on this machine."""
        uris = body.get("uris", [])
        if not isinstance(uris, list):
            raise ProblemError("uris must be a list")
        self.service.db.set("redirect_uris", [str(one) for one in uris])
        return {"uris": uris}

    def token_error(self, body: Json) -> Json:
        """The next `count` (1; -1 all) token requests of `account` (all) say `code`; code 0 ends that."""
        faults = self.service.entra.token_endpoint.faults
        code = _code(body, 0)
        if code == 0:
            faults.tokens.clear()
            return {}
        user = self.user_of(body) if body.get("account") else None
        oid = user["oid"] if user else ""
        faults.tokens.append(TokenFault(code, oid, count(body), text(body, "error", "")))
        return {"code": code}

    def rotation(self, body: Json) -> Json:
        """Whether a refresh returns a new refresh token (`on`, default true)."""
        self.service.entra.token_endpoint.faults.rotate = bool(body.get("on", True))
        return {"on": self.service.entra.token_endpoint.faults.rotate}


def _code(body: Json, otherwise: int) -> int:
    code = number(body, "code", otherwise, 10**8)
    if code and code not in CODES:
        raise ProblemError(f"{code} is not known; expected one of {', '.join(str(one) for one in sorted(CODES))}")
    return code
