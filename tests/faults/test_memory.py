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

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I9")]
MEGABYTE = 2**20


def peak_of_a_refresh(installation: Installation) -> int:
    ended = installation.run("mailbox", "refresh", ALICE, measured=True)
    assert ended.status == 0, ended
    return ended.peak


def test_a_mailbox_twice_as_large_needs_hardly_more_memory(installation: Installation, dovecot: Dovecot) -> None:
    account(dovecot, *range(1500), size=12_000)
    installation.set_up(dovecot.port)
    installation.keep()
    small = peak_of_a_refresh(installation)
    text = "A line of text, forty characters and so.\r\n" * 286
    dovecot.deliver_many(ALICE, [Delivery(mail(number, text=text)) for number in range(1500, 3500)])
    installation.put_back()
    large = peak_of_a_refresh(installation)
    assert len(installation.listing()) == 3500
    # 24 MB more of mail, twice that once it is read. The store's page cache of 32 MB is full in either case.
    assert large - small < 20 * MEGABYTE, (small // MEGABYTE, large // MEGABYTE)


@pytest.mark.parametrize("multipart", [True, False], ids=["an attachment", "one part of text"])
def test_a_message_of_50_megabytes_needs_hardly_more_memory(
    installation: Installation, dovecot: Dovecot, multipart: bool
) -> None:
    account(dovecot, *range(50))
    installation.set_up(dovecot.port)
    small = peak_of_a_refresh(installation)
    filler = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\r\n" * 750_000
    attached = (
        "--b\r\nContent-Type: text/plain\r\n\r\nSee the attached zebra.\r\n--b\r\nContent-Type: application/pdf\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{filler}--b--"
    )
    headers = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n" if multipart else ""
    dovecot.deliver(ALICE, mail("huge", headers=headers, text=attached if multipart else filler))
    large = peak_of_a_refresh(installation)
    assert installation.listing() == on_server(dovecot.snapshot(ALICE))
    assert large - small < 40 * MEGABYTE, (small // MEGABYTE, large // MEGABYTE)
