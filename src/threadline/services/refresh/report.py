"""What a refresh did, counted while it runs and told when it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from threadline.domain.causes import Cause


@dataclass(slots=True)
class FolderReport:
    """Counts of one folder. `total` is None until the server has said how many emails there are."""

    role: str
    name: str
    listed: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    linked: int = 0
    ledger: int = 0
    total: int | None = None
    to_fetch: int = 0
    fetched: int = 0
    renumbered: bool = False
    announced: int = 0  # emails of which the heading came before the rest

    @contextmanager
    def as_stored(self) -> Iterator[None]:
        """What is counted within counts only if what it counts is stored."""
        before = asdict(self)
        try:
            yield
        except BaseException:
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def as_json(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in ("role", "name", "listed", "new", "changed", "gone", "linked", "ledger")
        }


@dataclass(slots=True)
class Report:
    """The result of a refresh: `outcome` is complete, partial (some was stored) or failed (nothing could be done)."""

    outcome: str = "complete"
    cause: Cause | None = None
    certain: bool = True
    sentence: str = ""
    folders: list[FolderReport] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "cause": self.cause.value if self.cause else None,
            "certain": self.certain,
            "sentence": self.sentence,
            "folders": [folder.as_json() for folder in self.folders],
            "seconds": round(self.seconds, 3),
        }

    def total(self, name: str) -> int:
        return sum(getattr(folder, name) for folder in self.folders)

    def progress(self, step: str) -> dict[str, Any]:
        """What the page shows while it runs."""
        return {"step": step, "folders": [asdict(folder) for folder in self.folders]}
