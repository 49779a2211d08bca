"""Threadline's own icons: a grid of 20, one stroke of 1.6 with round ends, in the colour of the text around them.

Each is a file in `drawings/`; `svg` writes one into a page. Icons are hidden from screen readers, because a word always
stands beside them.
"""

from __future__ import annotations

import re
from pathlib import Path

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

DRAWINGS = Path(__file__).parent / "drawings"


def _inside(file: Path) -> SafeString:
    """The shapes of a drawing without its frame, on one line."""
    text = file.read_text(encoding="utf-8")
    shapes = re.findall(r"<(?!svg\b)[a-z]+ [^>]*/>", text)
    return mark_safe("".join(shapes))  # noqa: S308 - files of this package, never a visitor's text


ICONS: dict[str, SafeString] = {file.stem: _inside(file) for file in sorted(DRAWINGS.glob("*.svg"))}


def svg(name: str, size: int = 16, tone: str = "") -> SafeString:
    """The drawing `name`, `size` pixels wide (16, 18 or 20), in a tone: ok, news, warn, bad, quiet, or the text's own.

    Raises `KeyError` for a name that is not drawn, so that a misspelt one is found by the first page that uses it.
    """
    classes = "icon" + (f" icon-{size}" if size != 16 else "") + (f" tone-{tone}" if tone else "")
    return format_html(
        '<svg class="{}" width="{}" height="{}" viewBox="0 0 20 20" fill="none" stroke="currentColor" '
        'stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" '
        'aria-hidden="true" focusable="false">{}</svg>',
        classes,
        size,
        size,
        ICONS[name],
    )
