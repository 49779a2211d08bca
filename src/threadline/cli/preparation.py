"""Makes the installation ready for a command: its settings, its log, its store."""

# ruff: noqa: PLC0415  the overview of commands must not wait for Django

from __future__ import annotations

import os


def prepare() -> None:
    """Read the environment and load Django. Raises BadSetting and KeyFileUnusable."""
    from django.apps import apps

    if apps.ready:
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "threadline.config.settings")
    import django
    from django.conf import settings

    from threadline.config import logging

    logging.to_file(settings.DATA_DIR / "log" / "commands.log", settings.ENVIRONMENT["THREADLINE_LOG_LEVEL"])
    django.setup()


def prepare_store() -> None:
    """Make the store when there is none yet, and bring it up to date after an update."""
    from threadline.services import store

    store.ensure()
