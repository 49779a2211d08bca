"""The environment of a test run, made before Django reads its settings.

Each worker process gets a data folder of its own, so that stores, search indexes and keys never meet. The database is
chosen by `--database`: `sqlite` (default), `postgres` (a temporary cluster, one per run), or `none`, which leaves
Django out altogether: enough for `tests/domain`, and a proof that the rules need no framework.
"""

import argparse
import atexit
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerMissing

ROOT = Path(__file__).resolve().parents[2]
GUARD = ROOT / "tests" / "guard"
DATABASES = ("sqlite", "postgres", "none")
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def chosen_database() -> str:
    """Asked for on the command line; worker processes inherit the answer."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    if not IS_WORKER:
        os.environ["THREADLINE_TEST_DATABASE"] = parser.parse_known_args(sys.argv[1:])[0].database
    return os.environ["THREADLINE_TEST_DATABASE"]


def prepare() -> None:
    database = chosen_database()
    _guard_the_network()
    os.environ.setdefault("THREADLINE_TEST_SEED", str(random.SystemRandom().randrange(1_000_000)))
    folder = Path(tempfile.mkdtemp(prefix="tl-data-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["THREADLINE_TEST_BLOCKED"] = str(folder / "blocked")
    if not IS_WORKER:
        os.environ["THREADLINE_TEST_TEMPLATES"] = str(folder / "templates")
    for name in [name for name in os.environ if name.startswith("THREADLINE_") and "_TEST_" not in name]:
        if name != "THREADLINE_LONG":
            del os.environ[name]  # a developer's own installation must not change what is tested
    os.environ["THREADLINE_TESTING"] = "1"
    os.environ["THREADLINE_DATA_DIR"] = str(folder / "data")
    os.environ["THREADLINE_SECRET_KEY"] = "a-fixed-key-for-the-tests-and-nothing-else"
    if not IS_WORKER:
        os.environ.pop("DATABASE_URL", None)
        if database == "postgres":
            _start_postgres()
    if database != "none":
        _load_django()


def _guard_the_network() -> None:
    if "network_guard" not in sys.modules:  # a worker has it from its start, by way of sitecustomize
        sys.path.append(str(GUARD))
        import network_guard  # type: ignore[import-not-found]  # noqa: PLC0415  # found by the path just added

        network_guard.install()
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(GUARD) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(GUARD), *filter(None, paths)])


def _start_postgres() -> None:
    """One cluster for the run. Missing: every test of the run is reported as not run (see `needs`)."""
    try:
        server = PostgresServer()
    except ServerMissing:
        return
    atexit.register(server.__exit__, None, None, None)
    server.__enter__()
    os.environ["DATABASE_URL"] = server.url("threadline")


def _load_django() -> None:
    import django  # noqa: PLC0415  # stays out of a run with --database=none
    from django.conf import settings  # noqa: PLC0415

    os.environ["DJANGO_SETTINGS_MODULE"] = "threadline.config.settings"
    # The production hash takes a third of a second each time, by design.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    try:
        django.setup()
    except ImportError as error:
        raise pytest.UsageError(
            f"the store does not load ({error}); tests of the rules and the providers run with --database=none"
        ) from error
    # Worker processes would read the settings before they have a folder of their own.
    del os.environ["DJANGO_SETTINGS_MODULE"]
