"""Why an email of a Microsoft 365 mailbox is not on a profile, judged on the live account."""

from __future__ import annotations

import time

from tests.services.microsoft_world import Office
from tests.services.world import ALICE, mail, run
from threadline.domain.verdict import Rule
from threadline.services import live


def test_an_email_in_a_subfolder_and_one_that_came_after_the_refresh_are_explained(office: Office) -> None:
    mailbox = office.connect()
    office.server.deliver(ALICE, mail(1), "Clients/Acme")
    office.deliver(2)
    time.sleep(1.1)  # Graph's times are whole seconds
    assert run(mailbox).outcome == "complete"
    time.sleep(1.1)
    office.deliver(3)
    mailbox.refresh_from_db()

    def verdict(number: int) -> tuple[bool, list[Rule], list[str]]:
        (found,) = live.explain_message_id(mailbox, f"m{number}@posten.example", office.world.anna)
        reasons = [reason.rule for reason in found.verdict.reasons]
        return found.verdict.shown, reasons, [place.folder for place in found.found_in]

    assert verdict(1) == (False, [Rule.INBOX_OR_SENT], ["Clients/Acme"])
    assert verdict(2)[0]
    assert verdict(3) == (False, [Rule.REFRESHED], ["Inbox"])
    (found,) = live.explain_message_id(mailbox, "m3@posten.example", office.world.anna)
    again = live.explain_remote(mailbox, "Inbox", found.found_in[0].remote_id, office.world.anna)
    assert [reason.rule for reason in again.verdict.reasons] == [Rule.REFRESHED]
