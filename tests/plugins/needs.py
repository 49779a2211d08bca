"""Tests that need a real server: run where it is installed, and named as not run where it is not.

Asking for a fixture (`dovecot`, `postgres_url`, `page`, ...) is enough; a test that starts a server itself says
`@pytest.mark.needs("dovecot")`. Nothing is skipped silently: the run ends with a list, and with CI=true it fails.
"""

import os
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers import dovecot, postgres
from tests.servers.process import ServerMissing

CHROMIUM = Path("/usr/bin/chromium")
_PREFIX = "NOT RUN: "


def _has_dovecot() -> bool:
    version = dovecot.installed_version()
    return version is not None and version.startswith("2.3.")


def _has_postgres() -> bool:
    try:
        postgres.find_programs()
    except ServerMissing:
        return False
    return True


_NAMES: dict[str, tuple[str, Callable[[], bool]]] = {
    "dovecot": ("Dovecot 2.3", _has_dovecot),
    "postgres": ("PostgreSQL", _has_postgres),
    "chromium": ("Chromium", CHROMIUM.exists),
    "pymap": ("pymap", lambda: find_spec("pymap") is not None),
}
_BY_FIXTURE = {
    "dovecot": "dovecot",
    "postgres_url": "postgres",
    "postgres_server": "postgres",
    "browser": "chromium",
    "page": "chromium",
    "pymap_server": "pymap",
}


@cache
def is_installed(need: str) -> bool:
    return _NAMES[need][1]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"needs(*names): a server of {sorted(_NAMES)} that must be installed")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(NotRun(), "threadline-not-run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        needs = {name for mark in item.iter_markers("needs") for name in mark.args}
        needs |= {need for fixture, need in _BY_FIXTURE.items() if fixture in getattr(item, "fixturenames", ())}
        if config.getoption("--database") == "postgres":
            needs.add("postgres")
        for need in sorted(needs):
            if need not in _NAMES:
                raise pytest.UsageError(f"{item.nodeid} needs {need!r}; known are {', '.join(_NAMES)}")
            if not is_installed(need):
                item.add_marker(pytest.mark.skip(reason=f"{_PREFIX}needs {_NAMES[need][0]}"))


class NotRun:
    """Collects in the process that reports; workers only run."""

    def __init__(self) -> None:
        self.reasons: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
            self.reasons[report.longrepr[2].removeprefix("Skipped: ")].add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[report.longrepr[2].removeprefix("Skipped: ")].add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.reasons and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.reasons:
            return
        terminalreporter.section("NOT RUN", yellow=True)
        for reason, tests in sorted(self.reasons.items()):
            count = f"{len(tests)} test{'s' if len(tests) > 1 else ''}"
            if reason.startswith(_PREFIX + "needs "):
                program = reason.removeprefix(_PREFIX + "needs ")
                sentence = f"{count} need{'' if len(tests) > 1 else 's'} {program}: install with `make test-deps`"
            else:
                sentence = f"{count}: {reason.removeprefix(_PREFIX)}"
            terminalreporter.write_line(f"{_PREFIX}{sentence}")
            for test in sorted(tests):
                terminalreporter.write_line(f"    {test}")
        if os.environ.get("CI") == "true":
            terminalreporter.write_line("With CI=true this is a failure.")
