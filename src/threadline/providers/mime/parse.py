"""What one email says. Pure, and it never raises: a message that cannot be read says so in `defects`.

Two readings. The first is compiled and fast; where it refuses, or is known to be silently wrong, the second decides,
separately for the header and for the body.
"""

from __future__ import annotations

from collections.abc import Generator

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content
from threadline.providers.mime import defects, first, large, second
from threadline.providers.mime.block import header_block, read_block, without_leading_lines
from threadline.providers.mime.compose import compose
from threadline.providers.mime.model import Body, Head, Node


def parse(content: Content) -> ParsedMessage:
    """A fetched message, whole or in parts."""
    steps = parse_in_steps(content)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            message: ParsedMessage = end.value
            return message


def parse_in_steps(content: Content) -> Generator[None, None, ParsedMessage]:
    """The same with a pause after each step, for who has many to read."""
    raw = without_leading_lines(content.raw)
    head, block_is_sound = _head(raw)
    yield
    if content.whole:
        body = (first.read_body(raw) if block_is_sound else None) or second.read_body(raw, read_block(raw))
    else:
        body = large.read_body(content)
    yield
    return compose(head, body)


def headers_only(block: bytes, defect: str = defects.BODY_NOT_READ) -> ParsedMessage:
    """The header alone, for a verdict on a message that is not held. The body is empty, and `complete` is False."""
    head, _ = _head(without_leading_lines(block))
    return compose(head, Body(Node("1", "text/plain", text=""), [defect]))


def second_reading(raw: bytes) -> ParsedMessage:
    """A whole message by the second reading alone."""
    raw = without_leading_lines(raw)
    block = read_block(raw)
    return compose(second.read_head(block), second.read_body(raw, block))


def _head(raw: bytes) -> tuple[Head, bool]:
    """The header, and whether a strict parser finds the same end of it."""
    head = first.read_head(header_block(raw))
    if head is not None:
        return head, True
    block = read_block(raw)
    return second.read_head(block), not block.repaired
