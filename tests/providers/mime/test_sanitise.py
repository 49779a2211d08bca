"""What is shown of an email's HTML can neither run, nor load, nor leave its frame."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadline.providers.mime.html_text import plain_rendering
from threadline.providers.mime.sanitise import CUT, clean_html, clean_plain

REL = 'rel="noopener noreferrer nofollow"'
CASES = {
    "links open elsewhere": (
        '<a href="https://x.example/?a=1&amp;b=2">z</a>',
        f'<a href="https://x.example/?a=1&amp;b=2" target="_blank" {REL}>z</a>',
    ),
    "script links do not": ('<a href="java\nscript:alert(1)">z</a>', f'<a target="_blank" {REL}>z</a>'),
    "relative links lead nowhere": ('<a href="/admin">z</a>', f'<a target="_blank" {REL}>z</a>'),
    "remote pictures wait": (
        '<img src="http://t.example/x.png" alt="x">',
        '<img data-src="http://t.example/x.png" alt="x">',
    ),
    "pictures without scheme are gone": ('<img src="//t.example/x.png">', "<img>"),
    "enclosed pictures are named": ('<img src="cid:logo@example.org">', '<img data-cid="logo@example.org">'),
    "pictures in the text stay": ('<img src="data:image/png;base64,aaaa">', '<img src="data:image/png;base64,aaaa">'),
    "drawings in the text do not": ('<img src="data:image/svg+xml,<svg>">', "<img>"),
    "picture sets are gone": ('<img srcset="http://t.example/x 1x">', "<img>"),
    "scripts and styles are gone": ("<style>p{}</style><script>x()</script><p onclick=x()>a</p>", "<p>a</p>"),
    "forms are gone": ('<form action="https://x"><input name=a>text</form>', "text"),
    "frames are gone": ('a<iframe src="https://x">b</iframe>', "a"),
    "styles keep what is harmless": ('<p style="color:red;position:fixed">a</p>', '<p style="color:red">a</p>'),
    "styles never load": ('<p style="background-color:red;background:url(http://t)">a</p>', "<p>a</p>"),
    "ids and classes are gone": ('<p id="a" class="b" name="c">a</p>', "<p>a</p>"),
    "tables keep their look": (
        '<table width=600 bgcolor="#fff"><tr><td colspan=2>a',
        '<table width="600" bgcolor="#fff"><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_html_is_shown_safely(name: str) -> None:
    html, expected = CASES[name]
    cleaned = clean_html(html)
    assert sorted(re.findall(r'\S+="[^"]*"|[^ ]+', cleaned)) == sorted(re.findall(r'\S+="[^"]*"|[^ ]+', expected))


def test_remote_pictures_load_when_asked_for() -> None:
    assert clean_html('<img src="https://t.example/x.png">', allow_remote=True) == '<img src="https://t.example/x.png">'


def test_long_html_is_cut_and_says_so() -> None:
    assert clean_html("<p>a" + " b" * 1_200_000).endswith("</p>" + CUT)
    assert clean_plain("a" * 2_100_000).endswith(CUT)


PIECES = st.sampled_from(
    ["<img src=", "<a href=", "http://t", "cid:a", "javascript:x", "data:text/html,x",
     '"', "'", ">", "<", "/", " ", "&quot;", "<script>", "</script>",
     "<style>", "<svg>", "<math>", "<title>", "<!--", "-->", "onerror=x", "style=", "url(http://t)",
     "threadline-held:", ' src="threadline-cid:', "<textarea>", "<noscript>", "\0", "a"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_whatever_is_put_in_nothing_that_loads_or_runs_comes_out(html: str) -> None:
    cleaned = clean_html(html)
    tags = re.findall(r"<[a-z](?:[^\"<>]|\"[^\"]*\")*>", cleaned)
    for tag in tags:
        assert not re.search(r'\s(src|srcset|background)="(?!data:image/)', tag)
        assert not re.search(r"\son\w+=", re.sub(r'"[^"]*"', '""', tag))
        assert not re.search(r'href="(?!https?:|mailto:|tel:)', tag)
        assert "url(" not in "".join(re.findall(r'style="[^"]*"', tag))
        assert not tag.startswith(("<script", "<style", "<svg", "<iframe", "<form"))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one<p>two", "onetwo"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<style>x", "x"),
        ("<style>x</style>y", "y"),
        ("a &lt;b&gt; &amp;#0; c\0", "a <b> &#0; c"),
        ("<" * 10, "<" * 10),
    ],
)
def test_the_text_of_html_without_a_parser(html: str, text: str) -> None:
    assert plain_rendering(html) == text


def test_the_text_of_html_without_a_parser_takes_linear_time() -> None:
    for piece in ("<", "&", "<style", "<!--", "<br", "\n \n"):
        plain_rendering(piece * (2_000_000 // len(piece)))
