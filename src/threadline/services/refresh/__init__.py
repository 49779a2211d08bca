"""One refresh of one mailbox: list what changed, fetch, read, store and link it, and say what was done."""

from threadline.services.refresh.ask import ask_for
from threadline.services.refresh.run import refresh

__all__ = ["ask_for", "refresh"]
