"""Entra's addresses: discovery, keys and autodiscover, and the way to the token endpoint and the sign-in's pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from threadline.sandbox.microsoft import pages
from threadline.sandbox.microsoft.aadsts import EntraError, refusal
from threadline.sandbox.microsoft.directory import Directory
from threadline.sandbox.microsoft.jose import SigningKey
from threadline.sandbox.microsoft.signin import SignInPages
from threadline.sandbox.microsoft.token_endpoint import TokenEndpoint
from threadline.sandbox.microsoft.tokens import Tokens
from threadline.sandbox.microsoft.web import Answer, Request, as_html, as_json


class Entra:
    """Answers everything below the login host."""

    def __init__(self, directory: Directory, tokens: Tokens, key: SigningKey, now: Callable[[], datetime]) -> None:
        self.directory = directory
        self.pages = SignInPages(directory, tokens, now)
        self.token_endpoint = TokenEndpoint(directory, tokens, key, now)
        self._key = key
        self._now = now

    def answer(self, request: Request) -> Answer | None:
        """None where the path is none of Entra's."""
        tenant, _, rest = request.path.lstrip("/").partition("/")
        if request.path.lower() == "/autodiscover/autodiscover.json":
            return self._autodiscover(request)
        try:
            return self._page(request, tenant, rest.lower()) or self._endpoint(request, tenant, rest.lower())
        except EntraError as problem:
            return as_html(pages.problem(problem.sentence), 400)

    def _page(self, request: Request, tenant: str, rest: str) -> Answer | None:
        match request.method, rest:
            case "GET" | "POST", "oauth2/v2.0/authorize":
                return self.pages.authorize(request, tenant)
            case "GET", "v2.0/adminconsent":
                return self.pages.admin_consent(request, tenant)
            case "POST", "login":
                return self.pages.step(request)
        return None

    def _endpoint(self, request: Request, tenant: str, rest: str) -> Answer | None:
        match request.method, rest:
            case "POST", "oauth2/v2.0/token":
                return self.token_endpoint.answer(request, tenant)
            case "GET", "v2.0/.well-known/openid-configuration" | ".well-known/openid-configuration":
                return self._discovery(request, tenant)
            case "GET", "discovery/v2.0/keys":
                issuer = f"{request.base}/{{tenantid}}/v2.0"
                return as_json({"keys": [self._key.public(issuer)]})
            case "GET", "discovery/instance":
                return self._instance(request)
        return None

    # -- discovery -----------------------------------------------------------------------------------------

    def _discovery(self, request: Request, name: str) -> Answer:
        try:
            tid = self.directory.tenant_id(name)
        except EntraError as problem:
            return refusal(problem, self._now())
        issuer = tid or "{tenantid}"
        here = f"{request.base}/{name}"
        return as_json(
            {
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post", "private_key_jwt", "client_secret_basic",
                ],
                "jwks_uri": f"{here}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{request.base}/{issuer}/v2.0",
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "claims_supported": [
                    "sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver",
                    "email", "oid",
                ],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": request.base.partition("://")[2],
            }
        )  # fmt: skip

    def _instance(self, request: Request) -> Answer:
        return as_json(
            {
                "tenant_discovery_endpoint": f"{request.base}/common/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [],
            }
        )

    def _autodiscover(self, request: Request) -> Answer:
        """Whether an address is on Exchange Online; asked without signing in."""
        query = {name.lower(): value for name, value in request.query.items()}
        domain = query.get("email", "").rpartition("@")[2]
        if self.directory.tenant(domain) is None:
            return as_json({"ErrorCode": "UserNotFound", "ErrorMessage": "The given user is not found."}, 404)
        protocol = query.get("protocol", "ActiveSync")
        return as_json({"Protocol": protocol, "Url": "https://outlook.office365.com/Microsoft-Server-ActiveSync"})
