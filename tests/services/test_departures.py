"""Where an email is that left its folder (I3), and what finding it costs. Against a real Dovecot."""

from __future__ import annotations

import imaplib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from tests.servers.pymap import PymapServer
from tests.services.world import ALICE, PASSWORD, World, mail, run
from threadline.clock import now
from threadline.providers.contract import FolderMark, RemoteFolder, RemoteItem, Session
from threadline.services import folders
from threadline.services.refresh import refresh
from threadline.services.sessions import open_mailbox
from threadline.services.verify import verify
from threadline.storage.models import Copy, Folder, Link, Mailbox, Mark, Sighting

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I3")]


class Watched:
    """A session that counts what it is asked, and may lag or show another special use."""

    def __init__(self, session: Session, asked: Counter[str], *, lags: bool = False, shows_all: str = "") -> None:
        self._session, self._asked, self._lags, self._shows_all = session, asked, lags, shows_all

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def folders(self) -> list[RemoteFolder]:
        found = self._session.folders()
        return [replace(one, special_use="\\All") if one.name == self._shows_all else one for one in found]

    def marks(self, wanted: Sequence[RemoteFolder]) -> dict[str, FolderMark]:
        self._asked["marks"] += 1
        found = self._session.marks(wanted)
        return {name: FolderMark(mark.generation, "1") for name, mark in found.items()} if self._lags else found

    def arrivals(self, folder: RemoteFolder, generation: str, since: str) -> Iterator[tuple[RemoteItem, bytes]]:
        for found in self._session.arrivals(folder, generation, since):
            self._asked["headers"] += 1
            if not self._lags:
                yield found


def watched_run(mailbox: Mailbox, **how: Any) -> Counter[str]:
    """A refresh; returns what it asked of the server about other folders."""
    asked: Counter[str] = Counter()
    report = refresh(
        mailbox.pk,
        trigger="command",
        opening=lambda box: cast(Session, Watched(open_mailbox(box), asked, **how)),
    )
    assert report.outcome == "complete"
    return asked


def fill(server: Dovecot | PymapServer, *numbers: int, folder: str = "INBOX") -> None:
    server.deliver_many(ALICE, [Delivery(mail(number), folder, (), None) for number in numbers])


def where(number: int | str) -> tuple[str, str]:
    copy = Copy.objects.filter(folder__role="inbox", message__message_id=f"m{number}@posten.example").get()
    return copy.where, copy.where_folder


@pytest.fixture
def mailbox(world: World, dovecot: Dovecot) -> Mailbox:
    """Three emails in the Inbox, refreshed once; 40 others in another folder."""
    connected = world.connect(dovecot)
    fill(dovecot, 1, 2, 3)
    fill(dovecot, *range(100, 140), folder="Clients/Acme")
    run(connected)
    return connected


def test_a_refresh_with_nothing_new_asks_nothing_about_other_folders(mailbox: Mailbox, dovecot: Dovecot) -> None:
    fill(dovecot, 4)
    fill(dovecot, *range(200, 210), folder="Clients/Acme")
    assert watched_run(mailbox) == {}


def test_marks_are_taken_before_anything_is_loaded(world: World, dovecot: Dovecot) -> None:
    connected = world.connect(dovecot)
    fill(dovecot, 1)
    fill(dovecot, 2, folder="Clients")
    assert watched_run(connected) == {"marks": 1}
    mark = Mark.objects.get(folder__name="Clients")
    assert mark.next_id == "2"
    assert not Mark.objects.filter(folder__role__in=("inbox", "sent")).exists()


