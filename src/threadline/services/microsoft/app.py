"""How Microsoft knows this installation, and where it sends people back to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured
from threadline.providers.oauth import microsoft
from threadline.services import serving

CALLBACK = "/oauth/microsoft/callback"


def is_set_up() -> bool:
    return bool(settings.MICROSOFT.complete)


def client_id() -> str:
    return str(settings.MICROSOFT.client_id)


def redirect_uri() -> str:
    """Exactly what the registration has to list, as a redirect of the type Web."""
    return serving.address() + CALLBACK


def app() -> microsoft.App:
    """Raises AppMisconfigured where the operator has not registered this installation."""
    known = settings.MICROSOFT
    if not known.complete:
        raise AppMisconfigured(
            "This installation of Threadline is not set up for Microsoft 365 yet.", cause=Cause.APP_NOT_SET_UP
        )
    file = known.certificate_file
    return microsoft.App(
        client_id=known.client_id,
        secret=known.client_secret,
        certificate=file.read_text(encoding="ascii") if file is not None else "",
        cloud=known.cloud,
        tenant=known.tenant,
        login_url=known.login_url,
        graph_url=known.graph_url,
        allow=settings.ALLOW_MAIL_HOSTS,
    )


def server_of(username: str) -> dict[str, Any]:
    """Where the mail of a Microsoft mailbox is read, as `Mailbox.settings` keeps it."""
    parts = urlsplit(settings.MICROSOFT.graph_url or microsoft.CLOUDS[settings.MICROSOFT.cloud].graph_url)
    return {
        "host": parts.hostname or "",
        "port": parts.port or (443 if parts.scheme == "https" else 80),
        "security": "tls" if parts.scheme == "https" else "none",
        "username": username,
    }
