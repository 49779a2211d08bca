"""Mail made fit to be shown: its HTML cleaned in a process of its own, which hostile HTML can only take with itself."""

from __future__ import annotations

from threadline.providers.mime.pool import Parser
from threadline.storage.models import Body

# A few children for all requests of this process; an email always goes to the same one, so that one which takes its
# child's whole time holds up few others.
_cleaners = tuple(Parser(seconds=3.0) for _ in range(3))


def clean_html(body: Body, *, remote_images: bool = False) -> str:
    """The HTML of an email, safe to be framed. Remote images only where the reader asked for them."""
    return _cleaners[body.pk % len(_cleaners)].sanitise(body.html, remote_images)


def close() -> None:
    """End the children that cleaned so far. The next email starts another."""
    for cleaner in _cleaners:
        cleaner.close()
