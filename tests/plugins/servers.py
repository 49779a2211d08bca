"""A real server per test: each starts in a tenth of a second, so no test sees another's mail."""

from collections.abc import Iterator

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.microsoft import MicrosoftServer
from tests.servers.postgres import PostgresServer
from tests.servers.pymap import PymapServer


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def microsoft_process() -> Iterator[MicrosoftServer]:
    with MicrosoftServer() as server:
        yield server


@pytest.fixture
def microsoft(microsoft_process: MicrosoftServer) -> MicrosoftServer:
    """Entra and Graph as the sandbox plays them, without accounts: one process for many tests, empty for each."""
    microsoft_process.empty()
    return microsoft_process


@pytest.fixture(scope="session")
def pymap_process() -> Iterator[PymapServer]:
    with PymapServer() as server:
        yield server


@pytest.fixture
def pymap_server(pymap_process: PymapServer) -> PymapServer:
    """One process for many tests, without accounts and mail for each."""
    pymap_process.empty()
    return pymap_process


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """DATABASE_URL of a new empty database."""
    return postgres_server.create_database()
