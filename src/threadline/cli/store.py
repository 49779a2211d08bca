"""threadline worker, migrate, backup, search and keys: what concerns the installation as a whole"""

from __future__ import annotations

from pathlib import Path

import click
from django.conf import settings

from threadline.cli.commands import Command, Group, Starter
from threadline.cli.output import count, megabytes, note, result
from threadline.config import logging
from threadline.jobs.worker import Worker
from threadline.services import keys as key_service
from threadline.services import store


@click.command(cls=Command)
def worker() -> None:
    """Refresh and verify mailboxes when they are due, until stopped. `serve` has a worker of its own."""
    logging.to_terminal(settings.ENVIRONMENT["THREADLINE_LOG_LEVEL"])
    Worker(settings.WORKERS).run()


@click.command(cls=Starter)
def migrate() -> None:
    """Bring the store up to date after an update. A new store is made by any command."""
    migrated = store.ensure()
    result({"migrated": migrated}, "The store is up to date now." if migrated else "The store was up to date already.")


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the store and its key into one file, while it is in use. Keep it as secret as the data folder."""
    size = store.backup(file)
    result({"file": str(file), "bytes": size}, f"Copied the store into {file} ({megabytes(size)}). Keep it secret.")


@click.group(cls=Group)
def search() -> None:
    """The text index, which is made from the store and can be made again."""


@search.command()
def rebuild() -> None:
    """Build the text index again. Emails can be read meanwhile; search finds fewer until it is done."""
    indexed = store.rebuild_search()
    result({"indexed": indexed}, f"Indexed {count(indexed, 'email')}.")


@click.group(cls=Group)
def keys() -> None:
    """The keys that seal passwords and sign sessions."""


@keys.command()
def rotate() -> None:
    """Seal every stored password with a new key, and forget the old one."""
    rotation = key_service.rotate()
    result({"resealed": rotation.resealed}, f"Sealed {count(rotation.resealed, 'password')} with the new key.")
    note(rotation.next_step)
