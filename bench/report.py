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
    earlier = {(row["scene"], row["name"]): Figure(**row).median for row in (before or {}).get("figures", [])}
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
    """Write this run into both files."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    taken = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    results[scale] = {
        "machine": machine,
        "taken": taken,
        "absent": list(absent),
        "figures": [figure.as_json() for figure in figures],
    }
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    if scale != "full":
        return
    left_out = f"Not installed and left out: {', '.join(absent)}.\n" if absent else ""
    text = f"Taken {taken} on {machine}.\n{left_out}\n{table(figures, committed().get(scale))}"
    page = PAGE.read_text()
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n{text}{page[end:]}")
