"""From header and parts to one `ParsedMessage`.

Text and HTML each show the whole message. Of alternatives one is taken for each (RFC 2046 section 5.1.4: the last is
the best); parts that follow one another are joined, a plain part among HTML ones (the footer of a mailing list)
becomes HTML and the other way round.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from threadline.domain.messages import Attachment, MessageKind, ParsedMessage
from threadline.domain.packing import pack_bytes
from threadline.providers.mime import defects, limits
from threadline.providers.mime.html_text import html_of, text_of
from threadline.providers.mime.model import Body, Head, Node
from threadline.providers.mime.texts import decoded_size, tidy

_CID = re.compile(r"""[cC][iI][dD]:([^"'>\s)]{1,998})""")
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_VISIBLE = frozenset(range(0x21, 0x7F))  # ASCII
# The machine's half of a report; the returned message after it is an attachment.
_REPORTS = frozenset({"message/delivery-status", "message/disposition-notification", "message/global-delivery-status"})


def compose(head: Head, body: Body) -> ParsedMessage:
    """The message as data. `complete` is False where something could not be read at all."""
    found = [*head.defects, *body.defects]
    shown = _shown(body.root)
    html = _html(shown.html)
    text = _text(shown.text)
    if len(html) > limits.HTML_CHARS:
        html = html[: limits.HTML_CHARS]
        found.append(defects.HTML_CUT)
    if len(text) > limits.TEXT_CHARS:
        text = text[: limits.TEXT_CHARS]
        found.append(defects.TEXT_CUT)
    leaves = [leaf for leaf in body.root.leaves() if leaf.text is None]
    attachments = _attachments(leaves, html)
    html_utf8, text_utf8 = html.encode("utf-8", "replace"), text.encode("utf-8", "replace")
    return ParsedMessage(
        message_id=head.message_id,
        subject=head.subject,
        sender=head.addresses.get("from", ()),
        reply_to=head.addresses.get("reply-to", ()),
        to=head.addresses.get("to", ()),
        cc=head.addresses.get("cc", ()),
        bcc=head.addresses.get("bcc", ()),
        date=head.date,
        in_reply_to=head.in_reply_to,
        references=head.references,
        text_utf8=text_utf8,
        packed_html=pack_bytes(html_utf8),
        attachments=attachments,
        kind=_kind(head, leaves),
        digest=_digest((text, text_utf8), (html, html_utf8), leaves),
        complete=defects.UNREAD.isdisjoint(found),
        defects=tuple(dict.fromkeys(found)),
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """One text part of the message."""

    content: str
    is_html: bool

    @property
    def is_blank(self) -> bool:
        return not self.content or self.content.isspace()


@dataclass(slots=True)
class _Shown:
    """The pieces a reader of text sees, and those a reader of HTML sees."""

    text: list[_Piece] = field(default_factory=list)
    html: list[_Piece] = field(default_factory=list)


def _shown(node: Node) -> _Shown:
    if not node.is_multipart:
        pieces = [] if node.text is None else [_Piece(node.text, node.content_type == "text/html")]
        return _Shown(pieces, pieces)
    children = [_shown(child) for child in node.children]
    if node.content_type == "multipart/alternative":
        return _alternative(children)
    return _Shown(
        [piece for child in children for piece in child.text], [piece for child in children for piece in child.html]
    )


def _alternative(children: list[_Shown]) -> _Shown:
    plain = next((child.text for child in reversed(children) if _has(child.text, is_html=False)), None)
    html = next((child.html for child in reversed(children) if _has(child.html, is_html=True)), None)
    return _Shown(plain or html or [], html or plain or [])


def _has(pieces: list[_Piece], *, is_html: bool) -> bool:
    return any(piece.is_html == is_html and not piece.is_blank for piece in pieces)


def _text(pieces: list[_Piece]) -> str:
    if len(pieces) == 1 and not pieces[0].is_html:
        return _unix_lines(pieces[0].content)
    texts = (text_of(piece.content) if piece.is_html else _unix_lines(piece.content) for piece in pieces)
    return "\n\n".join(text.strip("\n") for text in texts if text and not text.isspace())


def _html(pieces: list[_Piece]) -> str:
    if not _has(pieces, is_html=True):
        return ""
    return "\n".join(
        piece.content if piece.is_html else html_of(piece.content) for piece in pieces if not piece.is_blank
    )


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n") if "\r" in text else text


def _attachments(leaves: list[Node], html: str) -> tuple[Attachment, ...]:
    named_in_html: set[str] = set()
    if html and any(leaf.content_id for leaf in leaves):
        named_in_html = {unquote(cid).lower() for cid in _CID.findall(html)}
    return tuple(
        Attachment(
            part=leaf.part,
            name=leaf.name,
            content_type=leaf.content_type,
            size=leaf.size,
            inline=leaf.content_id.lower() in named_in_html,
            content_id=tidy(leaf.content_id, limits.ID_CHARS),
        )
        for leaf in leaves
        if _is_attachment(leaf)
    )


def _is_attachment(leaf: Node) -> bool:
    if leaf.content_type in _SIGNATURES or leaf.content_type in _REPORTS:
        return False
    # The invitation itself (RFC 6047 section 2.4) shows as a calendar mail; a calendar file has a name.
    return not (leaf.content_type == "text/calendar" and leaf.method and not leaf.name)


def _kind(head: Head, leaves: list[Node]) -> MessageKind:
    if head.bounce:
        return MessageKind.BOUNCE
    if any(leaf.content_type == "text/calendar" and leaf.method for leaf in leaves):
        return MessageKind.CALENDAR
    if head.automatic:
        return MessageKind.AUTOMATIC
    return MessageKind.LIST if head.bulk else MessageKind.PERSONAL


def _digest(text: tuple[str, bytes], html: tuple[str, bytes], leaves: list[Node]) -> str:
    """Of what a reader sees, each with its octets. Sizes are those estimated from the encoded form: the same however it
    was fetched."""
    digest = hashlib.sha256()
    for shown, octets in (text, html):
        digest.update(_stripped(shown, octets).replace(b"\r", b""))  # however lines end; a CR of its own shows nothing
        digest.update(b"\0")
    for leaf in leaves:
        size = decoded_size(leaf.encoded_size, leaf.encoding)
        digest.update(f"{leaf.name}\0{leaf.content_type}\0{size}\0".encode("utf-8", "replace"))
    return digest.hexdigest()[:32]


def _stripped(text: str, octets: bytes) -> bytes:
    """The text's octets without the white space around it; most of that is ASCII, and is found in the octets."""
    core = octets.strip()
    if core and not (core[0] in _VISIBLE and core[-1] in _VISIBLE):
        return text.strip().encode("utf-8", "replace")
    return core
