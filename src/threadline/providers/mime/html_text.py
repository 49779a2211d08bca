"""Text from HTML, and back: for searching, for reading without HTML, and for showing what has none."""

from __future__ import annotations

import html as stdlib_html
import re

from resiliparse.extract.html2text import extract_plain_text

from threadline.providers.mime import limits
from threadline.providers.mime.charsets import scrub, without_nul

_HIDDEN = re.compile(r"<(style|script|head|title)\b", re.IGNORECASE)
_BLOCK_END = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")  # "<" excluded as well: a megabyte of "<" would take quadratic time
_BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*)+")


def text_of(html: str) -> str:
    """The text a reader of the HTML sees, blocks on lines of their own."""
    html = html[: limits.HTML_CHARS]
    if not html.strip():
        return ""
    try:
        text = extract_plain_text(html, preserve_formatting=True)
    except (ValueError, RuntimeError):  # its HTMLParserException is a ValueError
        return plain_rendering(html)
    return without_nul(text)  # it comes out of UTF-8


def plain_rendering(html: str) -> str:
    """The text of any HTML in linear time: for what the parser of HTML is not let near."""
    text = _without_hidden(html[: limits.HTML_CHARS])
    text = _TAG.sub("", _BLOCK_END.sub("\n", text))
    return scrub(_BLANK_LINES.sub("\n\n", stdlib_html.unescape(text)).strip())


def _without_hidden(html: str) -> str:
    """Without the content of style, script and head; an element that never ends hides nothing but its tag."""
    out: list[str] = []
    position = 0
    lower = html.lower()
    unclosed: set[str] = set()
    while found := _HIDDEN.search(html, position):
        name = found[1].lower()
        end = -1 if name in unclosed else lower.find(f"</{name}", found.end())
        if end < 0:
            unclosed.add(name)
        out.append(html[position : found.start()])
        position = found.end() if end < 0 else end
        if end < 0:
            out.append("<")
    out.append(html[position:])
    return "".join(out)


def html_of(text: str) -> str:
    """Plain text as HTML that keeps its lines."""
    return f'<div style="white-space:pre-wrap">{stdlib_html.escape(text)}</div>'
