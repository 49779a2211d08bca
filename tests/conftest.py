"""Every test run begins here; TESTING.md says what the parts are for."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.plugins import environment

environment.prepare()

from tests import sweep  # noqa: E402  # reads what was prepared

pytest_plugins = ["tests.plugins.needs", "tests.plugins.store", "tests.plugins.servers", "tests.plugins.browser"]

# A deadline per example says more about the machine's other work than about ours; each test has its own limit.
hypothesis.settings.register_profile("sampled", deadline=None, print_blob=True)
hypothesis.settings.register_profile("long", deadline=None, print_blob=True, max_examples=2000)
hypothesis.settings.load_profile("long" if sweep.is_long() else "sampled")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=environment.DATABASES,
        default=os.environ["THREADLINE_TEST_DATABASE"],
        help="the store the tests use: sqlite, postgres, or none (no Django; enough for tests/domain)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "invariant(*names): the promises of the sync (I1 to I12) this test proves")
    config.addinivalue_line("markers", "tries_the_network(why): the program may try; the guard refuses it all the same")
    if config.getoption("--database") != os.environ["THREADLINE_TEST_DATABASE"]:
        raise pytest.UsageError("give --database on the command line: it is read before pytest's own options")


def pytest_sessionfinish() -> None:
    """Processes that tests share end before the interpreter does, which would warn of them after the last test."""
    for name in ("threadline.services.showing", "tests.faults.mailboxes"):
        if name in sys.modules:
            sys.modules[name].close()


def pytest_report_header() -> str:
    kind = "all cases (THREADLINE_LONG=1)" if sweep.is_long() else "sampled"
    database = os.environ["THREADLINE_TEST_DATABASE"]
    return f"threadline: database {database}, sweeps {kind}, THREADLINE_TEST_SEED={sweep.seed()}"


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that tried to reach the network, even when the program took the refusal well."""
    record = Path(os.environ["THREADLINE_TEST_BLOCKED"])
    record.unlink(missing_ok=True)
    yield
    if record.exists() and request.node.get_closest_marker("tries_the_network") is None:
        tried = sorted(set(record.read_text().splitlines()))
        pytest.fail(f"the test tried to reach the network: {', '.join(tried)}")
