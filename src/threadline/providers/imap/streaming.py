"""A message or a part of one in chunks, by partial fetches, decoded on the way."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from typing import Protocol

from threadline.domain.errors import MessageGone, MessageUnreadable
from threadline.providers.imap import structure
from threadline.providers.imap.channel import Refused
from threadline.providers.imap.desk import Asked, Desk
from threadline.providers.imap.parse import Fetched
from threadline.providers.imap.signin import refusal
from threadline.providers.imap.wire import Skipped

STEP = 256 * 1024
_PART = re.compile(r"[1-9]\d{0,4}(?:\.[1-9]\d{0,4}){0,60}")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def partials(desk: Desk, name: str, generation: str, uid: int, section: str, *, step: int = STEP) -> Iterator[bytes]:
    """The content of a section. Raises MessageGone or MessageUnreadable when there is none."""
    offset = 0
    while True:
        items = f"(UID BODY.PEEK[{section}]<{offset}.{step}>)"
        chunk = _one(desk, name, generation, uid, items).get(section.upper())
        if chunk is None and not offset:
            raise desk.missing(name, generation, uid)
        if isinstance(chunk, Skipped) or (chunk and offset and len(chunk) > step):
            raise MessageUnreadable("The mail server does not hand out this email in pieces.")
        if chunk:
            yield chunk
        # A server that knows no partial fetch hands out everything at the first request.
        if not chunk or len(chunk) != step:
            return
        offset += step


def _one(desk: Desk, name: str, generation: str, uid: int, items: str) -> dict[str, bytes | Skipped]:
    """The sections of one message; empty when the server does not answer for it."""
    sections: dict[str, bytes | Skipped] = {}
    for event in desk.pipeline(name, generation, [Asked(str(uid), items.encode(), (uid,))]):
        if isinstance(event, Fetched):
            if event.uid == uid:
                sections |= event.sections
        elif event.status.kind != "OK":
            raise refusal(desk.channel, Refused(event.status, ()))
    return sections


def part(desk: Desk, name: str, generation: str, uid: int, number: str) -> Iterator[bytes]:
    """The decoded content of one part, by its section number."""
    if not _PART.fullmatch(number):
        raise MessageUnreadable(f"{number!r} is not the number of a part.")
    encoding, listed = _encoding(desk, name, generation, uid, number)
    decoder = _decoder(encoding)
    size = 0
    for chunk in partials(desk, name, generation, uid, number):
        size += len(chunk)
        if decoded := decoder.feed(chunk):
            yield decoded
    if not size and not listed:  # a part that does not exist is empty on some servers
        raise MessageUnreadable("This email has no such part.", answer=f"BODY[{number}] is empty")
    if rest := decoder.end():
        yield rest


def _encoding(desk: Desk, name: str, generation: str, uid: int, number: str) -> tuple[str, bool]:
    """The transfer encoding, and whether the structure has this part.

    Where the structure does not serve, the part's own header says how it is encoded.
    """
    shape = None
    for item in desk.fetched(name, generation, [Asked(str(uid), b"(UID BODYSTRUCTURE)", (uid,))]):
        if item.uid == uid:
            shape = structure.read(item.structure) or shape
    leaf = shape.leaf(number) if shape else None
    if leaf and leaf.encoding:
        return leaf.encoding, True
    sections = _one(desk, name, generation, uid, f"(UID BODY.PEEK[{number}.MIME] BODY.PEEK[HEADER])")
    if not sections:
        error = desk.missing(name, generation, uid)
        raise error if isinstance(error, MessageGone) else MessageUnreadable()
    for section in (f"{number}.MIME", "HEADER"):
        header = sections.get(section)
        if isinstance(header, bytes) and header.strip():
            found = BytesHeaderParser().parsebytes(header).get("Content-Transfer-Encoding", "")
            return str(found).strip().lower(), leaf is not None
    return "", leaf is not None


class Decoder(Protocol):
    """Undoes a transfer encoding, piece by piece."""

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


def _decoder(encoding: str) -> Decoder:
    if encoding == "base64":
        return Base64Decoder()
    return QuotedPrintableDecoder() if encoding == "quoted-printable" else AsIs()


class AsIs:
    """7bit, 8bit, binary, and whatever nobody knows."""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class Base64Decoder:
    """Leaves out what is not base64, as mail programs do. Several encoded pieces in a row, each padded, are joined."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        pieces = (self._rest + data).split(b"=")
        decoded = [self._complete(piece) for piece in pieces[:-1]]
        clean = _NOT_BASE64.sub(b"", pieces[-1])
        ready = len(clean) - len(clean) % 4
        self._rest = clean[ready:]
        decoded.append(binascii.a2b_base64(clean[:ready]))
        return b"".join(decoded)

    def end(self) -> bytes:
        rest, self._rest = self._rest, b""
        return self._complete(rest)

    @staticmethod
    def _complete(piece: bytes) -> bytes:
        clean = _NOT_BASE64.sub(b"", piece)
        if len(clean) % 4 == 1:  # six bits are no byte
            clean = clean[:-1]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


class QuotedPrintableDecoder:
    """Decodes line by line; a line is cut where no escape can be."""

    _LONGEST = 64 * 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        text = self._rest + data
        ready = text.rfind(b"\n") + 1
        if not ready and len(text) > self._LONGEST:
            escape = text.rfind(b"=", len(text) - 3)
            ready = escape if escape >= 0 else len(text)
        self._rest = text[ready:]
        return binascii.a2b_qp(text[:ready])

    def end(self) -> bytes:
        rest, self._rest = self._rest, b""
        return binascii.a2b_qp(rest)
