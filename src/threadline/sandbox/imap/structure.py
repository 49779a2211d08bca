"""ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2)."""

from __future__ import annotations

from threadline.sandbox.imap.headers import Header, parse_addresses, parse_parameters
from threadline.sandbox.imap.mime import Part
from threadline.sandbox.imap.names import quoted


def envelope(header: Header) -> bytes:
    """The ENVELOPE of a header. Sender and Reply-To fall back to From, as the RFC asks."""
    sender = _addresses(header, b"from")
    pieces = [
        quoted(header.get(b"date")),
        quoted(header.get(b"subject")),
        sender,
        _addresses(header, b"sender", sender),
        _addresses(header, b"reply-to", sender),
        _addresses(header, b"to"),
        _addresses(header, b"cc"),
        _addresses(header, b"bcc"),
        quoted(header.get(b"in-reply-to")),
        quoted(header.get(b"message-id")),
    ]
    return b"(" + b" ".join(pieces) + b")"


def _addresses(header: Header, name: bytes, otherwise: bytes = b"NIL") -> bytes:
    found = [address for value in header.all(name) for address in parse_addresses(value)]
    if not found:
        return otherwise
    listed = (b"(%s %s %s %s)" % (quoted(a.name), quoted(a.route), quoted(a.mailbox), quoted(a.host)) for a in found)
    return b"(" + b"".join(listed) + b")"


def body_structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE where extended, else BODY."""
    if part.type == b"multipart" and part.children:
        return _multipart(part, extended=extended)
    return _single(part, extended=extended)


def _multipart(part: Part, *, extended: bool) -> bytes:
    inner = b"".join(body_structure(child, extended=extended) for child in part.children)
    pieces = [inner + b" " + quoted(part.subtype)]
    if extended:
        pieces += [_parameters(part.parameters), *_placement(part.header)]
    return b"(" + b" ".join(pieces) + b")"


def _single(part: Part, *, extended: bool) -> bytes:
    header = part.header
    parameters = part.parameters
    kind, sub = part.type, part.subtype
    if kind == b"multipart":
        # Without a boundary, or nested beyond the limit: a client reads it as the text it is.
        kind, sub = b"text", b"plain"
    if kind == b"text" and not any(name == b"charset" for name, _ in parameters):
        parameters = [*parameters, (b"charset", b"us-ascii")]
    pieces = [
        quoted(kind),
        quoted(sub),
        _parameters(parameters),
        quoted(header.get(b"content-id")),
        quoted(header.get(b"content-description")),
        quoted((header.get(b"content-transfer-encoding") or b"7bit").split(b";")[0].strip()),
        b"%d" % (part.end - part.body),
    ]
    if part.message is not None:
        pieces += [
            envelope(part.message.header),
            body_structure(part.message, extended=extended),
            _lines(part),
        ]
    elif kind == b"text":
        pieces.append(_lines(part))
    if extended:
        pieces += [quoted(header.get(b"content-md5")), *_placement(header)]
    return b"(" + b" ".join(pieces) + b")"


def _lines(part: Part) -> bytes:
    return b"%d" % part.raw.count(b"\n", part.body, part.end)


def _parameters(parameters: list[tuple[bytes, bytes]]) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(" + b" ".join(quoted(name) + b" " + quoted(value) for name, value in parameters) + b")"


def _placement(header: Header) -> list[bytes]:
    """Disposition, language and location, which end every extended structure."""
    declared = header.get(b"content-disposition")
    disposition = b"NIL"
    if declared:
        main, parameters = parse_parameters(declared)
        disposition = b"(" + quoted(main.lower()) + b" " + _parameters(parameters) + b")"
    languages = [word.strip() for word in (header.get(b"content-language") or b"").split(b",") if word.strip()]
    language = b"(" + b" ".join(quoted(word) for word in languages) + b")" if languages else b"NIL"
    return [disposition, language, quoted(header.get(b"content-location"))]
