"""Commands as bytes: quoting, literals, and how long a line a server takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from threadline.providers.imap.channel import Literal, Part

_QUOTABLE = re.compile(r"[\x20-\x7e]*")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_QUOTED = 500

LISTING_ITEMS = b"(UID FLAGS INTERNALDATE RFC822.SIZE)"


def astring(text: str, encoding: str = "utf-8") -> Part:
    """A string as an argument: quoted where that is safe, else a literal."""
    if len(text) <= _LONGEST_QUOTED and _QUOTABLE.fullmatch(text):
        return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'
    return Literal(text.encode(encoding))


def mailbox(remote_name: str) -> Part:
    """A folder's name as the server listed it (RemoteFolder.remote_name is its bytes read as Latin-1)."""
    return astring(remote_name, "latin-1")


def identification(fields: Mapping[str, str]) -> bytes:
    """The arguments of ID (RFC 2971): short printable texts."""
    words = [_printable(word) for pair in fields.items() for word in pair]
    return b"ID (" + b" ".join(b'"%s"' % word for word in words) + b")" if words else b"ID NIL"


def _printable(text: str) -> bytes:
    return re.sub(r"[^\x20-\x7e]|[\"\\]", "?", text)[:200].encode("ascii")


def search_date(day: date) -> bytes:
    """A date as SEARCH takes it, in English whatever the locale."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}".encode()


def line_limit(greeting: str, capabilities: Sequence[str]) -> int:
    """How many octets of UIDs go into one command.

    1,000 octets are safe everywhere (UW, Yahoo). Exchange takes 10,240, Gmail and Courier 16,000, Dovecot 65,536; more
    than 8,000 would win nothing, and several in flight must fit into the sockets' buffers while nobody reads.
    """
    text = greeting.lower()
    known = any(name in text for name in ("dovecot", "gimap", "courier", "microsoft exchange"))
    return 8_000 if known or "X-GM-EXT-1" in capabilities else 900
