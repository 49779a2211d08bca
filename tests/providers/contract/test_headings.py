"""What a provider promises that tells headings cheaply: a large folder that is far away is asked for them first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.contract import mails
from tests.providers.contract.backends import ImapBackend
from tests.providers.contract.engine import inbox
from threadline.providers.contract import HEADINGS, Content, Held, RemoteItem, Session, TellsHeadings
from threadline.providers.mime.parse import headers_only, parse


@contextmanager
def told(backend: ImapBackend, *others: RemoteItem) -> Iterator[tuple[Session, str, dict[RemoteItem, bytes]]]:
    """An open session, the generation of its Inbox, and the headings of all that is in it, and of `others`."""
    with backend.open() as session:
        assert isinstance(session, TellsHeadings)
        folder = inbox(session)
        pages = list(session.changes(folder, Held("", None, ids=frozenset)))
        items = [item for page in pages for item in page.new]
        headings = dict(session.headings(folder, pages[0].generation, [*items, *others]))
        assert set(headings) == set(items)
        yield session, pages[0].generation, headings


def test_the_fields_that_count_and_nothing_else(numbered: ImapBackend) -> None:
    large, _ = mails.with_attachment(200_000)
    noisy = b"Received: from nowhere\r\nX-Noise: much\r\n" + mails.small(2)
    numbered.deliver(mails.small(1), noisy, large)
    with told(numbered, RemoteItem("9999", 0, None)) as (_, _, headings):
        assert len(headings) == 3
        for block in headings.values():
            names = {line.partition(b":")[0].decode().lower() for line in block.splitlines() if line[:1] not in b" \t"}
            assert {"from", "subject", "message-id"} <= names - {""} <= HEADINGS
            assert len(block) < 500


def test_what_is_read_from_them_is_what_is_read_from_the_whole(numbered: ImapBackend) -> None:
    numbered.deliver(mails.small(1), mails.with_attachment(20_000)[0], mails.small(3, subject="=?utf-8?q?gr=C3=BC?="))
    with told(numbered) as (session, generation, headings):
        for content in session.fetch(inbox(session), generation, list(headings)):
            assert isinstance(content, Content)
            heading, whole = headers_only(headings[content.item]), parse(content)
            for name in ("message_id", "subject", "sender", "to", "date", "references", "in_reply_to"):
                assert getattr(heading, name) == getattr(whole, name)


def test_many_are_told_each_once(numbered: ImapBackend) -> None:
    numbered.deliver(*map(mails.small, range(30)))
    with told(numbered) as (_, _, headings):
        assert sorted(headers_only(block).subject for block in headings.values()) == sorted(
            f"mail {number}" for number in range(30)
        )
