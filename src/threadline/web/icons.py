"""Threadline's own icons: a grid of 20, one stroke of 1.6 with round ends, in the colour of the text around them.

`ICONS` holds the inside of each drawing; `svg` makes the whole. Icons are hidden from screen readers, because a word
always stands beside them.
"""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_RING = '<circle cx="10" cy="10" r="7.2"/>'

ICONS: dict[str, str] = {
    "arrow-left": '<path d="M16 10H4.5M9 5.2 4.2 10 9 14.8"/>',
    "arrow-right": '<path d="M4 10h11.5M11 5.2l4.8 4.8-4.8 4.8"/>',
    "bell": '<path d="M5.5 8.6a4.5 4.5 0 0 1 9 0c0 4.3 1.6 5 1.6 5H3.9s1.6-.7 1.6-5Z"/><path d="M8.4 16.4a1.8 1.8 0 0 0 3.2 0"/>',
    "brand": (
        '<path d="M9.2 1.8v16.4"/><path d="M9.2 5.6H5.6M9.2 12h4"/>'
        '<circle cx="4" cy="5.6" r="1.7" fill="currentColor"/><circle cx="15" cy="12" r="1.9"/>'
    ),
    "break": '<path d="M2.5 10h4.3M13.2 10h4.3M7 6.8v6.4M13 6.8v6.4"/>',
    "briefcase": '<rect x="2.8" y="6.4" width="14.4" height="10" rx="1.8"/><path d="M7.2 6.2V4.8c0-.8.6-1.4 1.4-1.4h2.8c.8 0 1.400.6 1.4 1.4v1.4M2.8 10.8h14.4"/>',
    "building": '<path d="M4 17V4.6C4 3.7 4.7 3 5.6 3h4.8c.9 0 1.600.7 1.6 1.6V17M12 8.6h2.6c.8 0 1.400.6 1.4 1.4v7M2.4 17h15.2M7 6.6h2M7 9.8h2M7 13h2"/>',
    "calendar": '<rect x="3" y="4.4" width="14" height="12.6" rx="2"/><path d="M3 8.4h14M6.8 2.6v3.2M13.2 2.6v3.2"/>',
    "check": '<path d="m4.6 10.6 3.6 3.6 7.4-8"/>',
    "check-circle": _RING + '<path d="m6.9 10.3 2.2 2.2 4.1-4.5"/>',
    "chevron-down": '<path d="m5 7.8 5 5 5-5"/>',
    "chevron-left": '<path d="M12.4 4.8 7.2 10l5.2 5.2"/>',
    "chevron-right": '<path d="M7.6 4.8 12.8 10l-5.2 5.2"/>',
    "clip": '<path d="m16 9.2-6.1 6.1a3.7 3.7 0 0 1-5.2-5.2l6.5-6.5a2.5 2.5 0 0 1 3.5 3.5l-6.4 6.4a1.2 1.2 0 0 1-1.7-1.7l5.6-5.6"/>',
    "clock": _RING + '<path d="M10 5.8V10l2.8 1.7"/>',
    "copy": '<rect x="7" y="7" width="10" height="10" rx="2"/><path d="M13 7V5a2 2 0 0 0-2-2H5a2 2 0 0 0-2 2v6a2 2 0 0 0 2 2h2"/>',
    "cross": '<path d="m5.4 5.4 9.2 9.2M14.6 5.4l-9.2 9.2"/>',
    "dash-circle": _RING + '<path d="M7 10h6"/>',
    "dotted-circle": '<circle cx="10" cy="10" r="6.8" stroke-dasharray="3 2.34"/>',
    "dots": '<path d="M5 10h.01M10 10h.01M15 10h.01" stroke-width="2.2"/>',
    "download": '<path d="M10 3v9.2M6.4 8.8 10 12.4l3.6-3.6M4 16.6h12"/>',
    "external": '<path d="M8 4.4H5.4A1.8 1.8 0 0 0 3.6 6.2v8.4c0 1 .8 1.8 1.8 1.8h8.4c1 0 1.8-.8 1.8-1.8V12M11.6 3.6h4.8v4.8M16.2 3.8 9.6 10.4"/>',
    "eye": '<path d="M2.4 10S5 4.8 10 4.8 17.6 10 17.6 10 15 15.2 10 15.2 2.4 10 2.4 10Z"/><circle cx="10" cy="10" r="2.2"/>',
    "file": '<path d="M11.4 2.8H6.4a1.8 1.8 0 0 0-1.8 1.8v10.8c0 1 .8 1.8 1.8 1.8h7.2c1 0 1.8-.8 1.8-1.8V6.8Z"/><path d="M11.4 2.8v4h4"/>',
    "folder": '<path d="M2.8 6c0-.9.7-1.6 1.6-1.6h3.3l1.9 2.2h6c.9 0 1.600.7 1.6 1.6v6c0 .9-.7 1.6-1.6 1.6H4.4c-.9 0-1.6-.7-1.6-1.6Z"/>',
    "inbox": '<path d="m3 11 2.3-6c.3-.7.9-1.2 1.7-1.2h6c.8 0 1.400.5 1.7 1.2L17 11v3.6c0 1-.8 1.8-1.8 1.8H4.8c-1 0-1.8-.8-1.8-1.8Z"/><path d="M3 11h4l1 2h4l1-2h4"/>',
    "info": _RING + '<path d="M10 9.2v4.2M10 6.6h.01"/>',
    "key": '<circle cx="6.8" cy="13.2" r="3.6"/><path d="m9.4 10.6 6.4-6.4M13 7l2.4 2.4"/>',
    "lifebuoy": _RING + '<circle cx="10" cy="10" r="3"/><path d="m4.9 4.9 3 3M12.1 12.1l3 3M15.1 4.9l-3 3M7.9 12.1l-3 3"/>',
    "link": '<path d="M8.4 11.6a3.2 3.2 0 0 0 4.6 0l2.8-2.8a3.25 3.25 0 0 0-4.6-4.6L10 5.4M11.6 8.4a3.2 3.2 0 0 0-4.6 0l-2.8 2.8a3.25 3.25 0 0 0 4.6 4.6l1.2-1.2"/>',
    "lock": '<rect x="4" y="8.8" width="12" height="8" rx="1.8"/><path d="M6.8 8.6V6.2a3.2 3.2 0 0 1 6.4 0v2.4"/>',
    "mail": '<rect x="2.6" y="4.2" width="14.8" height="11.6" rx="2"/><path d="m3.2 6 6.8 5 6.8-5"/>',
    "moon": '<path d="M16.4 11.8A6.8 6.8 0 0 1 8.2 3.6a6.8 6.8 0 1 0 8.2 8.2Z"/>',
    "paper": '<path d="M5.8 3h8.4c.9 0 1.600.7 1.6 1.6v10.8c0 .9-.7 1.6-1.6 1.6H5.8c-.9 0-1.6-.7-1.6-1.6V4.6C4.2 3.7 4.9 3 5.8 3ZM7.2 7h5.6M7.2 10h5.6M7.2 13h3"/>',
    "people": '<circle cx="7.6" cy="6.8" r="2.8"/><path d="M2.6 16.4c0-2.8 2.2-4.8 5-4.8s5 2 5 4.8M12.8 4.2a2.8 2.8 0 0 1 0 5.2M14.4 12c1.800.6 3 2.2 3 4.4"/>',
    "person": '<circle cx="10" cy="6.8" r="3.2"/><path d="M4.2 17c0-3.2 2.6-5.4 5.8-5.4s5.8 2.2 5.8 5.4"/>',
    "plus": '<path d="M10 4v12M4 10h12"/>',
    "question": _RING + '<path d="M7.9 8.1c.1-1.2 1-1.9 2.1-1.9s2.100.7 2.1 1.8c0 1.5-2.1 1.6-2.1 3.1M10 13.6h.01"/>',
    "received": '<path d="M14.8 5.2 5.6 14.4M5.4 7.6v7h7"/>',
    "refresh": '<path d="M16.2 8.2A6.5 6.5 0 0 0 4.8 6.4L3.4 8M3.4 4.2V8h3.8M3.8 11.8a6.5 6.5 0 0 0 11.4 1.8l1.4-1.6M16.6 15.8V12h-3.8"/>',
    "search": '<circle cx="9" cy="9" r="5.4"/><path d="m13 13 4 4"/>',
    "sent": '<path d="M5.2 14.8l9.2-9.2M7.6 5.4h7v7"/>',
    "server": '<rect x="3" y="3.6" width="14" height="5.4" rx="1.6"/><rect x="3" y="11" width="14" height="5.4" rx="1.6"/><path d="M6.2 6.3h.01M6.2 13.7h.01"/>',
    "shield": '<path d="M10 2.6 4 4.8v4.6c0 3.8 2.5 6.6 6 8 3.5-1.4 6-4.2 6-8V4.8Z"/><path d="m7.4 9.8 1.9 1.9 3.3-3.6"/>',
    "sign-out": '<path d="M8 3.6H5.4a1.8 1.8 0 0 0-1.8 1.8v9.2c0 1 .8 1.8 1.8 1.8H8M12.6 6.2l3.8 3.8-3.8 3.8M16 10H8"/>',
    "sliders": '<path d="M2.8 6.4h6.8M14.4 6.4h2.8M2.8 13.6h2.8M10.4 13.6h6.8"/><circle cx="12" cy="6.4" r="2.2"/><circle cx="8" cy="13.6" r="2.2"/>',
    "sun": '<circle cx="10" cy="10" r="3.4"/><path d="M10 2.2v1.4M10 16.4v1.4M2.2 10h1.4M16.4 10h1.4M4.5 4.5l1 1M14.5 14.5l1 1M15.5 4.5l-1 1M5.5 14.5l-1 1"/>',
    "trash": '<path d="M3.6 5.6h12.8M8 5.4V3.8c0-.5.4-.8.8-.8h2.4c.4 0 .8.300.8.8v1.6M5.2 5.8l.7 9.5c.1 1 .8 1.7 1.7 1.7h4.8c.9 0 1.6-.7 1.7-1.7l.7-9.5"/>',
    "undo": '<path d="M7 4.4 3.4 8 7 11.6M3.8 8h7.8a4.6 4.6 0 0 1 0 9.2H8"/>',
    "upload": '<path d="M10 12.6V3.4M6.4 6.8 10 3.2l3.6 3.6M4 16.6h12"/>',
    "warning": '<path d="M10 3.2 2.5 16.2h15Z"/><path d="M10 8.2v3.6M10 14h.01"/>',
    "windows": '<path fill="currentColor" d="M4 4h5.2v5.2H4zM10.8 4H16v5.2h-5.2zM4 10.8h5.2V16H4zM10.8 10.8H16V16h-5.2z" stroke="none"/>',
}


def svg(name: str, size: int = 16, tone: str = "") -> SafeString:
    """The drawing `name`, `size` pixels wide (16, 18 or 20), in a tone (ok, news, warn, bad, quiet) or the text's colour.

    Raises `KeyError` for a name that is not drawn, so that a misspelt one is found by the first page that uses it.
    """
    classes = "icon" + (f" icon-{size}" if size != 16 else "") + (f" tone-{tone}" if tone else "")
    inside = mark_safe(ICONS[name])  # noqa: S308 - the drawings above, never a visitor's text
    return format_html(
        '<svg class="{}" width="{}" height="{}" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        classes,
        size,
        size,
        inside,
    )
