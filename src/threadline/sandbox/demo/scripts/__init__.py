"""The conversations of the demo, written by hand in the text files beside this one, and how they are read.

A file holds conversations, `=== name | subject`, of turns, `--- who [after] [attachment]`. `after` is a
turn that happens once the meeting has taken place. `{word}` is filled in, and of `[[a|b|c]]` one is chosen.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CHOICE = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Turn:
    """One mail of a conversation, before its blanks are filled in."""

    by_sofia: bool
    after_meeting: bool
    attachment: str  # "" or the kind: cv, certificate, invite, ...
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation."""

    name: str
    subject: str
    turns: tuple[Turn, ...]


@cache
def load(file: str) -> tuple[Script, ...]:
    """The conversations of one file, in its order."""
    text = (Path(__file__).parent / f"{file}.txt").read_text(encoding="utf-8")
    found = []
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = block.partition("\n")
        name, _, subject = heading.partition(" | ")
        turns = []
        for piece in re.split(r"^--- ", rest, flags=re.MULTILINE)[1:]:
            words, _, body = piece.partition("\n")
            who, *marks = words.split()
            attachment = next((mark for mark in marks if mark != "after"), "")
            turns.append(Turn(who == "sofia", "after" in marks, attachment, body.strip()))
        found.append(Script(name, subject, tuple(turns)))
    return tuple(found)


@cache
def paragraphs(file: str) -> tuple[tuple[str, str], ...]:
    """Heading and text of each paragraph of a file."""
    text = (Path(__file__).parent / f"{file}.txt").read_text(encoding="utf-8")
    found = []
    for block in text.strip().split("\n\n"):
        heading, _, rest = block.partition("\n")
        found.append((heading, rest))
    return tuple(found)


@cache
def by_name() -> dict[str, Script]:
    """Every conversation with a candidate or contact."""
    return {script.name: script for file in ("candidates", "contacts", "languages") for script in load(file)}


def fill(text: str, blanks: Mapping[str, str], chance: random.Random) -> str:
    """The text with one of each choice taken and its blanks filled in."""
    chosen = _CHOICE.sub(lambda match: chance.choice(match[1].split("|")), text)
    return re.sub(r"\{(\w+)\}", lambda match: blanks[match[1]], chosen)
