"""Responses: frames become the few answers that this client asks for. Pure.

Grammar: RFC 9051 section 9, RFC 7162 (VANISHED, MODSEQ), RFC 4731 (ESEARCH). Servers depart from it; each leniency
names where it was seen. A response that cannot be read is an `Unreadable`, never an exception: the next one follows.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TypeAlias

from threadline.providers.imap import uids
from threadline.providers.imap.tokens import Value, tokenize
from threadline.providers.imap.wire import Frame, ProtocolError, Skipped

_STATUS = re.compile(
    rb"(?P<tag>\S+) (?P<kind>OK|NO|BAD|BYE|PREAUTH)(?: +|$)"
    rb"(?:\[(?P<code>[^\]\s]+)(?: (?P<about>[^\]]*))?\] ?)?(?P<text>.*)",
    re.IGNORECASE | re.DOTALL,
)
_BARE_CODE = re.compile(rb"\* \[(?P<code>[^\]\s]+)(?: (?P<about>[^\]]*))?\] ?(?P<text>.*)", re.DOTALL)
_DATA = re.compile(rb"\* (?:(?P<number>\d{1,10}) )?(?P<name>[A-Za-z][A-Za-z0-9.-]*)(?= |$|\()")
_SECTION = re.compile(rb"BODY\[([^\]]*)\](?:<\d+>)?$", re.IGNORECASE)
_INTERNALDATE = re.compile(r" ?(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d)(?: ([+-])(\d\d):?(\d\d))?")
_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)  # noqa: SIM905
}


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE or PREAUTH. `tag` is "" for an untagged one, `code` upper-case or ""."""

    kind: str
    code: str
    about: str  # what stands after the code, inside the brackets
    text: str
    tag: str = ""

    @property
    def answer(self) -> str:
        """The server's own words."""
        code = f"[{self.code}{' ' + self.about if self.about else ''}] " if self.code else ""
        return f"{self.kind} {code}{self.text}".strip()


@dataclass(frozen=True, slots=True)
class Continue:
    """The server waits for more of the command."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """An untagged response other than a status, not yet looked into."""

    name: str  # upper-case
    number: int | None
    frame: Frame
    skip: int  # bytes of the frame's text that are number and name

    def values(self) -> list[Value]:
        return tokenize(self.frame, self.skip)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no IMAP response."""

    text: bytes


Answer: TypeAlias = Status | Continue | Data | Unreadable


