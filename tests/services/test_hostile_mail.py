"""What one email from outside must not be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import DataError

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, BOB, World, mail, run
from threadline.services import access, facts, link, messages
from threadline.services.refresh import items
from threadline.storage.arrivals import Arrival, Stored
from threadline.storage.models import Copy, Folder, LedgerEntry, Mailbox, Message, User

pytestmark = pytest.mark.needs("dovecot")


@pytest.mark.invariant("I7")
def test_an_absurdly_long_address_does_not_stop_the_sync(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender=f'"long" <{"a" * 330}@{"b" * 330}.example>'))
    dovecot.deliver(ALICE, mail(2))
    report = run(mailbox)
    assert (report.outcome, report.total("new")) == ("complete", 2)


def test_a_forged_copy_does_not_open_a_colleagues_private_email(world: World, dovecot: Dovecot) -> None:
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    dovecot.deliver(ALICE, mail(1, sender="lawyer@firm.example", text="PRIVATE settlement"))
    run(alices)
    dovecot.deliver(BOB, mail(1, sender="lawyer@firm.example", to=BOB, text="forged"))
    run(bobs)
    message = Message.objects.get()
    link.link_by_hand(message, world.anna, world.bob, door="pages")
    carol = User.objects.create_user("carol@acme.example", company=world.company, created_at=message.created_at)
    for reader in (world.bob, carol):
        copy = access.copy_for(reader, message)
        assert copy is not None
        assert "forged" in copy.body.text


def test_a_version_that_came_later_does_not_replace_the_first(world: World, dovecot: Dovecot) -> None:
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    dovecot.deliver(ALICE, mail(1, text="GENUINE"))
    run(alices)
    dovecot.deliver(BOB, mail(1, text="FORGED"))
    run(bobs)
    carol = User.objects.create_user("carol@acme.example", company=world.company, created_at=world.anna.created_at)
    copy = access.copy_for(carol, Message.objects.get())
    assert copy is not None
    assert "GENUINE" in copy.body.text


def test_the_raw_form_of_one_copy_is_never_handed_out_for_another(world: World, dovecot: Dovecot) -> None:
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    broken = mail(
        1,
        sender=ALICE,
        to=BOB,
        headers="Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n",
        text="!!==",
    )
    dovecot.deliver(ALICE, b"Bcc: hidden@blind.example\r\n" + broken, folder="Sent")
    dovecot.deliver(BOB, broken)
    run(alices)
    run(bobs)
    copy = Copy.objects.get(mailbox=bobs)
    assert b"hidden@blind.example" not in b"".join(messages.stream_raw(copy))


def test_one_email_cannot_join_conversations_that_have_nothing_to_do_with_each_other(
    world: World, dovecot: Dovecot
) -> None:
    mailbox = world.connect(dovecot)
    for number in (1, 2, 3):
        dovecot.deliver(ALICE, mail(number))
    run(mailbox)
    every = " ".join(f"<m{number}@posten.example>" for number in (1, 2, 3))
    dovecot.deliver(ALICE, mail("spam", sender="evil@ext.example", headers=f"References: {every}\r\n"))
    run(mailbox)
    genuine = Message.objects.exclude(sender_address="evil@ext.example")
    assert genuine.values("conversation_id").distinct().count() == 3


def test_connecting_a_candidates_address_does_not_make_the_candidate_a_colleague(
    world: World, dovecot: Dovecot
) -> None:
    mailbox = world.connect(dovecot, world.bob)
    Mailbox.objects.filter(pk=mailbox.pk).update(address=ANNA, address_key=ANNA)
    alices = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    assert run(alices).total("linked") == 1
    assert ANNA not in facts.company_addresses(world.company.pk)


@pytest.mark.invariant("I7", "I11")
def test_an_email_that_cannot_be_stored_is_set_aside_and_the_others_come(
    world: World, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = world.connect(dovecot)
    for number in (1, 2, 3):
        dovecot.deliver(ALICE, mail(number))
    whole = items.store

    def refuse_the_second(company_id: int, folder: Folder, arrivals: Sequence[Arrival], **rest: Any) -> Stored:
        if any(arrival.parsed.message_id == "m2@posten.example" for arrival in arrivals):
            raise DataError("value out of range")
        return whole(company_id, folder, arrivals, **rest)

    monkeypatch.setattr(items, "store", refuse_the_second)
    report = run(mailbox)
    assert (report.outcome, report.total("new"), report.total("ledger")) == ("complete", 2, 1)
    assert LedgerEntry.objects.get().reason == "not_storable"
    monkeypatch.undo()
    LedgerEntry.objects.update(next_try_at=mailbox.created_at)
    assert run(mailbox).total("new") == 1
    assert not LedgerEntry.objects.exists()


def nested(levels: int, after_header: str) -> bytes:
    """Multiparts in multiparts, none of them closed; the innermost part is the text "deep"."""
    opened = "".join(
        f"--b{level}\r\nContent-Type: multipart/mixed; boundary=b{level + 1}\r\n{after_header}"
        for level in range(levels - 1)
    )
    text = f"{opened}--b{levels - 1}\r\nContent-Type: text/plain\r\n\r\ndeep"
    return mail(f"{levels}", headers="Content-Type: multipart/mixed; boundary=b0\r\n", text=text)


@pytest.mark.parametrize("after_header", ["\r\n", ""], ids=["empty lines", "no empty lines"])
def test_nested_multiparts_are_held_as_not_read_with_their_raw_form(
    world: World, dovecot: Dovecot, after_header: str
) -> None:
    mailbox = world.connect(dovecot)
    sent = {levels: nested(levels, after_header) for levels in (60, 120, 300, 3_000)}
    for raw in sent.values():
        dovecot.deliver(ALICE, raw)
    dovecot.deliver(ALICE, mail("next"))
    report = run(mailbox)
    assert (report.outcome, report.total("new")) == ("complete", len(sent) + 1)
    for levels, raw in sent.items():
        copy = Copy.objects.get(message__message_id=f"m{levels}@posten.example")
        assert not copy.body.complete, levels
        assert copy.body.defects[0].startswith("structure: "), levels
        assert copy.body.raw is not None, levels
        assert bytes(copy.body.raw) == raw
        assert "deep" in copy.body.text
