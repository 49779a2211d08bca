"""BODYSTRUCTURE (RFC 9051 section 7.5.2): which parts a message has, known without fetching them. Pure.

A structure that does not add up is None: then the whole message is fetched and read here instead. Tolerated, as seen on
servers: NIL for type or encoding, a disposition that is a bare string (Exchange), sizes below zero, missing tails.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import collapse_rfc2231_value, decode_params

from threadline.providers.contract import PartInfo
from threadline.providers.imap.parse import number
from threadline.providers.imap.tokens import Value

MOST_LEAVES = 2_000
MOST_TEXT_PARTS = 32
_SINGLE_FIELDS = 7  # type, subtype, parameters, id, description, encoding, size


@dataclass(frozen=True, slots=True)
class Structure:
    """The leaves of a message, in order. A forwarded message (message/rfc822) is one leaf."""

    leaves: tuple[PartInfo, ...]
    multipart: bool

    def texts(self) -> tuple[PartInfo, ...]:
        """The parts a person reads: plain text and HTML that is not attached as a file."""
        chosen = [
            leaf
            for leaf in self.leaves
            if leaf.content_type in ("text/plain", "text/html")
            and leaf.disposition != "attachment"
            and not (leaf.name and leaf.disposition != "inline")
        ]
        return tuple(chosen[:MOST_TEXT_PARTS])

    def leaf(self, part: str) -> PartInfo | None:
        return next((leaf for leaf in self.leaves if leaf.part == part), None)


class _Odd(Exception):
    """The structure does not follow the grammar in a way that matters."""


def read(value: Value) -> Structure | None:
    """The structure as a server gave it, or None when it does not add up."""
    if not isinstance(value, list) or not value:
        return None
    leaves: list[PartInfo] = []
    try:
        multipart = isinstance(value[0], list)
        if multipart:
            _walk(value, "", leaves)
        else:
            leaves.append(_leaf(value, "1"))
    except _Odd:
        return None
    return Structure(tuple(leaves), multipart)


def _walk(value: list[Value], prefix: str, leaves: list[PartInfo]) -> None:
    """Depth is bounded by the tokenizer's."""
    index = 0
    for child in value:
        if not isinstance(child, list):
            break
        index += 1
        part = f"{prefix}{index}"
        if child and isinstance(child[0], list):
            _walk(child, f"{part}.", leaves)
        else:
            leaves.append(_leaf(child, part))
        if len(leaves) > MOST_LEAVES:
            raise _Odd
    # After the children comes the subtype, a string: something else means that we misread the nesting.
    if index == len(value) or not isinstance(value[index], bytes):
        raise _Odd


def _leaf(value: list[Value], part: str) -> PartInfo:
    if len(value) < _SINGLE_FIELDS or isinstance(value[0], list) or isinstance(value[1], list):
        raise _Odd
    major, minor = _text(value[0]).lower(), _text(value[1]).lower()
    content_type = f"{major}/{minor}" if major and minor else "application/octet-stream"
    parameters = _parameters(value[2])
    # The fixed fields are followed by those of the type, then MD5, then the disposition.
    tail = 7
    if content_type == "message/rfc822" and len(value) > 8 and isinstance(value[8], list):
        tail = 10
    elif major == "text":
        tail = 8
    disposition, about = _disposition(value[tail + 1] if len(value) > tail + 1 else None)
    return PartInfo(
        part=part,
        content_type=content_type,
        name=_name(about, "filename") or _name(parameters, "name"),
        size=number(value[6]) or 0,
        encoding=_text(value[5]).strip().lower(),
        disposition=disposition,
        content_id=_text(value[3]).strip().strip("<>"),
        parameters=tuple((name, text) for name, text in parameters if not name.startswith("name")),
    )


def _disposition(value: Value) -> tuple[str, list[tuple[str, str]]]:
    if isinstance(value, bytes):  # as the header has it, its parameters not taken apart (seen on pymap)
        header = Message()
        header["Content-Disposition"] = " ".join(_text(value).split())
        name = header.get_filename()
        return header.get_content_disposition() or "", [("filename", name)] if name else []
    if not isinstance(value, list) or not value:
        return "", []
    return _text(value[0]).lower(), _parameters(value[1] if len(value) > 1 else None)


def _parameters(value: Value) -> list[tuple[str, str]]:
    if not isinstance(value, list):
        return []
    pairs = zip(value[::2], value[1::2], strict=False)
    return [(_text(name).lower(), _text(text)) for name, text in pairs if isinstance(name, bytes)]


def _text(value: Value) -> str:
    if not isinstance(value, bytes):
        return ""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("cp1252", "replace")
    return text.replace("\x00", "")


def _name(parameters: list[tuple[str, str]], wanted: str) -> str:
    """A file name: RFC 2231 forms first, then encoded words, which are not allowed there and common."""
    relevant = [(name, text) for name, text in parameters if name.split("*")[0] == wanted]
    if not relevant:
        return ""
    try:
        decoded = decode_params([("", ""), *relevant])
        plain = next(collapse_rfc2231_value(text) for name, text in decoded if name == wanted)
        plain = plain[1:-1] if len(plain) > 1 and plain[0] == plain[-1] == '"' else plain
        name = str(make_header(decode_header(plain))) if "=?" in plain else plain
    except (MessageError, LookupError, ValueError, StopIteration, TypeError):
        name = relevant[0][1]
    return name.encode("utf-8", "replace").decode("utf-8").replace("\x00", "").strip()
