"""The second reading: every message, in time linear in its size, with all that senders get wrong.

It decodes by hand. The standard library's parser gives up on the same header lines as the compiled one, recurses into
nested multiparts, walks into enclosed messages and costs time per line; what it would contribute is this small.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from itertools import pairwise

from threadline.domain.addresses import parse_list
from threadline.domain.messages import Address
from threadline.providers.mime import defects, limits
from threadline.providers.mime.block import Block, read_block
from threadline.providers.mime.charsets import decode
from threadline.providers.mime.header import ADDRESS_HEADERS, clean_address, head_of
from threadline.providers.mime.model import Body, Head, Node, is_shown
from threadline.providers.mime.parameters import split_value
from threadline.providers.mime.texts import base64_bytes, content_size, file_name, tidy


def read_head(block: Block) -> Head:
    """The header."""
    fields: dict[str, list[str]] = {}
    for name, value in block.fields:
        fields.setdefault(name, []).append(value.replace("\0", ""))
    addresses: dict[str, tuple[Address, ...]] = {}
    broken = False
    for name in ADDRESS_HEADERS:
        # A second header of one name is not allowed (RFC 5322 section 3.6); what it names was still written to.
        value = ", ".join(each for each in fields.get(name, ()) if each)
        if not value:
            continue
        found = [clean_address(one.name, one.address) for one in parse_list(value)]
        addresses[name] = tuple(one for one in found if one.address)
        broken = broken or not (addresses[name] or ":" in value)  # "undisclosed-recipients:;" holds none rightly
    head = head_of(fields, addresses)
    head.defects[:0] = dict.fromkeys(block.defects) if block.fields else [defects.NO_HEADER]
    if broken:
        head.defects.append(defects.ADDRESS)
    return head


def read_body(raw: bytes, block: Block) -> Body:
    """The parts of a whole message."""
    return _Reader(raw).read(block)


@dataclass(slots=True)
class Region:
    """Where the encoded content of a leaf lies."""

    start: int
    stop: int
    encoding: str


_TYPE = re.compile(r"([!-.0-~]{1,60})\s*/\s*([!-.0-~]{1,100})")
_DELIMITER_TAIL = 200  # white space may follow a boundary


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._parts = 0
        self._defects: list[str] = []
        self.regions: dict[str, Region] = {}

    def read(self, block: Block) -> Body:
        root = self._entity(block, len(self._raw), "", 0, "text/plain")
        return Body(root, self._defects)

    def _entity(self, block: Block, stop: int, part: str, depth: int, default: str) -> Node:
        self._parts += 1
        content_type, parameters = split_value(block.first("content-type"))
        content_type = _usable(content_type, default)
        if content_type.startswith("multipart/"):
            node = self._multipart(block, stop, part, depth, content_type, parameters.get("boundary", ""))
            if node.children:
                return node
            self._defects.append(_why_without_parts(block, depth))
            content_type, parameters = "text/plain", {}
        return self._leaf(block, stop, part or "1", content_type, parameters)

    def _multipart(self, block: Block, stop: int, part: str, depth: int, content_type: str, boundary: str) -> Node:
        node = Node(part, content_type)
        if not boundary or depth >= limits.DEPTH:
            return node
        default = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
        prefix = f"{part}." if part else ""
        for number, (start, end) in enumerate(split(self._raw, block.body, stop, boundary), 1):
            if self._parts >= limits.PARTS:
                self._defects.append(defects.TOO_MANY_PARTS)
                break
            inner = read_block(self._raw, start, end)
            node.children.append(self._entity(inner, end, f"{prefix}{number}", depth + 1, default))
        return node

    def _leaf(self, block: Block, stop: int, part: str, content_type: str, parameters: dict[str, str]) -> Node:
        disposition, more = split_value(block.first("content-disposition"))
        encoding = _encoding(block.first("content-transfer-encoding"))
        start = min(block.body, stop)
        self.regions[part] = Region(start, stop, encoding)
        node = Node(
            part,
            content_type,
            name=file_name(more.get("filename") or parameters.get("name") or ""),
            disposition=disposition,
            content_id=tidy(block.first("content-id").strip(" <>"), limits.ID_CHARS),
            encoded_size=stop - start,
            encoding=encoding,
            method=parameters.get("method", "") if content_type == "text/calendar" else "",
        )
        if is_shown(content_type, disposition, node.name, part):
            content, sound = decode_content(self._raw[start:stop], encoding)
            node.text, labelled = decode(content, parameters.get("charset", ""))
            node.size = len(content)
            self._defects += [defects.ENCODING] * (not sound) + [defects.CHARSET] * (not labelled)
        elif encoding == "quoted-printable" and node.encoded_size <= limits.MEASURED_BYTES:
            node.size = len(decode_content(self._raw[start:stop], encoding)[0])
        else:
            node.size = content_size(self._raw, start, stop, encoding)
        return node


def _why_without_parts(block: Block, depth: int) -> str:
    """The defect of a multipart without parts. Delimiter lines that no empty line parts from a header were left out
    as lines of that header, and with them where its parts begin."""
    if depth >= limits.DEPTH:
        return defects.TOO_DEEP
    return defects.PARTS_IN_HEADER if block.left_out else defects.STRUCTURE


def find_region(raw: bytes, part: str) -> Region | None:
    """Where a part of a whole message lies, None when it has no such part."""
    reader = _Reader(raw)
    reader.read(read_block(raw))
    return reader.regions.get(part)


def split(raw: bytes, start: int, stop: int, boundary: str) -> list[tuple[int, int]]:
    """The parts between the delimiter lines of a multipart (RFC 2046 section 5.1.1). The last may lack its end."""
    delimiter = b"--" + boundary.rstrip().encode("utf-8", "replace")
    marks: list[tuple[int, int]] = []  # (where the content before ends, where the content after starts)
    at = start if raw.startswith(delimiter, start, stop) else _next_line(raw, delimiter, start, stop)
    while at >= 0 and len(marks) <= limits.PARTS:
        after = at + len(delimiter)
        line, line_end, _ = raw[after : min(stop, after + _DELIMITER_TAIL)].partition(b"\n")
        kind = line.strip()
        if kind in {b"", b"--"} and (line_end or after + len(line) == stop):
            marks.append((_before(raw, at, start), min(stop, after + len(line) + 1)))
            if kind == b"--":
                break
        at = _next_line(raw, delimiter, after, stop)
    else:
        marks.append((stop, stop))
    return [(after, max(after, before)) for (_, after), (before, _) in pairwise(marks)]


def _next_line(raw: bytes, delimiter: bytes, start: int, stop: int) -> int:
    """Where the next line begins that starts with the delimiter, or -1."""
    found = raw.find(b"\n" + delimiter, max(0, start - 1), stop)
    return found if found < 0 else found + 1


def _before(raw: bytes, at: int, start: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    if at > start and raw[at - 1 : at] == b"\n":
        at -= 1
    return at - 1 if at > start and raw[at - 1 : at] == b"\r" else at


def decode_content(data: bytes, encoding: str) -> tuple[bytes, bool]:
    """The content without its transfer encoding, and whether all of it could be decoded."""
    if encoding == "base64":
        return base64_bytes(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), True
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _uudecoded(data)
    return data, True


def _uudecoded(data: bytes) -> tuple[bytes, bool]:
    lines = iter(data.splitlines())
    if not any(line.startswith(b"begin ") for line in lines):
        return data, False
    out: list[bytes] = []
    for line in lines:
        if line.strip() in {b"end", b"`", b""}:
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            return b"".join(out), False
    return b"".join(out), True


def _usable(content_type: str, default: str) -> str:
    """RFC 2045 section 5.2: what is no content type is plain text. A bare "text" is sent by old systems."""
    found = _TYPE.match(content_type)
    if found:
        return f"{found[1]}/{found[2]}"
    return "text/html" if content_type == "html" else default if not content_type else "text/plain"


def _encoding(text: str) -> str:
    return text.partition(";")[0].partition("(")[0].strip().strip("\"'").lower()[:40]
