"""Microsoft 365 mailboxes over Microsoft Graph v1.0."""

from threadline.providers.graph.session import open_session

__all__ = ["open_session"]
