"""Writes the figures down: in `bench/results.json`, and as a table in the page that they belong to.

Speed and memory go to docs/performance.md, beside what was last committed; completeness under faults to
docs/reliability.md, the sizes of mailbox side by side.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Figure

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results.json"
PERFORMANCE, RELIABILITY = ROOT / "docs" / "performance.md", ROOT / "docs" / "reliability.md"
COMPLETENESS = "Completeness under faults"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def committed() -> dict[str, Any]:
    """The last committed results, by the name of their scale."""
    done = subprocess.run(["git", "show", "HEAD:bench/results.json"], cwd=ROOT, capture_output=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def table(figures: Sequence[Figure], before: dict[str, Any] | None) -> str:
    """Markdown; `before` is an earlier run of the same scale."""
    earlier = {(row["scene"], row["name"]): _read(row).median for row in (before or {}).get("figures", [])}
    lines = ["| what | median | from - to | runs | to reach | last committed |", "|---|---|---|---|---|---|"]
    scene = ""
    for figure in figures:
        if figure.scene != scene:
            scene = figure.scene
            lines.append(f"| **{scene}** | | | | | |")
        spread = f"{_number(min(figure.values))} - {_number(max(figure.values))}" if len(figure.values) > 1 else ""
        old = earlier.get((figure.scene, figure.name))
        compared = f"{_number(old)} ({figure.median / old - 1:+.0%})" if old else ""
        cells = (
            figure.name,
            f"{_number(figure.median)} {figure.unit}",
            spread,
            len(figure.values),
            figure.target,
            compared,
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def keep(scale: str, machine: str, absent: Sequence[str], figures: Sequence[Figure]) -> None:
    """Write these scenes into both files, in place of what they showed before."""
    complete = [figure for figure in figures if figure.scene.startswith(COMPLETENESS)]
    others = [figure for figure in figures if figure not in complete]
    for name, taken, left_out in ((scale, others, absent), (f"{scale}, completeness", complete, ())):
        if taken:
            result = _keep(name, machine, left_out, taken)
            if name == "full":
                _write_page(PERFORMANCE, f"{_taken(result)}\n{table(_figures(result), committed().get('full'))}")
            elif name.startswith("full"):
                _write_page(RELIABILITY, f"{_taken(result)}\n{side_by_side(_figures(result))}")


def _keep(name: str, machine: str, absent: Sequence[str], figures: Sequence[Figure]) -> dict[str, Any]:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    taken = {figure.scene for figure in figures}
    kept = [figure for figure in _figures(results.get(name, {})) if figure.scene not in taken]
    result = {
        "machine": machine,
        "taken": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "absent": list(absent),
        "figures": [figure.as_json() for figure in (*figures, *kept)],
    }
    results[name] = result
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    return result


def side_by_side(figures: Sequence[Figure]) -> str:
    """Markdown: a row for each name, a column for each size of mailbox; what has no size stands below."""
    sizes = list(dict.fromkeys(figure.scene for figure in figures if ": " in figure.scene))
    rows: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        rows.setdefault(figure.name, {})[figure.scene] = figure
    lines = ["| what | " + " | ".join(size.partition(": ")[2] for size in sizes) + " | to reach |"]
    lines.append("|---" * (len(sizes) + 2) + "|")
    for name, found in rows.items():
        cells = [_exact(found[size]) if size in found else "" for size in sizes if set(found) & set(sizes)]
        cells = cells or [""] * (len(sizes) - 1) + [_exact(one) for one in found.values()]
        target = next(iter(found.values())).target
        lines.append(f"| {name} | {' | '.join(cells)} | {target} |")
    return "\n".join(lines) + "\n"


def _exact(figure: Figure) -> str:
    """Counts as counts: a rate of 0 is written as 0."""
    value = figure.median
    said = f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.2f}"
    return f"{said} {figure.unit}".strip()


def _taken(result: dict[str, Any]) -> str:
    left_out = f"Not installed and left out: {', '.join(result['absent'])}.\n" if result["absent"] else ""
    return f"Taken {result['taken']} on {result['machine']}.\n{left_out}"


def _figures(result: dict[str, Any]) -> list[Figure]:
    return [_read(row) for row in result.get("figures", [])]


def _write_page(path: Path, text: str) -> None:
    page = path.read_text()
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    path.write_text(f"{page[:start]}\n{text}{page[end:]}")


def _read(row: dict[str, Any]) -> Figure:
    return Figure(**(row | {"values": tuple(row["values"])}))
