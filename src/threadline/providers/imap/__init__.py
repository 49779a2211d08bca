"""Mailboxes over IMAP."""

from threadline.providers.imap.probe import probe
from threadline.providers.imap.session import ImapSession, open_session

__all__ = ["ImapSession", "open_session", "probe"]
