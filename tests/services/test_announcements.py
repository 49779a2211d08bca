"""What is announced under an id and turns out to be another email is taken back, and nothing else with it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.services.world import ALICE, World, mail
from threadline.providers.contract import Content, RemoteItem
from threadline.providers.mime.parse import headers_only, parse
from threadline.services.refresh.batches import arrival_of
from threadline.storage.arrivals import Arrival, announce, store
from threadline.storage.models import Body, Copy, Folder, Link, Mailbox, Message

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def inbox(world: World) -> Folder:
    mailbox = Mailbox.objects.create(
        company=world.company, owner=world.alice, address=ALICE, address_key=ALICE, created_at=NOW, since=NOW
    )
    return Folder.objects.create(mailbox=mailbox, remote_name="INBOX", name="INBOX", role="inbox", generation="7")


def arrival(folder: Folder, remote_id: str, raw: bytes, *, whole: bool) -> Arrival:
    content = Content(RemoteItem(remote_id, len(raw), NOW), raw, whole=whole)
    return arrival_of(folder, "7", content, parse(content) if whole else headers_only(raw), imap=True)


def announced(folder: Folder, **mails: bytes) -> None:
    company = folder.mailbox.company_id
    announce(company, folder, [arrival(folder, key[1:], raw, whole=False) for key, raw in mails.items()], now=NOW)


def came(folder: Folder, **mails: bytes) -> None:
    company = folder.mailbox.company_id
    store(company, folder, [arrival(folder, key[1:], raw, whole=True) for key, raw in mails.items()], now=NOW)


def held() -> dict[str, tuple[str | None, bool]]:
    return {
        remote_id: (message_id, awaits)
        for remote_id, message_id, awaits in Copy.objects.values_list("remote_id", "message__message_id", "awaits_text")
    }


def test_ids_that_were_mixed_up_are_put_right(inbox: Folder) -> None:
    announced(inbox, _1=mail(1), _2=mail(2), _3=mail(3))
    came(inbox, _1=mail(2), _2=mail(1))
    assert held() == {
        "1": ("m2@posten.example", False),
        "2": ("m1@posten.example", False),
        "3": ("m3@posten.example", True),
    }
    assert Message.objects.count() == 3
    assert Body.objects.count() == 3


def test_another_email_than_announced_leaves_nothing_of_the_announcement(inbox: Folder) -> None:
    announced(inbox, _1=mail(1), _2=mail(2))
    came(inbox, _1=mail(9), _2=mail(2))
    assert held() == {"1": ("m9@posten.example", False), "2": ("m2@posten.example", False)}
    assert set(Message.objects.values_list("message_id", flat=True)) == {"m9@posten.example", "m2@posten.example"}


def test_what_a_person_decided_about_an_announced_email_outlives_a_mistake_of_the_server(
    inbox: Folder, world: World
) -> None:
    announced(inbox, _1=mail(1), _2=mail(2))
    for number in (1, 2):
        message = Message.objects.get(message_id=f"m{number}@posten.example")
        Link.objects.create(message=message, person=world.anna, at=NOW, made_at=NOW, detached=number == 1)
    came(inbox, _1=mail(8), _2=mail(9))
    kept = Link.objects.get()
    assert (kept.message.message_id, kept.detached) == ("m1@posten.example", True)
    came(inbox, _3=mail(1))
    assert Copy.objects.get(remote_id="3").message == kept.message


def test_announcing_what_is_here_changes_nothing(inbox: Folder) -> None:
    came(inbox, _1=mail(1))
    announced(inbox, _1=mail(1), _2=mail(2))
    announced(inbox, _1=mail(1), _2=mail(2))
    assert held() == {"1": ("m1@posten.example", False), "2": ("m2@posten.example", True)}
    assert Body.objects.count() == 2


def test_two_copies_of_one_email_share_its_version_when_both_came(inbox: Folder) -> None:
    announced(inbox, _1=mail(1), _2=mail(1))
    assert Body.objects.count() == 2
    came(inbox, _1=mail(1), _2=mail(1))
    assert Body.objects.count() == 1
    assert Copy.objects.filter(body__text__contains="zebra1", awaits_text=False).count() == 2


def test_an_email_without_text_is_another_version_than_one_that_awaits_it(inbox: Folder) -> None:
    empty = mail(1, text=" ").replace(b"\r\n\r\n \r\n", b"\r\n\r\n")
    came(inbox, _1=empty)
    announced(inbox, _2=empty)
    assert Body.objects.count() == 2
    came(inbox, _2=empty)
    assert Body.objects.count() == 1
