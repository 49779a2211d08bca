"""The store as a whole: made when it is new, brought up to date, copied for a backup."""

from __future__ import annotations

import os
import pkgutil
import sqlite3
import tarfile
import tempfile
from io import StringIO
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection

from threadline.services.errors import Conflict, Invalid
from threadline.storage import migrations, search
from threadline.storage.apps import StorageConfig


def is_current() -> bool:
    """Whether everything that this process uses of the store is as its program expects it."""
    expected = {name for _, name, _ in pkgutil.iter_modules(migrations.__path__)}
    if not expected <= _applied():
        return False
    return not is_whole_program() or _other_apps_are_current()


def _applied() -> set[str]:
    """Our own migrations that the store has seen. Asked without Django's machinery, which is slow to load."""
    with connection.cursor() as cursor:
        if "django_migrations" not in connection.introspection.table_names(cursor):
            return set()
        cursor.execute("SELECT name FROM django_migrations WHERE app = %s", [StorageConfig.label])
        return {name for (name,) in cursor.fetchall()}


def is_whole_program() -> bool:
    """Whether pages and sign-in are loaded too: only then can the store be made or brought up to date."""
    return apps.is_installed("threadline.web")


def _other_apps_are_current() -> bool:
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def ensure() -> bool:
    """Make a new store, or bring an older one up to date; returns whether there was anything to do."""
    if is_current():
        return False
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0, stdout=StringIO())
    search.prepare()
    return True


def backup(target: Path) -> int:
    """Copy the store into one file while it is in use; returns its size in bytes.

    Embedded store only; PostgreSQL has its own tools. The key file is part of it: without it no password can be read,
    so the backup is as secret as the data folder. The search index is not: it is built again by `search rebuild`.
    """
    if connection.vendor != "sqlite":
        raise Conflict("This installation uses PostgreSQL. Back it up with pg_dump, and the key file beside it.")
    if target.exists():
        raise Invalid(f"{target} exists already; name a file that does not.", field="file")
    if not target.parent.is_dir():
        raise Invalid(f"{target.parent} is no folder.", field="file")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        copy = Path(folder) / settings.STORE.name
        with sqlite3.connect(settings.STORE) as source, sqlite3.connect(copy) as destination:
            source.backup(destination, pages=2000)
        source.close()
        destination.close()
        draft = Path(folder) / "backup.tar"
        draft.touch(mode=0o600)
        with tarfile.open(draft, "w") as archive:
            archive.add(copy, arcname=settings.STORE.name)
            if settings.KEY_FILE is not None:
                archive.add(settings.KEY_FILE, arcname=settings.KEY_FILE.name)
        os.link(draft, target)
    return target.stat().st_size


def rebuild_search() -> int:
    """Build the text index again from what is stored; returns how many emails are in it."""
    return search.rebuild()
