"""The demo's mailbox on Microsoft 365."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline.sandbox.demo.bulk import mailing_list
from threadline.sandbox.demo.microsoft import ADMIN, ELIN, PASSWORD, elins_mail, seed_microsoft
from threadline.sandbox.microsoft import Microsoft, account_json
from threadline.sandbox.microsoft.mailbox import Mailbox

pytestmark = pytest.mark.xdist_group("microsoft demo")  # what they share is made once

NOW = datetime(2026, 6, 16, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    service = Microsoft(tmp_path_factory.mktemp("demo"))
    seed_microsoft(service, NOW)
    yield service
    service.close()


def mailbox_of(service: Microsoft) -> Mailbox:
    user = service.directory.user(ELIN[1])
    assert user
    return service.graph.mailbox(user)


def test_a_recruiter_and_her_administrator_can_sign_in(seeded: Microsoft) -> None:
    users = {user["mail"]: account_json(seeded, user) for user in seeded.directory.users()}
    assert users[ELIN[1]]["password"] == PASSWORD
    assert (users[ELIN[1]]["admin"], users[ADMIN[1]]["admin"]) == (False, True)
    assert users[ELIN[1]]["tid"] == users[ADMIN[1]]["tid"]


def test_her_mailbox_holds_a_few_hundred_emails_where_a_recruiter_keeps_them(seeded: Microsoft) -> None:
    mailbox = mailbox_of(seeded)
    counts = mailbox.counts()
    found = {name: counts[mailbox.named(name)["id"]][0] for name in ("inbox", "sentitems", "archive", "Clients/Acme")}
    assert found["inbox"] > 100
    assert found["sentitems"] > 100
    assert found["archive"]
    assert found["Clients/Acme"]


def test_seeding_again_changes_nothing(seeded: Microsoft) -> None:
    before = mailbox_of(seeded).counts()
    seed_microsoft(seeded, NOW)
    assert mailbox_of(seeded).counts() == before


def test_her_letters_are_her_own_and_the_mailing_list_is_shared() -> None:
    mails = list(elins_mail(NOW))
    shared = {mail.id for mail in mailing_list(NOW)}
    assert shared <= {mail.id for mail in mails}
    own = [mail for mail in mails if mail.id not in shared]
    assert len(own) > 250
    for mail in own:
        head = mail.raw.partition(b"\r\n\r\n")[0]
        assert b"elin@northgate-365.example" in head
        assert not re.search(rb"\bSofia\b|sofia@northgate", mail.raw)


def test_a_start_over_the_same_folder_finds_the_demo_again(tmp_path: Path) -> None:
    first = Microsoft(tmp_path)
    first.directory.create_user("someone@here.example", "secret")
    known = first.directory.client_id
    first.close()
    second = Microsoft(tmp_path)
    assert second.directory.client_id == known
    assert second.directory.user("someone@here.example")
    second.close()
