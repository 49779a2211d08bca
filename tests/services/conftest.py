"""Every service test has a store of its own and the world of `tests.services.world` in it."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from tests.servers.microsoft import MicrosoftServer
from tests.services.microsoft_world import Office
from tests.services.world import World, make_world
from threadline.storage import search

# A traceback with every local variable, in colours, takes eight seconds to draw.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture(autouse=True)
def _store(transactional_db: None) -> None:
    """A refresh uses durable transactions, so tests cannot be wrapped in one; the search index starts empty."""
    search.rebuild()


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def office(microsoft: MicrosoftServer, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Alice's company in Microsoft 365; product and sandbox look at the same clock."""
    monkeypatch.setenv("THREADLINE_NOW_FILE", str(microsoft.now_file))
    return Office(microsoft, world, settings)
