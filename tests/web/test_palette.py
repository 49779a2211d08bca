"""Every pair of colours that the pages put on one another, computed from the tokens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import threadline

TOKENS = Path(threadline.__file__).parent / "web/static/threadline/css/tokens.css"
TEXT, CONTROL = 4.5, 3.0

PAIRS = [
    *[
        (ink, ground, TEXT)
        for ink in ("text", "text2", "text3", "accent")
        for ground in ("surface", "bg", "soft", "inset")
    ],
    *[("ctl", ground, CONTROL) for ground in ("surface", "bg")],
    ("thread", "surface", CONTROL),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    *[(tone, ground, TEXT) for tone in ("ok", "warn", "bad") for ground in ("surface", "bg", "inset", f"{tone}-soft")],
    *[("text2", f"{tone}-soft", TEXT) for tone in ("ok", "warn", "bad")],
    *[("accent", f"{tone}-soft", TEXT) for tone in ("ok", "warn")],
]


def palettes() -> dict[str, dict[str, str]]:
    """The rule blocks with colours: light, dark by the system, dark by choice."""
    blocks = re.findall(r"(:root[^{]*?) \{([^{}]*)\}", TOKENS.read_text(encoding="utf-8"))
    found = [(rule, dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", body))) for rule, body in blocks]
    names = {
        ":root": "light",
        ':root:not([data-theme="light"])': "dark by the system",
        ':root[data-theme="dark"]': "dark by choice",
    }
    return {names[rule]: colours for rule, colours in found if colours}


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_21_to_1() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark by the system"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_every_pair_can_be_read(scheme: str, ink: str, ground: str, least: float) -> None:
    palette = palettes()[scheme]
    assert contrast(palette[ink], palette[ground]) >= least


def test_the_dark_palette_is_the_same_whoever_chose_it() -> None:
    assert palettes()["dark by the system"] == palettes()["dark by choice"]


def test_both_schemes_name_the_same_colours() -> None:
    assert palettes()["light"].keys() == palettes()["dark by choice"].keys()
