"""What holds for every sequence of bytes that is read as an email, as checks that a fuzzer can call.

Neither reading raises; texts are such that every database, pipe and file takes them; counts are bounded; reading the
same bytes again says the same; what is shown as HTML holds nothing that runs.
"""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content, RemoteItem, TextPart
from threadline.providers.mime import frames, limits
from threadline.providers.mime.block import header_block
from threadline.providers.mime.extract import extract_part
from threadline.providers.mime.parse import headers_only, parse, second_reading
from threadline.providers.mime.sanitise import clean_html

RUNS = re.compile(r"<(script|style|iframe|object|svg|math|form|meta|link|base)\b|<[^>]* on[a-z]+ *=", re.IGNORECASE)
_ends: msgspec.msgpack.Decoder[frames.Answer] = msgspec.msgpack.Decoder(frames.Answer)


def whole(raw: bytes) -> Content:
    return Content(RemoteItem("1", len(raw), None), raw)


def in_parts(raw: bytes) -> Content:
    """As a large message is fetched: its header, and what follows as the only text part, cut short."""
    block = header_block(raw)
    text = TextPart(part="1", header=block, body=raw[len(block) :], truncated=True)
    return Content(RemoteItem("1", len(raw), None), block, whole=False, parts=(text,))


def assert_kept(raw: bytes) -> None:
    """Every promise, for these bytes. Raises AssertionError, or whatever a reading raises."""
    readings = [parse(whole(raw)), second_reading(raw), headers_only(raw), parse(in_parts(raw))]
    for message in readings:
        assert_storable(message)
    assert parse(whole(raw)) == readings[0]
    for attachment in readings[1].attachments[:20]:
        assert isinstance(extract_part(raw, attachment.part), bytes)
    shown = clean_html(readings[0].html)
    assert not RUNS.search(shown), shown


def assert_storable(message: ParsedMessage) -> None:
    for text in texts_of(message):
        assert "\0" not in text
        text.encode("utf-8")  # a lone surrogate raises
    assert re.fullmatch(r"[0-9a-f]{32}", message.digest)
    if message.date is not None:
        assert message.date.utcoffset() == timedelta(0)
    assert len(message.text) <= limits.TEXT_CHARS
    assert len(message.html) <= limits.HTML_CHARS
    assert len(message.subject) <= limits.SUBJECT_CHARS
    assert len(message.references) <= limits.REFERENCES
    for one in (*message.sender, *message.to, *message.cc, *message.bcc, *message.reply_to):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", one.name + one.address), one
    for name in (message.subject, message.message_id or "", *(each.name for each in message.attachments)):
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", name), name
    assert _ends.decode(msgspec.msgpack.encode(frames.Parsed(message))) == frames.Parsed(message)


def texts_of(message: ParsedMessage) -> list[str]:
    people = [*message.sender, *message.reply_to, *message.to, *message.cc, *message.bcc]
    return [
        message.subject,
        message.text,
        message.html,
        message.message_id or "",
        *message.references,
        *message.in_reply_to,
        *(part for person in people for part in (person.name, person.address)),
        *(part for one in message.attachments for part in (one.name, one.content_id, one.content_type, one.part)),
    ]
