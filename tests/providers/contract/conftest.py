"""The contract is tried on every backend."""

from collections.abc import Iterator

import pytest

from tests.providers.contract.backends import BACKENDS, NUMBERED, Backend, ImapBackend, start
from tests.providers.contract.engine import Engine
from tests.providers.contract.graph_backend import GraphBackend


def _all(names: dict[str, str | None] | dict[str, str]) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.needs(need) if need else ()) for name, need in names.items()]


@pytest.fixture(params=_all(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with start(request.param, request.getfixturevalue) as running:
        yield running


@pytest.fixture(params=_all(NUMBERED))
def numbered(request: pytest.FixtureRequest) -> Iterator[ImapBackend]:
    """Where an id is a number of one folder, and a folder can be numbered anew."""
    with start(request.param, request.getfixturevalue) as running:
        assert isinstance(running, ImapBackend)
        yield running


@pytest.fixture
def lasting(request: pytest.FixtureRequest) -> Iterator[GraphBackend]:
    """Where an id stays with its email wherever that is filed."""
    with start("graph", request.getfixturevalue) as running:
        assert isinstance(running, GraphBackend)
        yield running


@pytest.fixture
def engine() -> Engine:
    return Engine()
