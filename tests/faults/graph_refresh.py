"""Refreshes a mailbox of the store of a test until it is killed.

python -m tests.faults.graph_refresh DATABASE MAILBOX: says "ready", waits for a line, refreshes, says the outcome.
"""

from __future__ import annotations

# ruff: noqa: PLC0415  the store is chosen before Django is loaded
import os
import sys


def main(database: str, mailbox_id: int) -> None:
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    import django

    django.setup()
    from threadline.services.refresh import refresh

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    report = refresh(mailbox_id, trigger="command")
    sys.stdout.write(f"{report.outcome}\n")


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "threadline.config.settings"
    main(sys.argv[1], int(sys.argv[2]))
