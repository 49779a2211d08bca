"""Writes the figures down, in `bench/results.json` and as a table in docs/performance.md, beside the last committed."""

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
PAGE = ROOT / "docs" / "performance.md"
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
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    taken = {figure.scene for figure in figures}
    kept = [_read(row) for row in results.get(scale, {}).get("figures", []) if row["scene"] not in taken]
    every = [*figures, *kept]
    results[scale] = {
        "machine": machine,
        "taken": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "absent": list(absent),
        "figures": [figure.as_json() for figure in every],
    }
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    if scale == "full":
        _write_page(results[scale], every)


def _write_page(result: dict[str, Any], figures: Sequence[Figure]) -> None:
    left_out = f"Not installed and left out: {', '.join(result['absent'])}.\n" if result["absent"] else ""
    text = f"Taken {result['taken']} on {result['machine']}.\n{left_out}\n{table(figures, committed().get('full'))}"
    page = PAGE.read_text()
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n{text}{page[end:]}")


def _read(row: dict[str, Any]) -> Figure:
    return Figure(**(row | {"values": tuple(row["values"])}))
