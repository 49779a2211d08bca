"""Alice's mailbox as a refresh has filled it."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.browser.letters import CV, HOSTILE, letter
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, World, run
from threadline.storage.models import Mailbox, Message

STRANGER, HIDDEN = "stranger@shop.example", "secret@adviser.example"
SCRIPT = b"<script>alert(1)</script>"
SENT_AT = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=1)
ON_A_PROFILE, UNLINKED, SENT, PLAIN = "First call", "An offer", "Your interview", "Only text"


@pytest.fixture
def mailbox(world: World, dovecot: Dovecot) -> Mailbox:
    """Two emails on Anna's profile, one received and one sent with a blind copy, and two on none."""
    mailbox = world.connect(dovecot)
    dovecot.deliver_many(
        ALICE,
        [
            letter("offer", STRANGER, ALICE, subject=UNLINKED, html="<p>Buy <b>now</b></p>", days_ago=4,
                   attachments=(("offer.pdf", CV),)),
            letter("plain", STRANGER, ALICE, subject=PLAIN, text="A zebra & a <quokka>", days_ago=3),
            letter("first", f"Anna Berg <{ANNA}>", ALICE, subject=ON_A_PROFILE, html=HOSTILE, days_ago=2,
                   attachments=(("CV, \u201cAnna\u201d; Ångström.pdf", CV), ("page.html", SCRIPT))),
            letter("sent", ALICE, ANNA, subject=SENT, bcc=HIDDEN, folder="Sent", at=SENT_AT),
        ],
    )  # fmt: skip
    assert run(mailbox).outcome == "complete"
    mailbox.refresh_from_db()
    return mailbox


def message_called(subject: str) -> Message:
    return Message.objects.get(subject=subject)
