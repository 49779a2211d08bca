"""The environment variables of an installation: one table, read once, refused at start when a value is bad.

`python -m threadline.config.environment` prints the table for the documentation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from threadline.config.microsoft import VARIABLES as MICROSOFT
from threadline.config.variable import Variable


class BadSetting(Exception):
    """An environment variable has a value we cannot use."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name} is {value!r}; expected {expected}.")


def _path(value: str) -> Path:
    return Path(value).expanduser().resolve()


def _port(value: str) -> int:
    port = int(value)
    if not 0 < port < 65536:
        raise ValueError(value)
    return port


def _count(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 64:
        raise ValueError(value)
    return number


def _base_url(value: str) -> str:
    if not value:
        return ""
    parts = urlsplit(value)
    beside = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or beside:
        raise ValueError(value)
    return value.rstrip("/")


def _email(value: str) -> str:
    local, at, domain = value.partition("@")
    if value and (not at or not local or "." not in domain):
        raise ValueError(value)
    return value


def _address(value: str) -> str:
    ip_address(value)
    return value


def _own_address(value: str) -> str:
    return value if value == "localhost" else _address(value)


_HOST_NAME = re.compile(r"(?=.{1,253}\.?$)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)*\.?")
_WITH_PORT = re.compile(r"(\[[^\]]+\]|[^:]+):(\d{1,5})")


def _hosts(value: str) -> frozenset[str]:
    return frozenset(_host(entry.strip().lower()) for entry in value.split(",") if entry.strip())


def _host(entry: str) -> str:
    """A host name, an address or a network, the first two also with a port: what the connections understand."""
    if "/" in entry:
        ip_network(entry, strict=False)
        return entry
    host = entry
    if with_port := _WITH_PORT.fullmatch(entry):
        host = with_port[1]
        _port(with_port[2])
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        # Of nothing but digits and dots: an address that was mistyped, not a name.
        if not _HOST_NAME.fullmatch(host) or not host.strip("0123456789."):
            raise
    return entry


def _database(value: str) -> dict[str, Any] | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"postgres", "postgresql"} or len(parts.path) < 2:
        raise ValueError(value)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": query.get("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
    }


def _smtp(value: str) -> dict[str, Any] | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"smtp", "smtps", "smtp+tls"} or not parts.hostname:
        raise ValueError(value)
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": parts.username or "",
        "EMAIL_HOST_PASSWORD": parts.password or "",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
    }


def _level(value: str) -> str:
    if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError(value)
    return value.upper()


def _secrets(value: str) -> tuple[str, ...]:
    secrets = tuple(value.split())
    if any(len(secret) < 32 for secret in secrets):
        raise ValueError
    return secrets


def _flag(value: str) -> bool:
    if value not in {"0", "1"}:
        raise ValueError(value)
    return value == "1"


VARIABLES = (
    Variable(
        "THREADLINE_DATA_DIR",
        "data",
        "a folder",
        "Where the store, the search index and the keys are kept.",
        _path,
    ),
    Variable(
        "THREADLINE_HOST",
        "127.0.0.1",
        "an address of this machine, or localhost",
        "The address the pages listen on.",
        _own_address,
    ),
    Variable("THREADLINE_PORT", "8321", "a port number from 1 to 65535", "The port the pages listen on.", _port),
    Variable(
        "THREADLINE_BASE_URL",
        "",
        "an address without a path, such as https://threadline.company.example",
        "The address people use. With https, cookies are only sent over TLS.",
        _base_url,
    ),
    Variable(
        "THREADLINE_TRUSTED_PROXY",
        "127.0.0.1",
        "the address of the reverse proxy, such as 127.0.0.1",
        "Whose word on the client's address and on TLS is believed, where THREADLINE_BASE_URL is https.",
        _address,
    ),
    Variable(
        "THREADLINE_SUPPORT_EMAIL",
        "",
        "an email address such as support@company.example",
        "Who helps when a connection is interrupted.",
        _email,
    ),
    Variable(
        "THREADLINE_ALLOW_HOSTS",
        "",
        "host names, addresses (also with a port, as mail.lan:993) or networks, separated by commas",
        "Mail servers on private addresses that users may connect to.",
        _hosts,
    ),
    Variable(
        "DATABASE_URL",
        "",
        "postgresql://user:password@host:5432/name, or nothing for the embedded store",
        "A PostgreSQL database instead of the embedded one.",
        _database,
    ),
    Variable(
        "THREADLINE_SECRET_KEY",
        "",
        "at least 32 characters, or nothing to keep a key file in the data folder",
        "Signs sessions and seals mailbox passwords. After a change, the old ones follow it, separated by spaces, "
        "until `threadline keys rotate` has run.",
        _secrets,
        secret=True,
    ),
    Variable(
        "THREADLINE_SMTP_URL",
        "",
        "smtp://user:password@host:587, smtp+tls://... or smtps://..., or nothing to write mails into the data folder",
        "How Threadline itself sends mail (password reset).",
        _smtp,
    ),
    *MICROSOFT,
    Variable("THREADLINE_WORKERS", "4", "a number from 1 to 64", "Mailboxes refreshed at the same time.", _count),
    Variable("THREADLINE_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR", "How much is logged.", _level),
    Variable(
        "THREADLINE_DEMO",
        "0",
        "0 or 1",
        "Set by serve --demo: the sandbox is part of this installation.",
        _flag,
    ),
    Variable("THREADLINE_TESTING", "0", "0 or 1", "Lets THREADLINE_NOW_FILE move the clock.", _flag),
    Variable(
        "THREADLINE_NOW_FILE",
        "",
        "a file holding an RFC 3339 time or an offset such as +86400",
        "Moves the clock; only with --demo or THREADLINE_TESTING=1.",
        str,
    ),
)


def read(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Every variable's value by name. Raises BadSetting for the first one that cannot be used."""
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        text = environ.get(variable.name, variable.default)
        try:
            values[variable.name] = variable.read(text)
        except ValueError:
            shown = "(not shown)" if "://" in text or variable.secret else text
            raise BadSetting(variable.name, shown, variable.expected) from None
    if values["THREADLINE_NOW_FILE"] and not (values["THREADLINE_TESTING"] or values["THREADLINE_DEMO"]):
        raise BadSetting(
            "THREADLINE_NOW_FILE",
            values["THREADLINE_NOW_FILE"],
            "nothing, unless --demo or THREADLINE_TESTING=1",
        )
    if values["THREADLINE_MICROSOFT_CLIENT_SECRET"] and values["THREADLINE_MICROSOFT_CERTIFICATE_FILE"]:
        raise BadSetting(
            "THREADLINE_MICROSOFT_CERTIFICATE_FILE",
            str(values["THREADLINE_MICROSOFT_CERTIFICATE_FILE"]),
            "nothing where THREADLINE_MICROSOFT_CLIENT_SECRET is set: one of the two",
        )
    return values


def table() -> str:
    """The variables as a Markdown table."""
    rows = ["| variable | default | value | purpose |", "|---|---|---|---|"]
    rows += [
        f"| `{v.name}` | {f'`{v.default}`' if v.default else 'nothing'} | {v.expected} | {v.purpose} |"
        for v in VARIABLES
    ]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(table())
