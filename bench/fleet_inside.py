"""Make the company of the fleet: python -m bench.fleet_inside COUNT SLOW PORT SLOW_PORT (every SLOW-th at SLOW_PORT)"""

from __future__ import annotations

import os
import sys


def main(count: int, slow: int, port: int, slow_port: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "threadline.config.settings")
    import django  # noqa: PLC0415  the settings must be known first

    django.setup()
    from django.db import transaction  # noqa: PLC0415

    from bench.fleet import user  # noqa: PLC0415
    from bench.server import PASSWORD  # noqa: PLC0415
    from threadline.clock import now  # noqa: PLC0415
    from threadline.domain.connection import State  # noqa: PLC0415
    from threadline.services import accounts, connect, store  # noqa: PLC0415
    from threadline.services.sessions import Credentials, keep, settings_to_json  # noqa: PLC0415
    from threadline.storage.models import Mailbox, User, Verification  # noqa: PLC0415

    store.ensure()
    company, moment = accounts.add_company("Agency"), now()
    with transaction.atomic():
        owners = User.objects.bulk_create(
            User(company=company, email=user(number), created_at=moment) for number in range(1, count + 1)
        )
        made = Mailbox.objects.bulk_create(
            Mailbox(
                company=company,
                owner=owner,
                address=owner.email,
                address_key=owner.email,
                settings=settings_to_json(
                    connect.server("127.0.0.1", port if number % slow else slow_port, "none", owner.email)
                )
                | {"by_operator": True},
                identity=owner.email,
                state=State.CONNECTED.value,
                created_at=moment,
                since=moment,
            )
            for number, owner in enumerate(owners, start=1)
        )
        for mailbox in made:
            keep(mailbox, Credentials(PASSWORD))
        # The check that follows every first load is not what is measured here.
        Verification.objects.bulk_create(
            Verification(mailbox=mailbox, checked_at=moment, complete=True, on_server=0, accounted_for=0, folders=[])
            for mailbox in made
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
