"""Sets of UIDs: reading, writing and cutting "1:5,7" (RFC 9051 section 9, sequence-set).

Sets are lists of inclusive ranges, so that a server which names four billion ids in eleven bytes costs nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

Ranges: TypeAlias = "list[tuple[int, int]]"

HIGHEST = 4294967295  # "n:*" always includes the newest message, even one below n; this number does not
_RANGE = re.compile(r"(\d{1,10})(?::(\d{1,10}|\*))?")


def read(text: str) -> Ranges:
    """The ranges of a set, ascending and merged. What is not a range is left out."""
    found: Ranges = []
    for piece in text.split(","):
        match = _RANGE.fullmatch(piece.strip())
        if not match:
            continue
        first = int(match[1])
        last = HIGHEST if match[2] == "*" else int(match[2] or first)
        found.append((min(first, last), max(first, last)))
    return merge(found)


def from_ids(ids: Iterable[int]) -> Ranges:
    """The ranges that cover exactly these ids."""
    return merge([(uid, uid) for uid in ids])


def count(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def each(ranges: Ranges, *, newest_first: bool = False) -> Iterator[int]:
    """Every id; the caller has looked at `count` first."""
    for first, last in reversed(ranges) if newest_first else ranges:
        yield from range(last, first - 1, -1) if newest_first else range(first, last + 1)


def contains(ranges: Ranges, uid: int) -> bool:
    at = bisect_right(ranges, (uid, HIGHEST + 1)) - 1
    return at >= 0 and ranges[at][0] <= uid <= ranges[at][1]


def chunks(ids: Sequence[int], octets: int, *, at_most: int | None = None) -> Iterator[tuple[str, list[int]]]:
    """Cuts ids, in the order given, into sets whose text is no longer than `octets`, each with its ids."""
    chosen: list[int] = []
    pieces: list[tuple[int, int]] = []
    length = 0
    for uid in ids:
        joined = _joined(pieces[-1], uid) if pieces else None
        cost = len(f"{uid},") + (len(f"{uid}:") if joined is None else 0)
        full = at_most is not None and len(chosen) >= at_most
        if chosen and (full or (joined is None and length + cost > octets)):
            yield _text(pieces), chosen
            chosen, pieces, length, joined = [], [], 0, None
            cost = len(f"{uid}:{uid},")
        if joined is None:
            pieces.append((uid, uid))
            length += cost
        else:
            pieces[-1] = joined
        chosen.append(uid)
    if chosen:
        yield _text(pieces), chosen


def _joined(piece: tuple[int, int], uid: int) -> tuple[int, int] | None:
    first, last = piece
    if uid == last + 1:
        return first, uid
    if uid == first - 1:
        return uid, last
    return None


def _text(pieces: list[tuple[int, int]]) -> str:
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in pieces)


def merge(ranges: Ranges) -> Ranges:
    """The same ids, ascending, without overlaps."""
    merged: Ranges = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
