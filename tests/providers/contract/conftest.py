"""The contract is tried on every backend."""

from collections.abc import Iterator

import pytest

from tests.providers.contract.backends import BACKENDS, ImapBackend, start
from tests.providers.contract.engine import Engine


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.needs(need)) for name, need in BACKENDS.items()])
def backend(request: pytest.FixtureRequest) -> Iterator[ImapBackend]:
    with start(request.param) as running:
        yield running


@pytest.fixture
def engine() -> Engine:
    return Engine()
