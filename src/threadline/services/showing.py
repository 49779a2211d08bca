"""Mail made fit to be shown: its HTML cleaned in a process of its own, which hostile HTML can only take with itself."""

from __future__ import annotations

from threadline.providers.mime.pool import Parser
from threadline.storage.models import Body

# One child for all requests of this process; requests take turns, and a hanging one is ended after some seconds.
_cleaner = Parser(seconds=5.0)


def clean_html(body: Body, *, remote_images: bool = False) -> str:
    """The HTML of an email, safe to be framed. Remote images only where the reader asked for them."""
    return _cleaner.sanitise(body.html, remote_images)
