"""The sign-in a person clicks through: account, password, second factor, consent, or the need for an administrator.

`authorize` and `admin_consent` begin a flow, `step` takes each of its forms further. A flow ends with a redirect to the
application. Flows and signed-in browsers are forgotten when the sandbox ends.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.cookies import CookieError, SimpleCookie

from threadline.sandbox.microsoft import pages
from threadline.sandbox.microsoft.aadsts import EntraError, error_body
from threadline.sandbox.microsoft.directory import KNOWN_SCOPES, MANY, Directory, scopes_of
from threadline.sandbox.microsoft.flow import Flow, Session, back
from threadline.sandbox.microsoft.tokens import SignIn, Tokens
from threadline.sandbox.microsoft.web import Answer, Request, as_html

_COOKIE = "ESTSSANDBOX"


@dataclass(slots=True)
class SignInPages:
    """The pages and what they lead to."""

    directory: Directory
    tokens: Tokens
    now: Callable[[], datetime]
    flows: dict[str, Flow] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def forget(self, user: sqlite3.Row) -> None:
        """Every browser this user was signed in with is signed out."""
        self.sessions = {key: one for key, one in self.sessions.items() if one.user != user["oid"]}

    # -- beginnings ----------------------------------------------------------------------------------------

    def authorize(self, request: Request, tenant: str) -> Answer:
        """The authorization endpoint."""
        query = request.query | (request.form if request.method == "POST" else {})
        if (problem := self._unfit(query, tenant)) is not None:
            return problem
        flow = Flow(
            secrets.token_urlsafe(18), tenant, scopes_of(query.get("scope", "")), query["redirect_uri"],
            query.get("state", ""), query.get("prompt", ""), query.get("login_hint", ""),
            query.get("response_mode", "query"), query.get("code_challenge", ""), query.get("nonce", ""),
        )  # fmt: skip
        if query.get("response_type") != "code":
            return self._error(flow, "unsupported_response_type", EntraError(9002313))
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return self._error(flow, "invalid_request", EntraError(9002313))
        if not flow.scopes:
            return self._error(flow, "invalid_request", EntraError(900144, field="scope"))
        if unknown := flow.scopes - KNOWN_SCOPES:
            return self._error(flow, "invalid_scope", EntraError(70011, scope=min(unknown)))
        return self._begin(flow, request)

    def admin_consent(self, request: Request, tenant: str) -> Answer:
        """The page an administrator consents on for everybody."""
        query = request.query
        if (problem := self._unfit(query, tenant)) is not None:
            return problem
        scopes = scopes_of(query.get("scope", "")) or frozenset({"User.Read"})
        flow = Flow(
            secrets.token_urlsafe(18), tenant, scopes, query["redirect_uri"], query.get("state", ""), "", "",
            "query", admin=True,
        )  # fmt: skip
        return self._begin(flow, request)

    def _unfit(self, query: dict[str, str], tenant: str) -> Answer | None:
        """The page for a request that names no application of ours: nobody may be redirected then."""
        known = tenant in MANY or self.directory.tenant(tenant)
        if not known:
            sentence = EntraError(90002, tenant=tenant).sentence
        elif query.get("client_id") != self.directory.client_id:
            sentence = EntraError(700016, client=query.get("client_id", ""), tenant=tenant).sentence
        elif not self.directory.redirect_allowed(query.get("redirect_uri", "")):
            sentence = (
                f"AADSTS50011: The redirect URI '{query.get('redirect_uri', '')}' specified in the request does not"
                f" match the redirect URIs configured for the application '{self.directory.client_id}'."
            )
        else:
            return None
        return as_html(pages.problem(sentence), 400)

    def _begin(self, flow: Flow, request: Request) -> Answer:
        self.flows[flow.id] = flow
        session = self._session(request)
        user = self.directory.user(session.user) if session else None
        if flow.prompt == "none":
            if user is None or session is None:
                return self._error(flow, "login_required", EntraError(50058))
            flow.user, flow.proven, flow.second = user["oid"], True, session.second
            return self._onwards(flow, session)
        hinted = self.directory.user(flow.hint) if flow.hint else None
        if hinted is not None and flow.prompt != "select_account":
            return self._chosen(flow, hinted, session)
        return self._picker(flow)

    # -- the forms -----------------------------------------------------------------------------------------

    def step(self, request: Request) -> Answer:
        """One form of a flow."""
        form = request.form
        flow = self.flows.get(form.get("flow", ""))
        if flow is None:
            return as_html(pages.problem("This sign-in is over. Go back to the application and begin again."), 400)
        session = self._session(request)
        match form.get("step"):
            case "account":
                user = self.directory.user(form.get("account", "").strip())
                if user is None:
                    return self._picker(flow, "We couldn't find an account with that username.")
                return self._chosen(flow, user, session)
            case "other":
                flow.user, flow.proven, flow.second = "", False, False
                return self._picker(flow)
            case "password":
                return self._password(flow, form.get("passwd", ""))
            case "second":
                if form.get("answer") != "approve":
                    return self._error(flow, "access_denied", EntraError(50074), subcode="cancel")
                flow.second = True
            case "request":
                return as_html(pages.request_sent(flow.id))
            case "consent":
                return self._consent(flow, form)
            case _:
                return self._error(flow, "access_denied", EntraError(65004), subcode="cancel")
        return self._onwards(flow, None)

    def _picker(self, flow: Flow, sentence: str = "") -> Answer:
        listed = [(row["upn"], row["mail"], row["name"]) for row in self.directory.users() if row["state"] == "active"]
        listed.sort(key=lambda one: flow.hint.lower() not in one)
        return as_html(pages.picker(flow.id, listed, flow.hint, sentence))

    def _chosen(self, flow: Flow, user: sqlite3.Row, session: Session | None) -> Answer:
        tenant = self.directory.tenant(flow.tenant)
        if tenant is not None and user["tid"] != tenant["tid"]:
            return self._picker(flow, "This account does not exist in this organization. Enter a different account.")
        if user["state"] != "active":
            return as_html(pages.problem(EntraError(50034 if user["state"] == "deleted" else 50057).sentence), 400)
        flow.user = user["oid"]
        if session and session.user == user["oid"] and flow.prompt != "login":
            flow.proven, flow.second = True, session.second
            return self._onwards(flow, session)
        return as_html(pages.password(flow.id, user["upn"], user["name"]))

    def _password(self, flow: Flow, given: str) -> Answer:
        user = self._user(flow)
        if not secrets.compare_digest(given.encode(), user["password"].encode()):
            sentence = "Your account or password is incorrect."
            return as_html(pages.password(flow.id, user["upn"], user["name"], sentence))
        flow.proven = True
        return self._onwards(flow, None)

    def _onwards(self, flow: Flow, session: Session | None) -> Answer:
        """The next page this flow needs, or its end."""
        user = self._user(flow)
        silent = flow.prompt == "none"
        if not flow.proven:
            return as_html(pages.password(flow.id, user["upn"], user["name"]))
        if user["mfa"] != "off" and not flow.second:
            if silent:
                return self._error(flow, "interaction_required", EntraError(50076))
            return as_html(pages.second_factor(flow.id, user["upn"], enroll=user["mfa"] == "enroll"))
        answer = self._consent_page(flow, user, silent=silent)
        if session is None:
            key = secrets.token_urlsafe(18)
            self.sessions[key] = Session(user["oid"], flow.second)
            answer.headers["Set-Cookie"] = f"{_COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax"
        return answer

    def _consent_page(self, flow: Flow, user: sqlite3.Row, *, silent: bool) -> Answer:
        missing = flow.scopes - self.directory.consented(user)
        if flow.admin:
            if not user["admin"]:
                return as_html(pages.not_an_admin(flow.id, user["upn"]), 403)
            return as_html(pages.consent(flow.id, user["upn"], sorted(flow.scopes), admin=True, for_all=True))
        if not missing and flow.prompt != "consent":
            return self._done(flow, user)
        if silent:
            return self._error(flow, "consent_required", EntraError(65001, client=self.directory.client_id))
        if self.directory.needs_admin(user, missing or flow.scopes) and missing:
            tenant = self.directory.tenant(user["tid"])
            by_request = tenant is not None and tenant["admin_consent"] == "workflow"
            return as_html(pages.approval(flow.id, user["upn"], by_request=by_request))
        return as_html(pages.consent(flow.id, user["upn"], sorted(flow.scopes), admin=bool(user["admin"])))

    def _consent(self, flow: Flow, form: dict[str, str]) -> Answer:
        user = self._user(flow)
        if form.get("answer") != "accept":
            code = {"return": 90094, "requested": 90095}.get(form.get("answer", ""), 65004)
            return self._error(flow, "access_denied", EntraError(code), subcode="cancel")
        if not flow.proven or (user["mfa"] != "off" and not flow.second):
            return self._onwards(flow, None)
        if (flow.admin or form.get("for_all")) and user["admin"]:
            self.directory.consent(user["tid"], "*", flow.scopes)
        elif flow.admin or self.directory.needs_admin(user, flow.scopes - self.directory.consented(user)):
            return self._consent_page(flow, user, silent=False)
        else:
            self.directory.consent(user["tid"], user["oid"], flow.scopes)
        return self._done(flow, user)

    # -- ends ----------------------------------------------------------------------------------------------

    def _done(self, flow: Flow, user: sqlite3.Row) -> Answer:
        del self.flows[flow.id]
        if flow.admin:
            values = {"admin_consent": "True", "tenant": user["tid"], "scope": " ".join(sorted(flow.scopes))}
            return back(flow, values)
        code = self.tokens.code(SignIn(user, flow.scopes, flow.redirect_uri, flow.challenge, flow.nonce))
        return back(flow, {"code": code, "session_state": secrets.token_hex(16)})

    def _error(self, flow: Flow, error: str, problem: EntraError, *, subcode: str = "") -> Answer:
        self.flows.pop(flow.id, None)
        body = error_body(problem, self.now())
        values = {
            "error": error,
            "error_description": str(body["error_description"]),
            "error_uri": str(body["error_uri"]),
        }
        if subcode:
            values["error_subcode"] = subcode
        return back(flow, values)

    def _user(self, flow: Flow) -> sqlite3.Row:
        user = self.directory.user(flow.user)
        if user is None:
            raise EntraError(50034)
        return user

    def _session(self, request: Request) -> Session | None:
        try:
            cookies = SimpleCookie(request.headers.get("cookie", ""))
        except CookieError:
            return None
        found = cookies.get(_COOKIE)
        return self.sessions.get(found.value) if found else None
