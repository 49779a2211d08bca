"""Threadline's own IMAP client reads the whole demo, with and without the server's extensions, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.running import PASSWORD, USER, Running, running
from threadline.providers.contract import Content, Held, Query, Security, ServerSettings
from threadline.providers.imap.session import ImapSession, open_session
from threadline.sandbox.demo.whole import mailbox
from threadline.sandbox.imap import NewMessage, Options

pytestmark = pytest.mark.xdist_group("reads it")  # what they share is made once

NOW = datetime(2026, 6, 16, 12, 0, tzinfo=UTC)
ROLES = {"INBOX": "inbox", "Sent": "sent"}


class Password:
    def password(self) -> str:
        return PASSWORD

    def access_token(self) -> str | None:
        return None


@pytest.fixture(
    scope="module", params=[Options(), Options(False, False, False)], ids=["with extensions", "without extensions"]
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    mails = mailbox(NOW)

    def fill() -> None:
        for name in dict.fromkeys(mail.folder for mail in mails):
            found = server.account.folders.get(name) or server.account.create_folder(name)
            messages = [NewMessage(m.raw, m.received, m.flags) for m in mails if m.folder == name]
            server.account.append(found, messages)

    with running(folder, request.param) as server:
        server.do(fill)
        yield server


def connect(server: Running) -> ImapSession:
    return open_session(ServerSettings("127.0.0.1", server.port, Security.NONE, USER), Password())


def test_every_email_of_inbox_and_sent_is_listed_and_fetched_as_it_was_stored(server: Running) -> None:
    mails = mailbox(NOW)
    with connect(server) as session:
        by_role = {folder.role.value: folder for folder in session.folders() if folder.role.value in ROLES.values()}
        for name, role in ROLES.items():
            folder = by_role[role]
            pages = list(session.changes(folder, Held("", None, tuple)))
            items = [item for page in pages for item in page.new]
            stored = {mail.raw for mail in mails if mail.folder == name}
            answers = list(session.fetch(folder, pages[-1].generation, items))
            assert len(answers) == len(items) == sum(mail.folder == name for mail in mails)
            for answer in answers:
                assert isinstance(answer, Content)
                assert not answer.whole or answer.raw in stored


def test_an_email_is_found_in_whatever_folder_it_is(server: Running) -> None:
    filed = next(mail for mail in mailbox(NOW) if mail.folder == "Clients/Acme")
    assert filed.id
    with connect(server) as session:
        found = list(session.find(Query(message_id=filed.id)))
    assert [one.folder.name for one in found] == ["Clients/Acme"]


def test_reading_everything_changes_nothing(server: Running) -> None:
    def look() -> object:
        return {
            f.name: (f.highest_modseq, f.uid_next, f.recent_from, len(f.uids)) for f in server.account.folders.values()
        }

    before = server.do(look)
    with connect(server) as session:
        for folder in session.folders():
            for page in session.changes(folder, Held("", None, tuple)):
                assert all(session.fetch(folder, page.generation, page.new[:20]))
    assert server.do(look) == before
