"""The one door through which commands print.

Mail brings text that anyone could have written: control characters, which a terminal would obey, are escaped here and
nowhere else. JSON is ASCII for the same reason.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import click

WANTS_JSON = "threadline.json"
LONGEST_SUBJECT = 200  # characters on a line for people

# C0, DEL and C1 controls; line and paragraph separators; lone surrogates; what changes the direction of text (UAX 9).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_TEXT = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def safe(text: str) -> str:
    """The text with everything escaped that a terminal would obey or be confused by; on one line."""
    return _UNSAFE.sub(_escaped, text)


def safe_text(text: str) -> str:
    """The same for a text of several lines: line breaks and tabs stay."""
    return _UNSAFE_IN_TEXT.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def wants_json() -> bool:
    return bool(click.get_current_context().meta.get(WANTS_JSON))


def result(data: object, *lines: str) -> None:
    """Print the result of a command: the data with `--json`, else the lines."""
    if wants_json():
        json_line(data)
        return
    for line in lines:
        say(line)


def json_line(data: object) -> None:
    click.echo(json.dumps(as_plain(data)))


def say(line: str = "") -> None:
    click.echo(safe(line))


def say_text(text: str) -> None:
    """Print a text of several lines, as a mail's."""
    click.echo(safe_text(text))


def note(line: str) -> None:
    """Something for the person at the terminal, beside the result; nothing with `--json`, which a program reads."""
    if not wants_json():
        click.echo(safe(line), err=True)


def link(url: str, *lines: str) -> None:
    """Something somebody has to open before the command can go on; with `--json`, the address alone on a line.

    On standard error: what a program reads is the result.
    """
    for line in () if wants_json() else lines:
        click.echo(safe(line), err=True)
    click.echo(safe(url), err=True)


def as_plain(value: object) -> Any:
    """Data as JSON knows it: times in RFC 3339, UTC, whole seconds."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(item) for item in value]
    return value


def stamp(time: datetime | None) -> str:
    """RFC 3339 in UTC, whole seconds; "never" for none."""
    if time is None:
        return "never"
    return f"{time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def table(rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> list[str]:
    """Lines of aligned columns; nothing for no rows."""
    cells = [[safe(cell) for cell in row] for row in rows]
    if not cells:
        return []
    if header:
        cells.insert(0, [title.upper() for title in header])
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in cells]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Columns on a terminal (UAX 11): wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def count(number: int, one: str, many: str = "") -> str:
    """ "1 email", "1,204 emails"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shortened(text: str) -> str:
    """A subject on a line that a person reads: whoever wrote it may have written a megabyte."""
    return text if len(text) <= LONGEST_SUBJECT else text[: LONGEST_SUBJECT - 1] + "…"


def megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"


class Progress:
    """A line on a terminal's standard error that changes in place; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def show(self, line: str) -> None:
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{safe(line)[:100]}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
