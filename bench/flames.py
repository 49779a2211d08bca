"""python -m bench.flames FOLDED TITLE > picture.svg: a small flame graph of what `py-spy record -f raw` wrote.

Functions without line numbers and paths, one root for each thread; what took less than half a per cent is left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH, ROW, SMALLEST = 1200, 17, 0.005
_LINE = re.compile(r":\d+\)$")
_UNTOLD = ("_run_module_as_main", "_run_code", "<module> (threadline/cli/__main__", "_call_with_frames_removed")
_ROOTS = {
    "mime.child": "the parser's process",
    "catch_up (threadline/storage/search": "thread: the text index",
    "fetch_each": "thread: fetching",
    "read_each": "thread: waiting for the parser",
}


@dataclass
class Node:
    samples: int = 0
    below: dict[str, Node] = field(default_factory=dict)

    def add(self, stack: list[str], samples: int) -> None:
        self.samples += samples
        if stack:
            self.below.setdefault(stack[0], Node()).add(stack[1:], samples)


def read(folded: str) -> Node:
    top = Node()
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in stack.split(";")]
        shown = [frame for frame in frames if not frame.startswith(("process ", *_UNTOLD)) and "<frozen" not in frame]
        top.add([_root(stack), *shown], int(samples))
    return top


def _root(stack: str) -> str:
    named = (name for mark, name in _ROOTS.items() if mark in stack)
    if "Thread._bootstrap" in stack or "mime.child" in stack:
        return next(named, "other threads")
    return "main thread"


def boxes(node: Node, left: float, depth: int, scale: float) -> Iterator[tuple[float, int, float, str, int]]:
    """(left, depth, width, name, samples) of everything below, the widest first."""
    for name, child in sorted(node.below.items(), key=lambda item: -item[1].samples):
        width = child.samples * scale
        if width >= WIDTH * SMALLEST:
            yield left, depth, width, name, child.samples
            yield from boxes(child, left, depth + 1, scale)
        left += width


def picture(top: Node, title: str) -> str:
    drawn = list(boxes(top, 0, 0, WIDTH / top.samples))
    height = ROW * (max(depth for _, depth, *_ in drawn) + 3)
    root = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
    lines = [
        f'{root} font-family="sans-serif" font-size="11"><rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="4" y="14" font-size="13">{escape(title)}</text>',
    ]
    for left, depth, width, name, samples in drawn:
        hue = 25 + sum(map(ord, name)) % 30
        share = f"{escape(name)}: {samples / top.samples:.1%}"
        label = escape(name[: int(width / 6)]) if width > 30 else ""
        top_edge = ROW * (depth + 1.5)
        lines.append(
            f'<g><title>{share}</title><rect x="{left:.1f}" y="{top_edge}" width="{width:.1f}" height="{ROW - 1}" '
            f'fill="hsl({hue},70%,75%)"/><text x="{left + 2:.1f}" y="{top_edge + 12}">{label}</text></g>'
        )
    return "\n".join([*lines, "</svg>\n"])


if __name__ == "__main__":
    sys.stdout.write(picture(read(Path(sys.argv[1]).read_text()), sys.argv[2]))
