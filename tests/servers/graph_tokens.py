"""The tokens of a mailbox on the sandbox of Microsoft 365, as the product would hold them: renewed when rejected."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from tests.servers.microsoft import MicrosoftServer
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.oauth import microsoft

LOOPBACK = frozenset({"127.0.0.1"})


def settings_of(server: MicrosoftServer, address: str) -> ServerSettings:
    url = urlsplit(server.graph_url)
    assert url.hostname is not None
    assert url.port is not None
    return ServerSettings(url.hostname, url.port, Security.NONE, address)


def app_of(server: MicrosoftServer) -> microsoft.App:
    return microsoft.App(
        server.client_id, server.client_secret, login_url=server.login_url, graph_url=server.graph_url, tenant="common"
    )


class Tokens:
    """A token source after a sign-in through the pages."""

    def __init__(self, server: MicrosoftServer, address: str) -> None:
        self._app = app_of(server)
        signed_in = server.tokens(address)
        self._refresh_token: str = signed_in["refresh_token"]
        self._access_token: str = self._renew("")
        self.renewals: list[str] = []  # the claims of each
        self.before_each: Callable[[], None] = lambda: None

    def password(self) -> str:
        return ""

    def access_token(self) -> str:
        self.before_each()
        return self._access_token

    def renewed(self, rejected: str, claims: str = "") -> str:
        if rejected == self._access_token:
            self.renewals.append(claims)
            self._access_token = self._renew(claims)
        return self._access_token

    def secrets(self) -> tuple[str, str]:
        return self._access_token, self._refresh_token

    def _renew(self, claims: str) -> str:
        found = microsoft.renew(self._app, self._refresh_token, claims=claims)
        self._refresh_token = found.refresh_token or self._refresh_token
        return found.access_token
