"""The environment variables that register this installation with Microsoft (docs/guides/microsoft-365.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from threadline.config.variable import Variable

PREFIX = "THREADLINE_MICROSOFT_"
CLOUDS = ("global", "us_gov", "china")
# For whose accounts the sign-in page is: every organisation's, personal ones, or both.
EVERYBODY = frozenset({"organizations", "common", "consumers"})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)


def _client_id(value: str) -> str:
    if value and not _GUID.fullmatch(value):
        raise ValueError(value)
    return value.lower()


def _client_secret(value: str) -> str:
    # The portal shows the ID of a secret beside its value, and the ID is often copied instead.
    if _GUID.fullmatch(value) or any(character.isspace() for character in value):
        raise ValueError
    return value


def _certificate_file(value: str) -> Path | None:
    """A PEM file with the private key and the certificate, both of which are needed to sign an assertion."""
    if not value:
        return None
    path = Path(value).expanduser().resolve()
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(value) from error
    if "PRIVATE KEY-----" not in text or "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError(value)
    return path


def _date(value: str) -> date | None:
    return date.fromisoformat(value) if value else None


def _cloud(value: str) -> str:
    if value not in CLOUDS:
        raise ValueError(value)
    return value


def _tenant(value: str) -> str:
    if value not in EVERYBODY and not _GUID.fullmatch(value) and not _DOMAIN.fullmatch(value):
        raise ValueError(value)
    return value


def _service(value: str) -> str:
    """https, and http only on this machine: the client secret is sent there."""
    if not value:
        return ""
    parts = urlsplit(value)
    if not parts.hostname or parts.port == 0 or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname)):
        raise ValueError(value)
    return value.rstrip("/")


def _notifications_url(value: str) -> str:
    """The same, and nothing below it: the paths are ours."""
    if urlsplit(value).path.strip("/"):
        raise ValueError(value)
    return _service(value)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


VARIABLES = (
    Variable(
        "THREADLINE_MICROSOFT_CLIENT_ID",
        "",
        "the application (client) ID of the registration, 36 characters with hyphens",
        "Lets people connect Microsoft 365 mailboxes ([guide](../guides/microsoft-365.md)).",
        _client_id,
    ),
    Variable(
        "THREADLINE_MICROSOFT_CLIENT_SECRET",
        "",
        "the value of a client secret, without spaces (not its ID)",
        "Proves to Microsoft that it is this installation that asks. Instead of it: a certificate.",
        _client_secret,
        secret=True,
    ),
    Variable(
        "THREADLINE_MICROSOFT_CERTIFICATE_FILE",
        "",
        "a readable PEM file that holds the private key and the certificate",
        "A certificate instead of the client secret.",
        _certificate_file,
    ),
    Variable(
        "THREADLINE_MICROSOFT_SECRET_EXPIRES",
        "",
        "the day on which the client secret expires, such as 2028-05-31",
        "So that `threadline doctor` and the Company page can warn 30 days before.",
        _date,
    ),
    Variable(
        "THREADLINE_MICROSOFT_CLOUD",
        "global",
        "global, us_gov (GCC High) or china (21Vianet)",
        "Which of Microsoft's clouds the mailboxes are in.",
        _cloud,
    ),
    Variable(
        "THREADLINE_MICROSOFT_TENANT",
        "organizations",
        "organizations, common, consumers, or the ID or a domain of one organisation",
        "Whose accounts may sign in; `common` includes personal ones, as of outlook.com.",
        _tenant,
    ),
    Variable(
        "THREADLINE_MICROSOFT_LOGIN_URL",
        "",
        "an https address, or http on this machine",
        "Another address for signing in than the one of the cloud.",
        _service,
    ),
    Variable(
        "THREADLINE_MICROSOFT_GRAPH_URL",
        "",
        "an https address, or http on this machine",
        "Another address for reading mail than the one of the cloud.",
        _service,
    ),
    Variable(
        "THREADLINE_MICROSOFT_NOTIFICATIONS_URL",
        "",
        "an https address without a path that Microsoft reaches, such as https://threadline.company.example",
        "Lets Microsoft say when mail arrives: it is fetched within seconds. Without it, mail comes by schedule.",
        _notifications_url,
    ),
)


@dataclass(frozen=True, slots=True)
class Registration:
    """How Microsoft knows this installation. Its repr tells no secret."""

    client_id: str
    client_secret: str
    certificate_file: Path | None
    secret_expires: date | None
    cloud: str
    tenant: str
    login_url: str  # "" for the cloud's own
    graph_url: str
    notifications_url: str = ""  # "": Microsoft does not call us

    def __repr__(self) -> str:
        return f"Registration({self.client_id!r}, {self.cloud!r}, {self.tenant!r})"

    @property
    def complete(self) -> bool:
        return bool(self.client_id and (self.client_secret or self.certificate_file))


def registration(environment: Mapping[str, Any]) -> Registration:
    """The registration that the environment gives; incomplete where it gives none."""
    values = {v.name.removeprefix(PREFIX).lower(): environment[v.name] for v in VARIABLES}
    return Registration(**values)
