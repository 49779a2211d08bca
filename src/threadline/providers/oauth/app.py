"""How Microsoft knows this installation, and in which of its clouds.

Addresses of the national clouds: Microsoft Graph, "National cloud deployments"; Microsoft Entra, "National clouds".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAY = ("User.Read", "Mail.Read")  # of Graph: nothing that writes
ABOUT = ("openid", "email", "offline_access")  # of the sign-in itself


@dataclass(frozen=True, slots=True)
class Cloud:
    """The two addresses of one of Microsoft's clouds, without a path."""

    login_url: str
    graph_url: str


CLOUDS: Mapping[str, Cloud] = {
    "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us_gov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us"),  # GCC High
    "china": Cloud("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),  # 21Vianet
}


@dataclass(frozen=True, slots=True, repr=False)
class App:
    """An application registration. It proves itself by a secret, or by a certificate where one is given.

    `certificate` is PEM text with the private key and the certificate. `login_url` and `graph_url` replace the cloud's
    own addresses. `allow`: hosts on private addresses that may be connected to all the same; addresses given here by
    the operator are among them.
    """

    client_id: str
    secret: str = ""
    certificate: str = ""
    cloud: str = "global"
    tenant: str = "organizations"
    login_url: str = ""
    graph_url: str = ""
    allow: frozenset[str] = field(default_factory=frozenset)
    timeout: float = 20.0  # seconds for one answer

    def __repr__(self) -> str:
        return f"App({self.client_id!r}, {self.cloud!r}, {self.tenant!r})"

    @property
    def login(self) -> str:
        return (self.login_url or CLOUDS[self.cloud].login_url).rstrip("/")

    @property
    def graph(self) -> str:
        return (self.graph_url or CLOUDS[self.cloud].graph_url).rstrip("/")

    @property
    def scopes(self) -> str:
        """What is asked for, as it goes over the wire. A permission carries the name of the cloud's Graph, at whatever
        address that is reached.
        """
        resource = CLOUDS[self.cloud].graph_url
        return " ".join([*ABOUT, *(f"{resource}/{permission}" for permission in MAY)])

    @property
    def allowed(self) -> frozenset[str]:
        given = [urlsplit(url) for url in (self.login_url, self.graph_url) if url]
        ports = {"https": 443, "http": 80}
        return self.allow | {f"{url.hostname}:{url.port or ports[url.scheme]}" for url in given}
