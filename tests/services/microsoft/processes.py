"""Other processes on the store of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.services.microsoft_world import Office
from threadline.storage.models import Mailbox


def needy(office: Office, mailbox: Mailbox, threads: int = 1) -> subprocess.Popen[str]:
    """A process that waits for a line and then needs the token, registered as this one is."""
    known = {
        "THREADLINE_MICROSOFT_CLIENT_ID": office.server.client_id,
        "THREADLINE_MICROSOFT_CLIENT_SECRET": office.server.client_secret,
        "THREADLINE_MICROSOFT_LOGIN_URL": office.server.login_url,
        "THREADLINE_MICROSOFT_GRAPH_URL": office.server.graph_url,
    }
    database = str(connection.settings_dict["NAME"])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.services.microsoft.needy", database, str(mailbox.pk), str(threads)],
        env=os.environ | known,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=60)
    return output.splitlines()


@contextmanager
def nobody_can_write() -> Iterator[None]:
    """Hold the store so that whoever stores a token waits."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        else:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE storage_grant IN ACCESS EXCLUSIVE MODE")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def end_what_it_asked_of_the_store() -> None:
    """As when a machine goes down: PostgreSQL would carry out what a dead process still waits for."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
