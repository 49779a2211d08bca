"""One detection in progress: the address, the means to ask, and the time that is left."""

from __future__ import annotations

import ssl
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import dns.resolver
import httpx

from threadline.providers.contract import Security, ServerSettings
from threadline.providers.guarded_http import guarded_client
from threadline.providers.network import Resolver, system_resolver


@dataclass(frozen=True, slots=True)
class Means:
    """How detection reaches the outside. None: as this machine is set up."""

    resolver: Resolver = system_resolver  # from host names to addresses
    name_service: dns.resolver.Resolver | None = None  # for MX and SRV records
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What every source is asked with. `deadline` is on the monotonic clock."""

    address: str
    local: str
    domain: str
    allow: frozenset[str]
    means: Means
    tls: ssl.SSLContext
    deadline: float
    exchangers: Future[list[str]] = field(default_factory=Future)  # the preferred MX names, asked for once

    def seconds(self, at_most: float) -> float:
        """The time one step may take, so that its answer is still in time."""
        return max(min(at_most, self.deadline - time.monotonic() - 0.1), 0.0)

    def client(self, at_most: float) -> httpx.Client:
        return guarded_client(self.allow, self.seconds(at_most), resolver=self.means.resolver, tls=self.tls)

    def fill(self, template: str) -> str:
        """The placeholders of autoconfig, filled in for this address."""
        return (
            template.replace("%EMAILADDRESS%", f"{self.local}@{self.domain}")
            .replace("%EMAILLOCALPART%", self.local)
            .replace("%EMAILDOMAIN%", self.domain)
        )

    def settings(self, host: str, port: int, security: Security, username: str = "%EMAILADDRESS%") -> ServerSettings:
        return ServerSettings(host, port, security, self.fill(username))
