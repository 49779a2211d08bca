"""The first reading: the compiled parser, wherever it is known to be right.

It is thirty times faster than the standard library and silent about some of what it gets wrong. So every sign of a
doubt (a replacement character, an encoded word left over, an address header without an address, bytes outside ASCII
in a header) returns None, and the second reading decides.
"""

from __future__ import annotations

import re
from functools import lru_cache

from fast_mail_parser import (
    DecodeError,
    ParseError,
    PyAddress,
    PyLazyMail,
    PyLazyMimePart,
    parse_email,
    parse_email_tree,
)

from threadline.domain.messages import Address
from threadline.providers.contract import HEADINGS
from threadline.providers.mime import defects, limits
from threadline.providers.mime.charsets import decode
from threadline.providers.mime.header import clean_address, head_of
from threadline.providers.mime.model import Body, Head, Node, is_shown
from threadline.providers.mime.parameters import split_value
from threadline.providers.mime.texts import decoded_size, file_name

_ENCODINGS = frozenset({"", "7bit", "8bit", "binary", "quoted-printable", "base64"})
_TYPE = re.compile(r"[!-.0-~]{1,60}/[!-.0-~]{1,100}\Z")
_MOST_WORDS = 2_000
_REPAIRED_LATER = frozenset({"address-unparseable", "date-unparseable"})
_READ = ("subject", "from", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references")
_BLANKS = (" ", "\t")
_ADDRESSES = ("from", "reply-to", "to", "cc", "bcc")
# Parentheses: comments, which it drops even where they hold the name. Backslashes: quoted pairs it keeps.
_DOUBTFUL_ADDRESS = re.compile(r"[(\\;:\[]|=\?|\ufffd")
_PLAIN_ADDRESS = re.compile(r"[^\s@<>,;:()\"\\]+@[^\s@<>,;:()\"\\]+\Z")


def read_head(block: bytes) -> Head | None:
    """The header block; None when there is a doubt."""
    if not block.isascii() or b"\0" in block or len(block) >= limits.HEADER_BYTES or _is_costly(block):
        return None
    try:
        mail = parse_email(block, mode="lazy")
    except ParseError:
        return None
    if any(warning.kind not in _REPAIRED_LATER for warning in mail.warnings):
        return None
    fields: dict[str, list[str]] = {}
    for written, values in mail.headers.items():
        if written[-1:] in _BLANKS:  # "Subject : ..." (RFC 5322 section 4.5), unknown to it
            return None
        name = written.lower()
        if name in HEADINGS:
            fields[name] = [*fields[name], *values] if name in fields else values
    if not mail.headers:
        return None
    for name in _READ:
        for value in fields.get(name, ()):
            if "\ufffd" in value or "=?" in value:
                return None
    addresses = _addresses(mail, fields)
    return None if addresses is None else head_of(fields, addresses)


def _is_costly(raw: bytes) -> bool:
    """Whether the compiled parser would take long: its time grows with the square of what begins like encoded words,
    half a minute for a header of a megabyte."""
    return len(raw) > 10 * _MOST_WORDS and raw.count(b"=?") > _MOST_WORDS  # the quick question first


def _addresses(mail: PyLazyMail, fields: dict[str, list[str]]) -> dict[str, tuple[Address, ...]] | None:
    lists: dict[str, list[PyAddress]] = {
        "from": [mail.from_] if mail.from_ is not None else [],
        "reply-to": mail.reply_to,
        "to": mail.to,
        "cc": mail.cc,
        "bcc": mail.bcc,
    }
    found: dict[str, tuple[Address, ...]] = {}
    for name in _ADDRESSES:
        values = fields.get(name)
        if values is None:
            continue
        # It reads one address of From and one header of each name, and says nothing of the others.
        if len(values) > 1 or (values[0].count("@") != len(lists[name])) or _DOUBTFUL_ADDRESS.search(values[0]):
            return None
        cleaned = [clean_address(one.display_name or "", one.address) for one in lists[name]]
        if not cleaned or not all(_PLAIN_ADDRESS.match(one.address) for one in cleaned):
            return None
        found[name] = tuple(cleaned)
    return found


def read_body(raw: bytes) -> Body | None:
    """The parts of a whole message; None when there is a doubt."""
    if _is_costly(raw):
        return None
    try:
        root = parse_email_tree(raw, mode="lazy")
    except ParseError:
        return None
    body = Body(Node("", "text/plain"))
    reader = _Reader(body)
    try:
        node = reader.read(root, "", 0)
    except DecodeError:
        return None
    if node is None or reader.doubt:
        return None
    if not node.is_multipart:
        node.part = "1"
    body.root = node
    return body


class _Reader:
    def __init__(self, body: Body) -> None:
        self.doubt = False
        self._defects = body.defects
        self._parts = 0

    def read(self, source: PyLazyMimePart, part: str, depth: int) -> Node | None:
        self._parts += 1
        if self._parts > limits.PARTS or depth > limits.DEPTH:
            self.doubt = True
        if self.doubt:
            return None
        content_type = source.content_type.lower()
        if content_type.startswith("multipart/"):
            return self._multipart(source, content_type, part, depth)
        return self._leaf(source, content_type, part)

    def _multipart(self, source: PyLazyMimePart, content_type: str, part: str, depth: int) -> Node | None:
        node = Node(part, content_type)
        prefix = f"{part}." if part else ""
        for number, child in enumerate(source.children, 1):
            read = self.read(child, f"{prefix}{number}", depth + 1)
            if read is None:
                return None
            node.children.append(read)
        # No boundary, or one that never occurs; and digests, whose parts are messages without saying so.
        if not node.children or content_type == "multipart/digest":
            self.doubt = True
        return node

    def _leaf(self, source: PyLazyMimePart, content_type: str, part: str) -> Node | None:
        headers = {name.lower(): values[0] for name, values in source.headers.items()}
        encoding = headers.get("content-transfer-encoding", "").strip().lower()
        type_header = headers.get("content-type", "")
        name = source.filename
        if not _TYPE.match(content_type) or encoding not in _ENCODINGS or "\ufffd" in name or "=?" in name:
            self.doubt = True
            return None
        node = Node(
            part,
            content_type,
            name=file_name(name),
            disposition=(source.disposition or "").strip().lower(),
            content_id=(source.content_id or "").strip(" <>"),
            encoded_size=source.encoded_size or 0,
            encoding=encoding,
        )
        if is_shown(content_type, node.disposition, node.name, part):
            node.text, sound = decode(source.content or b"", _charset(type_header))
            if not sound:
                self._defects.append(defects.CHARSET)
        elif content_type == "text/calendar":
            node.method = split_value(type_header)[1].get("method", "")
        node.size = _size(source, node)
        return node


@lru_cache(maxsize=512)
def _charset(type_header: str) -> str:
    """Few content types occur in nearly all mail."""
    return split_value(type_header)[1].get("charset", "") if ";" in type_header else ""


def _size(source: PyLazyMimePart, node: Node) -> int:
    if node.text is not None or node.encoded_size <= limits.MEASURED_BYTES:
        try:
            return len(source.content or b"")
        except DecodeError:  # a broken attachment is listed; opening it decodes what can be
            pass
    return decoded_size(node.encoded_size, node.encoding)
