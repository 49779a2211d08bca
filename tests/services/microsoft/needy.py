"""One more process that needs the access token of a mailbox.

python -m tests.services.microsoft.needy DATABASE MAILBOX THREADS: says "ready", waits for a line, then prints a digest
of the token that each of its threads was handed, or what was raised instead.
"""

from __future__ import annotations

# ruff: noqa: PLC0415  the store is chosen before Django is loaded
import hashlib
import os
import sys
import threading


def main(database: str, mailbox_id: int, count: int) -> None:
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    import django

    django.setup()
    from django.db import connections

    from threadline.domain.errors import ProviderError
    from threadline.services import tokens

    said: list[str] = []

    def need() -> None:
        try:
            said.append(hashlib.sha256(tokens.access_token(mailbox_id).encode()).hexdigest())
        except ProviderError as error:
            said.append(f"{type(error).__name__} {error.cause.value}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=need) for _ in range(count)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write("".join(f"{line}\n" for line in said))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "threadline.config.settings"
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
