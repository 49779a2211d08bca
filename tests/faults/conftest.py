"""As the service tests: a store of its own, and Alice, Bob and Charlie in it. Or a whole installation on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation
from tests.services.conftest import _store, world

__all__ = ["_store", "world"]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installed:
        yield installed