def test_finding_a_filed_email_reads_only_what_arrived_since(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    assert watched_run(mailbox) == {"marks": 1, "headers": 1}
    assert where(1) == ("elsewhere", "Clients/Acme")
    assert where(2) == ("here", "")
    dovecot.move(ALICE, "m2@posten.example", "INBOX", "Clients/Acme")
    assert watched_run(mailbox) == {"marks": 1, "headers": 1}
    assert where(2) == ("elsewhere", "Clients/Acme")


def test_a_folder_made_since_is_read_from_its_beginning(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "New/Folder")
    run(mailbox)
    assert where(1) == ("elsewhere", "New/Folder")


def test_a_folder_made_anew_under_the_same_name_is_read_from_its_beginning(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.delete_folder(ALICE, "Clients/Acme")
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    assert where(1) == ("elsewhere", "Clients/Acme")


def test_a_renamed_folder_is_not_read_again_and_its_emails_follow(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    dovecot.rename_folder(ALICE, "Clients/Acme", "Clients/Acme 2026")
    dovecot.move(ALICE, "m2@posten.example", "INBOX", "Clients/Acme 2026")
    assert watched_run(mailbox)["headers"] == 1
    assert (where(1), where(2)) == (("elsewhere", "Clients/Acme 2026"),) * 2


def test_an_email_copied_first_and_removed_later_is_found(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.deliver(ALICE, mail(1), folder="Clients/Acme")
    dovecot.expunge(ALICE, "m2@posten.example")
    run(mailbox)
    assert (where(1), where(2)) == (("here", ""), ("not_found", ""))
    dovecot.expunge(ALICE, "m1@posten.example")
    run(mailbox)
    assert where(1) == ("elsewhere", "Clients/Acme")


def test_a_copy_seen_earlier_counts_only_while_it_is_there(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.deliver(ALICE, mail(1), folder="Clients/Acme")
    dovecot.expunge(ALICE, "m2@posten.example")
    run(mailbox)
    dovecot.expunge(ALICE, "m1@posten.example", "Clients/Acme")
    dovecot.expunge(ALICE, "m1@posten.example")
    run(mailbox)
    assert where(1) == ("not_found", "")


def test_what_was_not_found_is_found_by_a_later_refresh(mailbox: Mailbox, dovecot: Dovecot) -> None:
    """A server whose replica of the other folder lags behind."""
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    watched_run(mailbox, lags=True)
    assert where(1) == ("not_found", "")
    run(mailbox)
    assert where(1) == ("elsewhere", "Clients/Acme")


def test_what_was_not_found_is_looked_for_some_days_and_then_no_more(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.expunge(ALICE, "m1@posten.example")
    run(mailbox)
    assert watched_run(mailbox)["marks"] == 1
    Copy.objects.filter(where="not_found").update(where_since=now() - timedelta(days=4))
    assert watched_run(mailbox) == {}


def test_an_email_filed_once_more_shows_its_newest_place(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    dovecot.move(ALICE, "m1@posten.example", "Clients/Acme", "Clients/Old")
    dovecot.move(ALICE, "m2@posten.example", "INBOX", "Archive")
    run(mailbox)
    assert (where(1), where(2)) == (("elsewhere", "Clients/Old"), ("elsewhere", "Archive"))


def test_an_email_that_comes_back_to_its_folder_is_here_again(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Archive")
    run(mailbox)
    dovecot.move(ALICE, "m1@posten.example", "Archive", "INBOX")
    run(mailbox)
    places = Copy.objects.filter(message__message_id="m1@posten.example").values_list("where", flat=True)
    assert "here" in set(places)
    assert Link.objects.filter(message__message_id="m1@posten.example").count() == 1


def test_an_email_without_message_id_is_recognised_by_size_sender_and_date(world: World, dovecot: Dovecot) -> None:
    connected = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, message_id="", subject="Nameless one"))
    dovecot.deliver(ALICE, mail(2, message_id="", subject="Nameless number two"))
    run(connected)
    dovecot.doveadm("mailbox", "create", "-u", ALICE, "Clients")
    dovecot.doveadm("move", "-u", ALICE, "Clients", "mailbox", "INBOX", "uid", "1")
    dovecot.doveadm("expunge", "-u", ALICE, "mailbox", "INBOX", "uid", "2")
    run(connected)
    found = dict(Copy.objects.values_list("remote_id", "where"))
    assert found == {"1": "elsewhere", "2": "not_found"}


def test_a_forgery_with_the_same_message_id_elsewhere_is_not_taken_for_the_true_one(
    mailbox: Mailbox, dovecot: Dovecot
) -> None:
    dovecot.deliver(ALICE, mail(1, sender="mallory@evil.example"), folder="Junk")
    dovecot.expunge(ALICE, "m1@posten.example")
    run(mailbox)
    assert where(1) == ("not_found", "")


def test_an_email_moved_to_a_synced_folder_is_found_among_its_copies(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Sent")
    run(mailbox)
    assert where(1) == ("elsewhere", "Sent")
    assert Copy.objects.filter(folder__role="sent", where="here").count() == 1


def test_a_folder_with_filed_emails_can_be_included_and_left_out_again(mailbox: Mailbox, dovecot: Dovecot) -> None:
    dovecot.move(ALICE, "m1@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    folder = Folder.objects.get(name="Clients/Acme")
    folders.override(folder, "include", None, door="command")
    dovecot.move(ALICE, "m2@posten.example", "INBOX", "Clients/Acme")
    run(mailbox)
    assert (where(1), where(2)) == (("elsewhere", "Clients/Acme"),) * 2
    assert Copy.objects.filter(folder=folder, where="here").count() == 42
    assert not Sighting.objects.filter(folder=folder).exists()
    folders.override(folder, "other", None, door="command")
    dovecot.move(ALICE, "m3@posten.example", "INBOX", "Clients/Acme")
    assert watched_run(mailbox)["headers"] == 1
    assert where(3) == ("elsewhere", "Clients/Acme")


def test_an_archived_email_is_found_where_all_mail_is_shown(world: World, dovecot: Dovecot) -> None:
    """Gmail: an email is in All Mail from the start, and archiving it only takes it off the Inbox."""
    connected = world.connect(dovecot)
    fill(dovecot, 1, 2)
    fill(dovecot, 1, folder="Archive")
    watched_run(connected, shows_all="Archive")
    dovecot.expunge(ALICE, "m1@posten.example")
    dovecot.expunge(ALICE, "m2@posten.example")
    watched_run(connected, shows_all="Archive")
    assert (where(1), where(2)) == (("elsewhere", "Archive"), ("not_found", ""))
    assert not Mark.objects.filter(folder__name="Archive").exists()


def test_a_large_share_of_a_folder_is_believed_gone_only_by_the_next_refresh(
    mailbox: Mailbox, dovecot: Dovecot
) -> None:
    fill(dovecot, *range(10, 50))
    run(mailbox)
    for chunk in ("1:2", "4:33"):
        dovecot.doveadm("expunge", "-u", ALICE, "mailbox", "INBOX", "uid", chunk)
    run(mailbox)
    assert Copy.objects.filter(where="not_found").count() == 0
    verify(mailbox.pk)  # in the next moment: it sees the same server in the same trouble
    assert Copy.objects.filter(where="not_found").count() == 0
    run(mailbox)
    assert Copy.objects.filter(where="not_found").count() == 32
    assert Folder.objects.filter(shrank_at__isnull=False).count() == 0
    assert verify(mailbox.pk).complete


def test_a_folder_that_is_whole_again_begins_to_be_doubted_anew(mailbox: Mailbox, dovecot: Dovecot) -> None:
    Folder.objects.filter(name="INBOX").update(shrank_at=now() - timedelta(days=1))
    run(mailbox)
    assert Folder.objects.get(name="INBOX").shrank_at is None


def test_many_emails_filed_at_once_are_all_found_at_once(mailbox: Mailbox, dovecot: Dovecot) -> None:
    fill(dovecot, *range(10, 50))
    run(mailbox)
    dovecot.doveadm("mailbox", "create", "-u", ALICE, "2026")
    dovecot.doveadm("move", "-u", ALICE, "2026", "mailbox", "INBOX", "all")
    asked = watched_run(mailbox)
    assert asked == {"marks": 1, "headers": 43}
    assert set(Copy.objects.values_list("where", "where_folder")) == {("elsewhere", "2026")}


def test_the_same_holds_on_a_server_without_condstore_and_list_status(world: World, pymap_server: PymapServer) -> None:
    connected = world.connect(pymap_server)
    fill(pymap_server, 1, 2)
    fill(pymap_server, 9, folder="Clients")
    run(connected)
    with imaplib.IMAP4(pymap_server.host, pymap_server.port, timeout=20) as client:
        client.login(ALICE, PASSWORD)
        client.select("INBOX")
        client.uid("MOVE", "1", "Clients")
    asked = watched_run(connected)
    assert asked == {"marks": 1, "headers": 1}
    assert (where(1), where(2)) == (("elsewhere", "Clients"), ("here", ""))


def test_a_large_folder_that_is_not_listed_any_more_is_believed_only_by_the_next_refresh(
    world: World, dovecot: Dovecot
) -> None:
    connected = world.connect(dovecot)
    fill(dovecot, 1)
    fill(dovecot, *range(10, 40), folder="Clients")
    run(connected)
    folders.override(Folder.objects.get(name="Clients"), "include", None, door="command")
    run(connected)
    assert Copy.objects.count() == 31
    dovecot.delete_folder(ALICE, "Clients")
    run(connected)
    assert Copy.objects.filter(where="not_found").count() == 0
    run(connected)
    assert Copy.objects.filter(where="not_found").count() == 30
