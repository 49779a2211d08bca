"""The moved clock of the tests: the file that `THREADLINE_NOW_FILE` names."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from threadline import clock


class MovedClock:
    """Runs like the true one, some time ahead of it; or stands still."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = folder / "now"
        self._ahead = timedelta()
        monkeypatch.setenv("THREADLINE_NOW_FILE", str(self._file))

    def forward(self, by: timedelta) -> None:
        self._ahead += by
        self._file.write_text(f"{self._ahead.total_seconds():+}")

    def stand_at(self, moment: datetime) -> None:
        self._file.write_text(moment.isoformat())

    def now(self) -> datetime:
        return clock.now()
