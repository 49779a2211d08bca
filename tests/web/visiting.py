"""What a visitor of the pages does and sees."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

from django.test import Client

from threadline.clock import now
from threadline.storage.models import Mailbox, User


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def words(response: Any) -> str:
    """What a reader reads: the main part without its marks."""
    html = response.content.decode()
    main = html[html.index("<main") : html.index("</main>")] if "<main" in html else html
    whole_words = re.sub(r"</?b>|<wbr>", "", main)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", whole_words))).strip()


def notices(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def mailbox_of(owner: User, address: str = "", state: str = "connected", **more: Any) -> Mailbox:
    """A mailbox as the store has it, without a server behind it."""
    moment = now()
    address = address or owner.email
    server = {"host": "mail.acme.example", "port": 993, "security": "tls", "username": address}
    values = {
        "settings": server,
        "since": moment - timedelta(days=2),
        "last_refresh_at": moment - timedelta(hours=3),
        "history_complete_at": moment - timedelta(days=30),
        "next_refresh_at": moment + timedelta(hours=21),
        "created_at": moment - timedelta(days=30),
    }
    return Mailbox.objects.create(
        company=owner.company, owner=owner, address=address, address_key=address, state=state, **(values | more)
    )


class _Refused(HTMLParser):
    """Collects what the Content-Security-Policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and not names.get("src")):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            address = (value or "").strip().lower()
            if name == "style" or name.startswith(("on", "hx-on")) or address.startswith(("javascript:", "data:")):
                self.found.append(f"<{tag} {name}={value}>")
            if name in {"src", "action", "hx-post", "hx-get"} and re.match(r"[a-z]+://|//", address):
                self.found.append(f"<{tag} {name}={value}>")


def refused_by_the_policy(response: Any) -> list[str]:
    parser = _Refused()
    parser.feed(response.content.decode())
    return parser.found
