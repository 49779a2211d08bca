"""The tags, and what is true of every template."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.template import Context, Template

import threadline
from threadline.domain import connection
from threadline.web import icons
from threadline.web.parts import ANNA, JONAS, LONG, SampleForm
from threadline.web.templatetags import threadline as tags

WEB = Path(threadline.__file__).parent / "web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))


def render(source: str, **context: object) -> str:
    return re.sub(r"\s+", " ", Template("{% load threadline %}" + source).render(Context(context))).strip()


def words(source: str, **context: object) -> str:
    """What is left for a reader when the marks are taken away."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", render(source, **context))).strip()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(WEB / "templates")))
def test_no_template_needs_what_the_policy_refuses(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|[\"']data:|hx-on|https?://", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text)


def test_no_style_sheet_fetches_anything() -> None:
    for sheet in (WEB / "static/threadline/css").glob("*.css"):
        assert not re.search(r"url\(|@import", sheet.read_text(encoding="utf-8")), sheet.name


def test_no_style_sheet_has_a_colour_of_its_own() -> None:
    for sheet in (WEB / "static/threadline/css").glob("*.css"):
        if sheet.name != "tokens.css":
            colours = set(re.findall(r"#[0-9a-f]{3,8}\b", sheet.read_text(encoding="utf-8")))
            assert colours <= {"#fff"}, f"{sheet.name}: {colours}"  # the white ground under mail and QR codes


def test_every_icon_a_template_names_is_drawn() -> None:
    for template in TEMPLATES:
        named = re.findall(r'{% icon "([^"]+)"', template.read_text(encoding="utf-8"))
        assert set(named) <= icons.ICONS.keys(), template.name


@pytest.mark.parametrize("name", sorted(icons.ICONS))
def test_every_drawing_has_shapes_and_only_shapes(name: str) -> None:
    assert re.fullmatch(r"(<(path|circle|rect) [^<>]*/>)+", icons.ICONS[name])


def test_an_icon_that_is_not_drawn_is_an_error() -> None:
    with pytest.raises(KeyError):
        render('{% icon "unicorn" %}')


def test_every_connection_state_has_a_look() -> None:
    assert {state.value for state in connection.State} <= tags.STATES.keys()


@pytest.mark.parametrize("name", sorted(tags.STATES))
def test_a_state_is_an_icon_and_a_word(name: str) -> None:
    assert "<svg" in render(f'{{% state "{name}" %}}')
    assert words(f'{{% state "{name}" %}}') == tags.STATES[name].word


def test_no_two_states_differ_by_colour_alone() -> None:
    looks = [(look.icon, look.word) for look in tags.STATES.values()]
    assert len(set(looks)) == len(looks)


def test_a_chip_escapes_the_name_it_shows() -> None:
    assert "<script>" not in render("{% chip_person p %}", p=ANNA | {"name": "<script>alert(1)</script>"})


def test_an_email_on_no_profile_says_so_and_asks_why() -> None:
    assert words('{% chips_people people "/why" %}', people=[]) == "on no profile — why?"


def test_more_than_two_profiles_are_counted() -> None:
    text = words("{% chips_people people %}", people=[LONG, JONAS, ANNA])
    assert "Jonas Lind" in text
    assert "Anna Berg" not in text
    assert "+1 more" in text  # beside two names
    assert "+2 more" in text  # beside the one that a phone has room for


def test_a_field_ties_its_error_and_help_to_the_input() -> None:
    form = SampleForm({"address": "sofia@northgate", "security": "tls"})
    html = render("{% field form.address %}", form=form)
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described
    assert 'aria-invalid="true"' in html
    for name in described[1].split():
        assert f'id="{name}"' in html


def test_a_field_that_may_stay_empty_says_so() -> None:
    assert words("{% field form.host %}", form=SampleForm()) == "Server (optional)"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "size unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (88_000, "88 kB"),
        (999_600, "1.0 MB"),
        (1_400_000, "1.4 MB"),
        (50_000_000, "50 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_sizes_are_short(size: int | None, text: str) -> None:
    assert tags.filesize_short(size) == text


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Anna Berg", "AB"), ("no-reply@jobboard.example", "N"), ("Ilse von der Heide", "IH"), ("", "?"), ("¿?", "?")],
)
def test_initials(name: str, letters: str) -> None:
    assert tags.initials(name) == letters


@pytest.mark.parametrize(
    ("name", "badge"),
    [("CV.pdf", "PDF"), ("notes", "FILE"), (".env", "FILE"), ("a.b c", "FILE"), ("x.numbers", "FILE")],
)
def test_the_badge_of_a_file_is_its_extension(name: str, badge: str) -> None:
    assert tags.file_type(name) == badge


def test_a_time_carries_its_machine_form() -> None:
    html = render("{{ at|when:'exact' }}", at=datetime(2026, 6, 9, 15, 41, 7, tzinfo=UTC))
    assert 'datetime="2026-06-09T15:41:07+00:00"' in html


def test_no_time_is_nothing() -> None:
    assert render("{{ at|when }}", at=None) == ""


def test_thousands_are_grouped() -> None:
    assert tags.thousands(1204) == "1,204"
    assert tags.thousands(None) == "—"