def answer(frame: Frame) -> Answer:
    """What kind of response a frame is."""
    text = frame.texts[0]
    if text.startswith(b"+"):
        return Continue(text[1:].lstrip())
    data = _DATA.match(text)
    if data and data["name"].upper() not in (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"):
        number = int(data["number"]) if data["number"] else None
        return Data(data["name"].decode().upper(), number, frame, data.end())
    status = _STATUS.match(text)
    if status:
        tag = status["tag"].decode("latin-1")
        return _status(status["kind"], status["code"], status["about"], status["text"], "" if tag == "*" else tag)
    bare = _BARE_CODE.match(text)  # a response code without "OK": seen on Exchange
    if bare:
        return _status(b"OK", bare["code"], bare["about"], bare["text"], "")
    return Unreadable(text)


def _status(kind: bytes, code: bytes | None, about: bytes | None, text: bytes, tag: str) -> Status:
    def plain(value: bytes | None) -> str:
        return (value or b"").decode("utf-8", "replace").replace("\x00", "")

    return Status(kind.decode().upper(), plain(code).upper(), plain(about), plain(text).strip(), tag)


def number(value: Value | str) -> int | None:
    """A number, also one written as 9.3736e+06 (seen on mail.ru); None for anything else or less than nothing."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return None
    try:
        found = int(value) if value.isdecimal() else int(float(value))
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found < 2**63 else None


@dataclass(frozen=True, slots=True)
class Listed:
    """One answer to LIST. `name` is on the wire, decoded as Latin-1 so that every name finds its way back."""

    name: str
    delimiter: str | None
    flags: frozenset[str]


def listed(data: Data) -> Listed | None:
    """An answer to LIST or XLIST; None when it cannot be read."""
    values = _values(data)
    if values is None or len(values) < 3 or not isinstance(values[0], list):
        return None
    flags, delimiter, name = values[0], values[1], values[2]
    if not isinstance(name, bytes):
        return None
    return Listed(
        name=name.decode("latin-1"),
        delimiter=delimiter.decode("latin-1") if isinstance(delimiter, bytes) and delimiter else None,
        flags=frozenset(flag.decode("latin-1") for flag in flags if isinstance(flag, bytes)),
    )


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer to FETCH; what it does not say is None. `sections` is keyed by the upper-cased section name."""

    sequence: int
    uid: int | None = None
    flags: frozenset[str] | None = None
    size: int | None = None
    received_at: datetime | None = None
    structure: Value = None
    sections: dict[str, bytes | Skipped] = field(default_factory=dict)


def fetched(data: Data) -> Fetched | None:
    """An answer to FETCH; None when it cannot be read."""
    plain = _LISTING.match(data.frame.texts[0], data.skip) if len(data.frame.texts) == 1 else None
    if plain:
        return Fetched(
            sequence=data.number or 0,
            uid=number(plain[1]),
            flags=_flags(tuple(plain[2].split())),
            size=number(plain[4]),
            received_at=internal_date(plain[3].decode("latin-1")),
        )
    texts = data.frame.texts
    whole = _WHOLE.match(texts[0], data.skip) if len(texts) == 2 and texts[1] == b")" else None
    if whole:
        return Fetched(data.number or 0, uid=number(whole[1]), sections={"": data.frame.literals[0]})
    values = _values(data)
    if not values or not isinstance(values[0], list):
        return None
    items = values[0]
    found: dict[str, Value] = {}
    sections: dict[str, bytes | Skipped] = {}
    # Names and values alternate. Some servers leave a value out (seen on Yandex: BODY[2] and nothing after it), so
    # after a missing value the reading falls into step again at the next known name.
    at = 0
    while at < len(items):
        name = items[at]
        at += 1
        if not isinstance(name, bytes):
            continue
        section = _SECTION.match(name)
        value = items[at] if at < len(items) else None
        if section:
            if isinstance(value, Skipped) or (isinstance(value, bytes) and not _is_name(value, data)):
                sections[section[1].decode("latin-1").upper()] = value
                at += 1
            elif value is None:
                at += 1
            continue
        found[name.decode("latin-1").upper()] = value
        at += 1
    flags = found.get("FLAGS")
    date = found.get("INTERNALDATE")
    return Fetched(
        sequence=data.number or 0,
        uid=number(found.get("UID")),
        flags=_flags(tuple(flag for flag in flags if isinstance(flag, bytes))) if isinstance(flags, list) else None,
        size=number(found.get("RFC822.SIZE")),
        received_at=internal_date(date.decode("latin-1")) if isinstance(date, bytes) else None,
        structure=found.get("BODYSTRUCTURE"),
        sections=sections,
    )


# A listing, of which there are as many as emails, as most servers write it: in the order in which it was asked for.
_LISTING = re.compile(
    rb' ?\(UID (\d{1,10}) FLAGS \(([^()"]*)\) INTERNALDATE "([^"\\]{20,40})" RFC822\.SIZE (\d{1,18})\) ?\Z'
)
# So are emails that came whole.
_WHOLE = re.compile(rb" ?\(UID (\d{1,10}) BODY\[\] \Z")
_NAMES = frozenset((b"UID", b"FLAGS", b"RFC822.SIZE", b"INTERNALDATE", b"BODYSTRUCTURE", b"MODSEQ"))


def _is_name(value: bytes, data: Data) -> bool:
    """Whether a value is really the name of the next item. Content comes as a literal in all but tiny cases."""
    if len(value) > 100 or not (value in _NAMES or _SECTION.match(value)):
        return False
    return not any(value is kept for kept in data.frame.literals)


@lru_cache(maxsize=512)
def _flags(names: tuple[bytes, ...]) -> frozenset[str]:
    lowered = frozenset(name.decode("latin-1").lower() for name in names)
    return lowered - {"\\recent"}  # of the session, not of the message (RFC 3501 section 2.3.2)


def internal_date(text: str) -> datetime | None:
    """An INTERNALDATE in UTC; None when it is no date (seen: years of zero, missing zones, which count as UTC)."""
    match = _INTERNALDATE.fullmatch(text)
    month = _MONTHS.get(match[2].lower()) if match else None
    if not match or month is None:
        return None
    shift = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        zone = timezone(-shift if match[7] == "-" else shift)
        return datetime(
            int(match[3]), month, int(match[1]), int(match[4]), int(match[5]), min(int(match[6]), 59), tzinfo=zone
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def search_result(data: Data) -> uids.Ranges | None:
    """The ids of an answer to SEARCH or ESEARCH; None when it cannot be read."""
    values = _values(data)
    if values is None:
        return None
    if data.name == "SEARCH":  # a trailing (MODSEQ n) is a list, and so is left out
        return uids.from_ids(uid for value in values if (uid := number(value)))
    for name, value in itertools.pairwise(values):
        if isinstance(name, bytes) and name.upper() == b"ALL" and isinstance(value, bytes):
            return uids.read(value.decode("latin-1"))
    return []  # RFC 4731 section 3.1: nothing found means no ALL


def esearch_tag(data: Data) -> str:
    """The tag an ESEARCH answer names, "" when it names none."""
    values = _values(data) or []
    first = values[0] if values else None
    if isinstance(first, list) and len(first) >= 2 and first[0] == b"TAG" and isinstance(first[1], bytes):
        return first[1].decode("latin-1")
    return ""


def vanished(data: Data) -> uids.Ranges:
    """The ids of an answer VANISHED (EARLIER) 41,43:116, with or without EARLIER."""
    found: uids.Ranges = []
    for value in _values(data) or []:
        if isinstance(value, bytes):
            found = uids.read(value.decode("latin-1"))
    return found


def status(data: Data) -> tuple[str, dict[str, int]] | None:
    """An answer to STATUS: the folder's name on the wire, and its items; None when it cannot be read."""
    values = _values(data)
    if not values or not isinstance(values[0], bytes):
        return None
    return values[0].decode("latin-1"), status_items(data)


def status_items(data: Data) -> dict[str, int]:
    """The items of an answer to STATUS; empty when it cannot be read."""
    values = _values(data)
    items = values[-1] if values else None
    if not isinstance(items, list):
        return {}
    pairs = zip(items[::2], items[1::2], strict=False)
    return {
        name.decode("latin-1").upper(): count
        for name, value in pairs
        if isinstance(name, bytes) and (count := number(value)) is not None
    }


def capabilities(text: str) -> tuple[str, ...]:
    """The capabilities of a CAPABILITY answer or response code, upper-cased, in the server's order."""
    return tuple(dict.fromkeys(text.upper().split()))


def _values(data: Data) -> list[Value] | None:
    try:
        return data.values()
    except ProtocolError:
        return None
