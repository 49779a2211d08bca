"""What a refresh promises, against a real Dovecot and a server without CONDSTORE and SPECIAL-USE."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.pymap import PymapServer
from tests.services.world import ALICE, BOB, World, counts, held, mail, run
from threadline.domain.folders import Role
from threadline.services import messages
from threadline.services.verify import verify
from threadline.storage import leases, search
from threadline.storage.models import Body, Copy, Folder, Link, Message

pytestmark = pytest.mark.needs("dovecot")


def deliver(server: Dovecot | PymapServer, *numbers: int, folder: str = "INBOX") -> None:
    for number in numbers:
        server.deliver(ALICE, mail(number), folder=folder)


def test_every_email_of_inbox_and_sent_items_is_held_and_on_the_profile(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, 1, 2, 3)
    dovecot.deliver(ALICE, mail(4, sender=ALICE, to="anna@posten.example"), folder="Sent")
    deliver(dovecot, 5, folder="Clients/Acme")
    report = run(mailbox)
    assert report.outcome == "complete"
    assert [(f.role, f.new, f.linked) for f in report.folders] == [("inbox", 3, 3), ("sent", 1, 1)]
    assert {message_id for message_id, *_ in held()} == {f"m{n}@posten.example" for n in (1, 2, 3, 4)}
    assert Link.objects.filter(person=world.anna).count() == 4


def test_the_same_holds_on_a_server_without_condstore_and_special_use(world: World, pymap_server: PymapServer) -> None:
    mailbox = world.connect(pymap_server)
    deliver(pymap_server, 1, 2)
    pymap_server.deliver(ALICE, mail(3, sender=ALICE, to="anna@posten.example"), folder="Sent")
    assert run(mailbox).total("new") == 3
    deliver(pymap_server, 4)
    assert run(mailbox).total("new") == 1
    assert counts() == (4, 4, 4)


def test_a_second_refresh_brings_only_what_is_new(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, 1, 2)
    run(mailbox)
    deliver(dovecot, 3)
    report = run(mailbox)
    assert (report.total("new"), counts()) == (1, (3, 3, 3))


@pytest.mark.invariant("I2")
def test_refreshing_again_with_the_cursor_lost_doubles_nothing(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, *range(10))
    run(mailbox)
    before = held()
    Folder.objects.update(cursor=None)
    assert run(mailbox).total("new") == 0
    assert held() == before


@pytest.mark.invariant("I10")
def test_a_renumbered_folder_is_listed_again_and_no_body_is_fetched_twice(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, *range(20))
    run(mailbox)
    before, bodies = held(), Body.objects.count()
    dovecot.change_uidvalidity(ALICE, "INBOX")
    deliver(dovecot, 20)
    report = run(mailbox)
    assert report.folders[0].to_fetch == 1
    assert len(held()) == len(before) + 1
    assert Body.objects.count() == bodies + 1
    assert {copy.where for copy in Copy.objects.all()} == {"here"}


@pytest.mark.invariant("I3")
def test_an_email_filed_away_stays_on_the_profile_and_says_where_it_is(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, 1, 2)
    run(mailbox)
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    report = run(mailbox)
    assert report.folders[0].gone == 1
    assert ("m1@posten.example", "INBOX", "elsewhere", "Clients/Acme") in held()
    assert Link.objects.filter(person=world.anna, detached=False).count() == 2


@pytest.mark.invariant("I3")
def test_an_email_deleted_at_the_server_is_kept_and_said_to_be_not_found(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, 1, 2)
    run(mailbox)
    dovecot.expunge(ALICE, "m1@posten.example")
    run(mailbox)
    copy = Copy.objects.get(message__message_id="m1@posten.example")
    assert copy.where == "not_found"
    assert copy.where_since is not None
    assert counts() == (2, 2, 2)


@pytest.mark.invariant("I4")
def test_a_refresh_and_a_verification_change_nothing_on_the_server(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, *range(5))
    dovecot.deliver(ALICE, mail("big", text="line of text\r\n" * 20_000))
    before = dovecot.snapshot(ALICE)
    run(mailbox)
    verify(mailbox.pk)
    run(mailbox)
    assert dovecot.snapshot(ALICE) == before


@pytest.mark.invariant("I5")
def test_a_mailbox_is_refreshed_by_one_at_a_time(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    with leases.hold(mailbox.pk), pytest.raises(leases.Busy):
        run(mailbox)
    assert run(mailbox).outcome == "complete"


@pytest.mark.invariant("I5")
def test_a_worker_that_lost_its_lease_stores_nothing(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    with leases.hold(mailbox.pk) as lease:
        type(mailbox).objects.filter(pk=mailbox.pk).update(lease_fence=lease.fence + 1)
        with pytest.raises(leases.LeaseLost):
            lease.storing().__enter__()


@pytest.mark.invariant("I11")
def test_an_email_that_makes_no_sense_is_held_with_its_raw_form_and_stops_no_other(
    world: World, dovecot: Dovecot
) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, 1)
    raw = b"Content-Type: multipart/mixed; boundary=\r\nSubject: =?utf-8?B?////?=\r\n\r\n\x00\xff\xfe--\r\n"
    dovecot.deliver(ALICE, raw)
    deliver(dovecot, 2)
    report = run(mailbox)
    assert (report.outcome, report.total("new"), report.total("ledger")) == ("complete", 3, 0)


@pytest.mark.invariant("I9")
def test_a_large_email_comes_by_its_text_and_its_attachment_stays_on_the_server(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    filler = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\r\n" * 40_000
    raw = mail(
        1,
        headers="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
        text="--b\r\nContent-Type: text/plain\r\n\r\nSee the attached zebra.\r\n--b\r\n"
        'Content-Type: application/pdf; name="cv.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="cv.pdf"\r\n\r\n{filler}--b--',
    )
    dovecot.deliver(ALICE, raw)
    run(mailbox)
    copy = Copy.objects.select_related("body", "mailbox", "folder").get()
    assert copy.body.text.strip() == "See the attached zebra."
    assert [(part["name"], part["type"]) for part in copy.body.attachments] == [("cv.pdf", "application/pdf")]
    _, content = messages.stream_attachment(copy, 1)
    assert sum(len(chunk) for chunk in content) == 40_000 * 51
    assert b"".join(messages.stream_raw(copy)) == raw


def test_one_email_in_two_mailboxes_of_a_company_is_one_message_with_two_copies(world: World, dovecot: Dovecot) -> None:
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    raw = mail(1, to=f"{ALICE}, {BOB}")
    dovecot.deliver(ALICE, b"Delivered-To: alice\r\n" + raw)
    dovecot.deliver(BOB, b"Delivered-To: bob\r\n" + raw)
    run(alices)
    run(bobs)
    assert counts() == (1, 2, 1)
    assert Body.objects.count() == 1


def test_another_company_gets_a_message_of_its_own(world: World, dovecot: Dovecot) -> None:
    alices, charlies = world.connect(dovecot), world.connect(dovecot, world.charlie)
    dovecot.deliver(ALICE, mail(1))
    dovecot.deliver(world.charlie.email, mail(1))
    run(alices)
    run(charlies)
    assert sorted(Message.objects.values_list("company__name", flat=True)) == ["Acme", "Rival"]
    assert set(Link.objects.values_list("person__company__name", flat=True)) == {"Acme"}


def test_a_forged_body_under_a_known_message_id_is_kept_as_a_version_and_hides_nothing(
    world: World, dovecot: Dovecot
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, text="Please pay account 1."))
    run(mailbox)
    dovecot.deliver(ALICE, mail(1, text="Please pay account 666."))
    dovecot.deliver(ALICE, mail(1, sender="mallory@evil.example", text="Please pay account 999."))
    run(mailbox)
    assert Message.objects.count() == 2  # another sender is another message
    texts = {copy.body.text.strip() for copy in Copy.objects.select_related("body")}
    assert texts == {f"Please pay account {n}." for n in (1, 666, 999)}


def test_emails_without_a_message_id_are_told_apart_by_what_they_say(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, message_id="", subject="Hello", text="one"))
    dovecot.deliver(ALICE, mail(2, message_id="", subject="Hello", text="two"))
    run(mailbox)
    assert counts()[:2] == (2, 2)


def test_an_email_to_oneself_is_one_message_in_inbox_and_sent_items(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender=ALICE, to=ALICE))
    dovecot.deliver(ALICE, mail(1, sender=ALICE, to=ALICE), folder="Sent")
    run(mailbox)
    assert counts() == (1, 2, 0)


def test_replies_that_arrive_before_what_they_answer_join_its_conversation(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    first, second, third = (f"m{n}@posten.example" for n in (1, 2, 3))
    dovecot.deliver(ALICE, mail(3, headers=f"References: <{first}> <{second}>\r\n"))
    run(mailbox)
    dovecot.deliver(ALICE, mail(1))
    dovecot.deliver(ALICE, mail(2, headers=f"In-Reply-To: <{first}>\r\n"))
    dovecot.deliver(ALICE, mail(9))
    run(mailbox)
    conversations = dict(Message.objects.values_list("message_id", "conversation_id"))
    assert conversations[first] == conversations[second] == conversations[third]
    assert conversations["m9@posten.example"] != conversations[first]


def test_the_text_of_an_email_is_found_as_soon_as_the_refresh_is_done(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, *range(3))
    run(mailbox)
    assert search.behind() == 0

    def found(words: str) -> list[str | None]:
        listed = messages.listing(mailbox, Role.INBOX, found=messages.search_in(mailbox, words)).copies
        return [copy.message.message_id for copy in listed]

    assert found("ZEBRA2") == ["m2@posten.example"]
    assert found("anna berg zebra1") == []
    assert found("posten zebra1") == ["m1@posten.example"]


def test_the_list_is_paged_by_position_and_misses_nothing(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, *range(25))
    run(mailbox)
    seen: list[int] = []
    page = messages.listing(mailbox, Role.INBOX, size=10)
    while True:
        seen += [copy.pk for copy in page.copies]
        if not page.older:
            break
        page = messages.listing(mailbox, Role.INBOX, before=page.older, size=10)
    assert len(seen) == len(set(seen)) == 25
    back = messages.listing(mailbox, Role.INBOX, after=page.newer, size=10)
    assert [copy.pk for copy in back.copies] == seen[10:20]


def test_a_bcc_is_seen_only_on_the_copy_that_shows_it(world: World, dovecot: Dovecot) -> None:
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    raw = mail(1, sender=ALICE, to=BOB)
    dovecot.deliver(ALICE, b"Bcc: anna@posten.example\r\n" + raw, folder="Sent")
    dovecot.deliver(BOB, raw)
    run(alices)
    run(bobs)
    assert {(copy.mailbox.address, bool(copy.bcc)) for copy in Copy.objects.select_related("mailbox")} == {
        (ALICE, True),
        (BOB, False),
    }
    assert Link.objects.get().role == "bcc"


def test_flags_changed_elsewhere_are_followed(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    deliver(dovecot, 1, 2)
    run(mailbox)
    assert not Copy.objects.filter(seen=True).exists()
    dovecot.doveadm("flags", "add", "-u", ALICE, "\\Seen", "mailbox", "INBOX", "uid", "1")
    report = run(mailbox)
    assert report.folders[0].changed == 1
    assert Copy.objects.get(seen=True).remote_id == "1"


def test_the_time_that_counts_is_the_servers_unless_the_mail_was_migrated(world: World, dovecot: Dovecot) -> None:
    mailbox = world.connect(dovecot)
    written, arrived = datetime(2026, 6, 1, 10, tzinfo=UTC), datetime(2026, 6, 1, 11, tzinfo=UTC)
    dovecot.deliver(ALICE, mail(1), internaldate=arrived)
    dovecot.deliver(ALICE, mail(2), internaldate=datetime(2026, 11, 1, tzinfo=UTC))
    run(mailbox)
    times = dict(Copy.objects.values_list("message__message_id", "decided_at"))
    assert times == {"m1@posten.example": arrived, "m2@posten.example": written}
