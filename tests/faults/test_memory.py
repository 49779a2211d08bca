"""Memory is bounded by the batch, never by the mailbox or the message (I9): the whole process tree is measured.

Counted is memory of its own; pages of the store mapped from disk are the system's to drop.
"""

from __future__ import annotations

import pytest

from tests.faults.installation import Installation
from tests.faults.mailboxes import account, on_server
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.services.world import ALICE, mail
from tests.sweep import is_long

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I9")]
MEGABYTE = 2**20
LINE = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\r\n"


def with_attachment(number: int | str, size: int) -> bytes:
    return mail(
        number,
        headers="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
        text="--b\r\nContent-Type: text/plain\r\n\r\nSee the attached zebra.\r\n--b\r\n"
        "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{LINE * (size // len(LINE))}--b--",
    )


def peak_of_a_refresh(installation: Installation) -> int:
    ended = installation.run("mailbox", "refresh", ALICE, measured=True)
    assert ended.status == 0, ended
    return ended.peak


def test_a_mailbox_many_times_as_large_needs_hardly_more_memory(installation: Installation, dovecot: Dovecot) -> None:
    account(dovecot, *range(50))
    dovecot.deliver_many(ALICE, [Delivery(with_attachment(number, 100_000)) for number in range(50, 200)])
    installation.set_up(dovecot.port)
    installation.keep()
    small = peak_of_a_refresh(installation)
    last = 4000 if is_long() else 1000
    dovecot.deliver_many(ALICE, [Delivery(with_attachment(number, 100_000)) for number in range(200, last)])
    installation.put_back()
    large = peak_of_a_refresh(installation)
    assert len(installation.listing()) == last
    # 80 MB more of mail come whole, and go again batch by batch.
    assert large - small < 25 * MEGABYTE, (small // MEGABYTE, large // MEGABYTE)


def test_messages_of_50_megabytes_need_hardly_more_memory(installation: Installation, dovecot: Dovecot) -> None:
    account(dovecot, *range(50))
    installation.set_up(dovecot.port)
    small = peak_of_a_refresh(installation)
    dovecot.deliver(ALICE, with_attachment("attached", 50 * 10**6))
    dovecot.deliver(ALICE, mail("onepart", text=LINE * 700_000))
    large = peak_of_a_refresh(installation)
    assert installation.listing() == on_server(dovecot.snapshot(ALICE))
    assert large - small < 40 * MEGABYTE, (small // MEGABYTE, large // MEGABYTE)
