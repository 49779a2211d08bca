"""Which copies are one message, and the line that stands for a message in a list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from threadline.domain.addresses import normalise
from threadline.domain.messages import ParsedMessage

KEY_BYTES = 16
_TEXT_BYTES = 4096
_SNIPPET = 200
_USUALLY_ENOUGH = 400
_LONGEST_READ = 20_000  # characters of a text that a snippet is looked for in
# Newsletters pad their preview with invisible characters; Gmail's own snippets carry them too.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffc]"
)
_ATTRIBUTION = re.compile(
    r"^(?:-{2,} ?(?:original message|forwarded message)|_{10,}|on .{5,150} wrote:$)", re.IGNORECASE
)
_MAY_END = frozenset("-_oO")  # how what is matched above begins; looked at for every line


def message_key(
    *,
    message_id: str | None,
    sender: Sequence[str],
    date: datetime | None,
    subject: str = "",
    to: Sequence[str] = (),
    text: str = "",
) -> bytes:
    """The 16-byte key that all copies of a message share within a company.

    Message-ID, From and Date (whole seconds); without a Message-ID also subject, To and the first 4 kB of
    the text. `sender` and `to` are addresses as written. White space in texts does not count: servers fold
    headers and turn line ends each in their own way.
    """
    parts = ["id", message_id] if message_id else ["no id", *_content(subject, to, text)]
    parts += ["from", *_keys(sender), "date", _seconds(date)]
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    whole = b"".join([len(raw).to_bytes(8, "big") + raw for raw in encoded])
    return hashlib.blake2b(whole, digest_size=KEY_BYTES, person=b"message key 1").digest()


def key_of(message: ParsedMessage) -> bytes:
    """The key of a parsed message."""
    return message_key(
        message_id=message.message_id,
        sender=[address.address for address in message.sender],
        date=message.date,
        subject=message.subject,
        to=[address.address for address in message.to],
        text="" if message.message_id else message.text,  # which need not be decoded for most
    )


def snippet(text_utf8: bytes) -> str:
    """The first words that the sender wrote, without quoted lines, at most 200 characters."""
    start = _start(text_utf8, _USUALLY_ENOUGH)
    if len(text_utf8) > _USUALLY_ENOUGH:
        # The last line may be cut, and half of "On Monday, Jane wrote:" would pass for the sender's own words.
        start = start.rpartition("\n")[0] or start
    words = _first_words(start)
    if len(words) <= _SNIPPET and len(text_utf8) > _USUALLY_ENOUGH:
        words = _first_words(_start(text_utf8, _LONGEST_READ))
    if len(words) <= _SNIPPET:
        return words
    return words[: _SNIPPET - 1].rsplit(" ", 1)[0].rstrip() + "…"


def _start(text_utf8: bytes, most: int) -> str:
    """So many characters of the text; of a long one the rest is not decoded."""
    return text_utf8[: 4 * most].decode("utf-8", "ignore")[:most]


def _first_words(text: str) -> str:
    """What the sender wrote himself, on one line: at least a few more characters than a snippet has, if there are."""
    lines: list[str] = []
    length = 0
    for line in _own_lines(text):
        lines.append(" ".join(line.split()))
        length += len(lines[-1]) + 1
        if length > _SNIPPET + 1:
            break
    return " ".join(lines)


def _own_lines(text: str) -> Iterator[str]:
    for written in text.splitlines():
        line = (written if written.isascii() else _INVISIBLE.sub("", written)).strip()
        if line[:1] in _MAY_END and (line == "--" or _ATTRIBUTION.match(line)):
            return
        if line and not line.startswith(">"):
            yield line


def _content(subject: str, to: Sequence[str], text: str) -> Iterator[str]:
    yield " ".join(subject.split())
    yield from _keys(to)
    start = text[: 2 * _TEXT_BYTES].encode("utf-8", "surrogatepass")[:_TEXT_BYTES]
    yield " ".join(start.decode("utf-8", "ignore").split())


def _keys(addresses: Sequence[str]) -> list[str]:
    return sorted(normalise(address) or address.strip().lower() for address in addresses)


def _seconds(date: datetime | None) -> str:
    return date.astimezone(UTC).replace(microsecond=0).isoformat() if date else ""
