"""The thread line by day: 90 days of a mailbox as one drawing, and where every bar, cap and label of it stands.

`lay_out` is pure. Received emails stand above the line and sent ones below, one step a day. A mended break is stitched
between two caps and its recovered days are tinted; an open break has nothing between its caps. Labels never overlap:
breaks are named first, then the first and last day, then the months that still find room. A month that begins under the
label of the first day is named beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from threadline.web.times import MONTHS

STEP = 10
HEIGHT = 88
AXIS = 34
TALLEST = 26
LABELS = 80
# The widest common system fonts (Verdana, DejaVu Sans) need 7.6 px for an average letter of 12 px text.
LETTER = 7.6
APART = 8


@dataclass(frozen=True)
class Day:
    day: date
    received: int = 0
    sent: int = 0


@dataclass(frozen=True)
class Break:
    """An interval without sync, both days included. `recovered` is None while it is open.

    `hours` says when it began and ended where that was on one day.
    """

    start: date
    end: date
    recovered: int | None = None
    hours: str = ""
    set_aside: int = 0

    @property
    def is_open(self) -> bool:
        return self.recovered is None


@dataclass(frozen=True)
class Bar:
    x: int
    received: int
    sent: int
    recovered: bool

    @property
    def top(self) -> int:
        return AXIS - 2 - self.received


@dataclass(frozen=True)
class Label:
    x: float
    y: float
    text: str
    anchor: str
    is_break: bool = False

    @property
    def span(self) -> tuple[float, float]:
        width = len(self.text) * LETTER
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return left, left + width


@dataclass(frozen=True)
class Drawing:
    width: int
    height: int
    axis: int
    bars: tuple[Bar, ...]
    whole: tuple[tuple[int, int], ...]
    stitched: tuple[tuple[int, int], ...]
    caps: tuple[int, ...]
    labels: tuple[Label, ...]


def lay_out(days: Sequence[Day], breaks: Iterable[Break] = ()) -> Drawing:
    """Draws `days` (oldest first, without holes) and the breaks that reach into them."""
    if not days:
        raise ValueError("a thread line by day needs at least one day")
    first, last = days[0].day, days[-1].day
    shown = sorted((b for b in breaks if b.end >= first and b.start <= last), key=lambda b: b.start)
    spans = [(b, _x(b.start, first, last), _x(b.end, first, last) + STEP) for b in shown]
    width = len(days) * STEP
    return Drawing(
        width=width,
        height=HEIGHT,
        axis=AXIS,
        bars=tuple(_bars(days, shown)),
        whole=tuple(_whole(width, [(left, right) for _, left, right in spans])),
        stitched=tuple((left, right) for b, left, right in spans if not b.is_open),
        caps=tuple(min(max(x, 1), width - 1) for _, left, right in spans for x in (left, right)),
        labels=tuple(_labels(days, spans, width)),
    )


def _x(day: date, first: date, last: date) -> int:
    return (min(max(day, first), last) - first).days * STEP


def _bars(days: Sequence[Day], breaks: Sequence[Break]) -> Iterable[Bar]:
    most = max(max(d.received, d.sent) for d in days) or 1
    for index, d in enumerate(days):
        around = [b for b in breaks if b.start <= d.day <= b.end]
        if any(b.is_open for b in around):
            continue
        yield Bar(
            x=index * STEP + 3,
            received=_height(d.received, most),
            sent=_height(d.sent, most),
            recovered=bool(around),
        )


def _height(count: int, most: int) -> int:
    return max(2, round(count / most * TALLEST)) if count else 0


def _whole(width: int, gaps: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    at = 0
    for left, right in gaps:
        if left > at:
            yield at, left
        at = max(at, right)
    if at < width:
        yield at, width


def _labels(days: Sequence[Day], spans: Sequence[tuple[Break, int, int]], width: int) -> Iterable[Label]:
    placed: list[Label] = []
    ends = [
        Label(0, LABELS, _day_and_month(days[0].day), "start"),
        Label(width, LABELS, "Today", "end"),
    ]
    beside = ends[0].span[1] + APART
    months = [
        Label(max(i * STEP, beside) if i else 0, LABELS, MONTHS[d.day.month - 1], "start")
        for i, d in enumerate(days)
        if d.day.day == 1
    ]
    for label in [*(_break_label(b, left, right, width) for b, left, right in spans), *ends, *months]:
        if not any(_overlap(label, other) for other in placed):
            placed.append(label)
    return placed


def _break_label(b: Break, left: int, right: int, width: int) -> Label:
    middle = (left + right) / 2
    if b.is_open:
        text = f"open, {_count((b.end - b.start).days + 1)}"
        if len(text) * LETTER + 8 <= right - left:
            return Label(middle, AXIS + 4, text, "middle", is_break=True)
    else:
        text = _interval(b.start, b.end)
    half = len(text) * LETTER / 2
    if middle + half > width:
        return Label(width, LABELS, text, "end", is_break=True)
    if middle - half < 0:
        return Label(0, LABELS, text, "start", is_break=True)
    return Label(middle, LABELS, text, "middle", is_break=True)


def _overlap(one: Label, other: Label) -> bool:
    return one.y == other.y and one.span[0] < other.span[1] + APART and other.span[0] < one.span[1] + APART


def _count(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _day_and_month(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _interval(start: date, end: date) -> str:
    if start == end:
        return _day_and_month(start)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}–{_day_and_month(end)}"
    return f"{_day_and_month(start)} – {_day_and_month(end)}"
