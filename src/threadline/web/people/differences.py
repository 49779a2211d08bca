"""Two addresses side by side: which part differs, and what no eye would see."""

from __future__ import annotations

from itertools import takewhile


def visible(written: str) -> str:
    """What was typed, with white space at its ends drawn: a stray space is often the whole mistake."""
    bare = written.strip()
    before, _, after = written.partition(bare) if bare else (written, "", "")
    return "␣" * len(before) + bare + "␣" * len(after)


def differing(one: str, other: str) -> tuple[str, str, str]:
    """`one` in three parts, the middle being what differs from `other`: the tag, the domain, or all of it."""
    local, at, domain = one.rpartition("@")
    other_local, _, other_domain = other.strip().rpartition("@")
    if domain.lower() == other_domain.lower():
        start, middle, end = _within(local, other_local)
        return start, middle, end + at + domain
    if local.lower() == other_local.lower() or _alike(local, other_local):
        return local + at, domain, ""
    return "", one, ""


def _within(one: str, other: str) -> tuple[str, str, str]:
    low, other_low = one.lower(), other.lower()
    start = _alike_at_start(low, other_low)
    end = _alike_at_start(low[start:][::-1], other_low[start:][::-1])
    middle = one[start : len(one) - end]
    if not middle:  # `other` has more: there is nothing to mark but the whole
        return "", one, ""
    return one[:start], middle, one[len(one) - end :]


def _alike(one: str, other: str) -> bool:
    return bool(one) and (other.lower().startswith(one.lower()) or one.lower().startswith(other.lower()))


def _alike_at_start(one: str, other: str) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))
