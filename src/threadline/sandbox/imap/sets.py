"""Sequence sets (RFC 3501 section 9): `1:4,7,10:*`, over message numbers or UIDs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from threadline.sandbox.imap.syntax import MalformedError

_HIGHEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Pairs of bounds as the client wrote them; None is `*`, the highest number in use."""

    bounds: tuple[tuple[int | None, int | None], ...]

    @classmethod
    def parse(cls, text: bytes) -> SequenceSet:
        """MalformedError when it is not a sequence set."""
        bounds = []
        for piece in text.split(b","):
            first, colon, last = piece.partition(b":")
            low = _number(first)
            bounds.append((low, _number(last) if colon else low))
        return cls(tuple(bounds))

    def ranges(self, highest: int) -> list[tuple[int, int]]:
        """Ascending, disjoint ranges, with `*` standing for `highest`."""
        pairs = sorted(
            (min(a, b), max(a, b))
            for a, b in ((highest if x is None else x, highest if y is None else y) for x, y in self.bounds)
        )
        merged: list[tuple[int, int]] = []
        for low, high in pairs:
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return merged

    def numbers(self, count: int) -> list[int]:
        """The message numbers named, ascending. A number beyond the folder's end is the client's mistake."""
        if any(bound is not None and bound > count for pair in self.bounds for bound in pair):
            raise MalformedError("Invalid messageset")
        return [number for low, high in self.ranges(count) if count for number in range(low, high + 1)]

    def uids(self, known: Sequence[int]) -> list[int]:
        """Those of the known, ascending UIDs that are named; others are silently left out (RFC
        3501 section 6.4.8).
        """
        if not known:
            return []
        found: list[int] = []
        for low, high in self.ranges(known[-1]):
            found.extend(known[bisect_left(known, low) : bisect_right(known, high)])
        return found


def compact(numbers: Iterable[int]) -> bytes:
    """Ascending numbers as a sequence set: 1, 2, 3, 7 as `1:3,7`."""
    pieces: list[list[int]] = []
    for number in numbers:
        if pieces and pieces[-1][1] + 1 == number:
            pieces[-1][1] = number
        else:
            pieces.append([number, number])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in pieces)


def _number(text: bytes) -> int | None:
    if text == b"*":
        return None
    if not text.isdigit() or len(text) > 10 or not 0 < int(text) <= _HIGHEST:
        raise MalformedError("Invalid messageset")
    return int(text)
