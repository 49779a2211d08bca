"""An IMAP4rev1 server (RFC 3501) over SQLite files, for the demo and the tests.

It keeps what real servers promise: UIDs only ascend, UIDVALIDITY survives a restart, mod-sequences only grow,
EXAMINE changes nothing, and a killed process loses at most what it had not yet answered OK to.
"""

from threadline.sandbox.imap.account import Account, Folder, NewMessage, Row
from threadline.sandbox.imap.faults import Faults, Throttle
from threadline.sandbox.imap.server import ImapServer, Options
from threadline.sandbox.imap.store import Store

__all__ = ["Account", "Faults", "Folder", "ImapServer", "NewMessage", "Options", "Row", "Store", "Throttle"]
