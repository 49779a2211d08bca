"""A search reads what it found once, and a rare word is looked up the other way round than a frequent one."""

from __future__ import annotations

from tests.services.test_judging import NOON, Agency
from tests.services.world import ALICE, World
from threadline.domain.folders import Role
from threadline.services import messages
from threadline.storage import search
from threadline.storage.models import Body


def test_what_is_found_is_the_same_for_a_rare_and_for_a_frequent_word(world: World) -> None:
    agency = Agency(world)
    here = {"mailbox": 0, "place": 0, "decided_at": NOON, "where": "here", "bcc": []}
    filed, a_colleagues = here | {"where": "elsewhere"}, here | {"mailbox": 1}
    for number, copy in enumerate((here, here, filed, a_colleagues)):
        message = agency.email(number, {"open": [("from", ALICE)], "copies": [copy], "links": []}, [])
        Body.objects.filter(message=message).update(text=f"zebra number {number}")
    search.rebuild()
    mailbox = agency.mailboxes[0]
    query = search.matching(mailbox.company_id, "zebra")
    assert query is not None
    rare, frequent = messages.search_in(mailbox, "zebra"), messages.Found(None, search.gathered(query))
    assert rare.few is not None
    for found in (rare, frequent):
        page = messages.listing(mailbox, Role.INBOX, found=found)
        assert {copy.body.text for copy in page.copies} == {"zebra number 0", "zebra number 1"}
        assert messages.count_found(mailbox, Role.INBOX, found) == 2
        assert messages.count_found(mailbox, Role.SENT, found) == 0
    assert search.at_most(query, 3) is None
    assert messages.search_in(mailbox, "lion").few == frozenset()
