"""Makes the installation ready for a command: its settings, its log, its store."""

# ruff: noqa: PLC0415  the overview of commands must not wait for Django

from __future__ import annotations

import os
import sys

WHOLE, ONLY_THE_STORE = "threadline.config.settings", "threadline.config.store_only"


def prepare(*, only_the_store: bool = False) -> None:
    """Read the environment and load Django. Raises BadSetting and KeyFileUnusable.

    `only_the_store`: without pages and sign-in, which take longer to load than most commands to run.
    """
    from django.apps import apps

    if apps.ready:
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", ONLY_THE_STORE if only_the_store else WHOLE)
    from django.conf import settings

    from threadline.config import heap, logging

    heap.share()
    logging.to_file(settings.DATA_DIR / "log" / "commands.log", settings.ENVIRONMENT["THREADLINE_LOG_LEVEL"])
    apps.populate(settings.INSTALLED_APPS)  # what django.setup() does beside this is for pages


def prepare_store() -> None:
    """Make the store when there is none yet, and bring it up to date after an update."""
    from threadline.services import store

    if store.is_whole_program():
        store.ensure()
    elif not store.is_current():
        _begin_again()


def _begin_again() -> None:
    """The same command once more, in the same process, with the whole program, which can make the store."""
    from django.db import connections

    connections.close_all()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": WHOLE}
    os.execve(sys.executable, [sys.executable, "-m", "threadline.cli", *sys.argv[1:]], environment)  # noqa: S606
