"""Mailboxes over IMAP."""

from threadline.providers.imap.probe import ProbeStep, Step, probe
from threadline.providers.imap.session import ImapSession, open_session

__all__ = ["ImapSession", "ProbeStep", "Step", "open_session", "probe"]
