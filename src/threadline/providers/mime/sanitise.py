"""HTML made fit to be shown: an allow-list, applied by a maintained parser of HTML.

What the reader's frame must still do: its own Content-Security-Policy. What is left out here: scripts, style sheets,
forms, classes and ids, everything that loads from outside. An image from outside keeps its address in `data-src`, one
that is part of the message its Content-ID in `data-cid`.
"""

from __future__ import annotations

import re

import nh3

from threadline.providers.mime import limits
from threadline.providers.mime.charsets import scrub
from threadline.providers.mime.html_text import html_of, plain_rendering

CUT = '<p data-notice="cut">This email is longer than can be shown here. The rest is in the original.</p>'

_TAG_NAMES = """
    a abbr address b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em font h1 h2
    h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub sup table tbody td tfoot th
    thead tr tt u ul var wbr
"""
_DROPPED_WITH_CONTENT = {"script", "style", "title", "template", "noscript", "svg", "math", "object", "iframe", "head"}
_ATTRIBUTES = {
    "*": {"dir", "lang", "title", "align", "valign", "style", "bgcolor", "width", "height"},
    "a": {"href"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "col": {"span"},
    "ol": {"start", "type"},
    "li": {"value"},
    "hr": {"size", "noshade"},
    "blockquote": {"cite"},
}
# Nothing that moves content over the frame (position, z-index), hides a cost (content) or loads (background, url).
_STYLE_NAMES = """
    background-color border border-bottom border-collapse border-color border-left border-radius border-right
    border-spacing border-style border-top border-width color direction display font font-family font-size font-style
    font-variant font-weight height letter-spacing line-height list-style-type margin margin-bottom margin-left
    margin-right margin-top max-height max-width min-width overflow-wrap padding padding-bottom padding-left
    padding-right padding-top table-layout text-align text-decoration text-indent text-transform vertical-align
    white-space width word-break word-spacing word-wrap
"""
_LOADING = re.compile(r"url\s*\(|image\s*\(|image-set|expression|@import|\\", re.IGNORECASE)
_IGNORED_IN_URLS = re.compile(r"[\x00-\x20]+")  # browsers skip them: "java\nscript:"
_LINKS = ("http://", "https://", "mailto:", "tel:")
_PICTURES = ("data:image/png", "data:image/jpeg", "data:image/jpg", "data:image/gif", "data:image/webp")
# An address no browser loads, until the attribute is renamed below. In attribute values '"' is always escaped, so
# only real attributes match; the same characters in a text are renamed too, which harms nothing.
_HELD_BACK = "threadline-held:"
_ENCLOSED = "threadline-cid:"


def clean_html(html: str, allow_remote: bool = False) -> str:
    """HTML that is safe to show. Takes seconds on hostile input: use `Parser.sanitise` for mail."""
    cut = len(html) > limits.HTML_CHARS
    cleaned = nh3.clean(
        scrub(html[: limits.HTML_CHARS]),
        tags=set(_TAG_NAMES.split()),
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=_remote if allow_remote else _held,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        url_relative="deny",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        filter_style_properties=set(_STYLE_NAMES.split()),
    )
    cleaned = cleaned.replace(f' src="{_HELD_BACK}', ' data-src="').replace(f' src="{_ENCLOSED}', ' data-cid="')
    return cleaned + CUT if cut else cleaned


def clean_plain(html: str) -> str:
    """The plain text of any HTML as safe HTML, in linear time: where cleaning took too long."""
    return html_of(plain_rendering(html)) + (CUT if len(html) > limits.HTML_CHARS else "")


def _held(tag: str, attribute: str, value: str) -> str | None:
    return _filtered(tag, attribute, value, allow_remote=False)


def _remote(tag: str, attribute: str, value: str) -> str | None:
    return _filtered(tag, attribute, value, allow_remote=True)


def _filtered(tag: str, attribute: str, value: str, *, allow_remote: bool) -> str | None:
    if attribute == "style":
        return None if _LOADING.search(value) else value
    if attribute == "href":
        return value if _IGNORED_IN_URLS.sub("", value).lower().startswith(_LINKS) else None
    if attribute == "cite":
        return None
    if tag == "img" and attribute == "src":
        return _image(_IGNORED_IN_URLS.sub("", value), allow_remote)
    return value


def _image(address: str, allow_remote: bool) -> str | None:
    lower = address.lower()
    if lower.startswith("cid:"):
        return _ENCLOSED + address[4:]
    if lower.startswith(("http://", "https://")):
        return address if allow_remote else _HELD_BACK + address
    return address if lower.startswith(_PICTURES) else None
