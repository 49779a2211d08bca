"""What every provider promises to the sync engine, one class a promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.providers.contract import mails
from tests.providers.contract.backends import Backend, DovecotBackend, ImapBackend
from tests.providers.contract.engine import Engine, Interrupted, inbox, named
from tests.providers.contract.graph_backend import OWNER, GraphBackend
from threadline.domain.coverage import covers
from threadline.domain.errors import CursorLost, MessageGone, MessageUnreadable, NeedsUser
from threadline.domain.folders import Role
from threadline.providers.contract import (
    Content,
    MarkedSession,
    Query,
    RemoteFolder,
    RemoteItem,
    Session,
    TellsArrivals,
    TellsPlaces,
)


class TestTellsWhoItIs:
    def test_the_identity_is_stable_over_sessions(self, backend: Backend) -> None:
        with backend.open() as first, backend.open() as second:
            assert first.identity() == second.identity()
            assert first.identity().address == OWNER

    def test_exactly_one_folder_is_the_inbox_and_every_name_is_readable(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), folder='Clients/Müller & Söhne "neu"')
        with backend.open() as session:
            folders = session.folders()
            assert [folder.name for folder in folders if folder.role is Role.INBOX] == [backend.inbox_name]
            assert 'Clients/Müller & Söhne "neu"' in [folder.name for folder in folders]
            assert len({folder.remote_name for folder in folders}) == len(folders)

    def test_an_oddly_named_folder_can_be_read(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(mails.small(1), folder='Clients/Müller & Söhne "neu"')
        with backend.open() as session:
            engine.refresh(session, named(session, 'Clients/Müller & Söhne "neu"'))
        assert len(engine.held) == 1


class TestListsNewMailOnce:
    def test_an_empty_folder_is_one_last_page(self, backend: Backend, engine: Engine) -> None:
        with backend.open() as session:
            (page,) = engine.refresh(session, inbox(session))
        assert (page.new, page.gone, page.total, page.last) == ((), (), 0, True)
        assert page.cursor is not None

    def test_everything_comes_newest_first_and_once(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(*map(mails.small, range(12)))
        with backend.open() as session:
            pages = engine.refresh(session, inbox(session))
        assert engine.new() == list(reversed(backend.ids()))
        assert set(engine.fetched.values()) == {1}
        assert len(engine.held) == 12
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert all((page.cursor is not None) == page.last for page in pages)

    def test_listed_up_to_covers_what_was_listed_and_not_what_comes_later(
        self, backend: Backend, engine: Engine
    ) -> None:
        backend.deliver(mails.small(1), mails.small(2))
        with backend.open() as session:
            backend.let_time_pass()
            up_to = engine.refresh(session, inbox(session))[-1].listed_up_to
            assert all(covers(up_to, key, content.item.received_at) for key, content in engine.held.items())
            backend.deliver(mails.small(3))
            engine.refresh(session, inbox(session))
        assert engine.new()
        assert all(covers(up_to, key, engine.held[key].item.received_at) is False for key in engine.new())

    def test_the_same_session_sees_what_arrives_later(self, backend: Backend, engine: Engine) -> None:
        with backend.open() as session:
            folder = inbox(session)
            for number in range(3):
                backend.deliver(mails.small(number))
                engine.refresh(session, folder)
                assert len(engine.new()) == 1
        assert len(engine.held) == 3

    def test_what_arrives_during_a_listing_is_found_by_it_or_by_the_next(
        self, backend: Backend, engine: Engine
    ) -> None:
        backend.deliver(mails.small(1), mails.small(2))
        with backend.open() as session:
            folder = inbox(session)
            original = session.fetch

            def deliver_meanwhile(*arguments: object) -> object:
                backend.deliver(mails.small(3))
                return original(*arguments)  # type: ignore[arg-type]

            session.fetch = deliver_meanwhile  # type: ignore[method-assign,assignment]
            engine.refresh(session, folder)
            session.fetch = original  # type: ignore[method-assign]
            engine.refresh(session, folder)
        assert set(engine.held) == set(backend.ids())
        assert set(engine.fetched.values()) == {1}


class TestResumesFromItsCursor:
    @pytest.mark.invariant("I2")
    def test_a_killed_refresh_run_again_loses_nothing_and_doubles_nothing(
        self, backend: Backend, engine: Engine
    ) -> None:
        backend.deliver(*map(mails.small, range(9)))
        with backend.open() as session, pytest.raises(Interrupted):
            engine.refresh(session, inbox(session), kill_after=4)
        with backend.open() as session:
            engine.refresh(session, inbox(session))
        assert len(engine.held) == 9
        assert set(engine.fetched.values()) == {1}

    def test_nothing_new_is_nothing_listed(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(*map(mails.small, range(5)))
        with backend.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            pages = engine.refresh(session, folder)
        assert engine.new() == []
        assert pages[-1].last
        assert not engine.gone

    def test_a_cursor_that_is_no_cursor_lists_again_and_skips_what_is_held(
        self, backend: Backend, engine: Engine
    ) -> None:
        backend.deliver(*map(mails.small, range(4)))
        with backend.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            backend.deliver(mails.small(9))
            engine.cursor = "{rotten"
            engine.refresh(session, folder)
        assert len(engine.new()) == 1
        assert set(engine.fetched.values()) == {1}

    def test_flags_changed_by_another_program_are_told(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(mails.small(1), mails.small(2))
        with backend.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            first = backend.ids()[0]
            assert "\\seen" not in engine.flags[first]
            backend.flag(first, "\\Seen")
            engine.refresh(session, folder)
        assert "\\seen" in engine.flags[first]

    @pytest.mark.invariant("I3")
    def test_what_left_the_folder_is_named_as_gone_and_nothing_else_is(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(*map(mails.small, range(6)))
        with backend.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            removed = backend.ids()[1:3]
            backend.remove(*removed)
            backend.deliver(mails.small(7))
            engine.refresh(session, folder)
        assert engine.gone == set(removed)
        assert len(engine.new()) == 1

    def test_a_message_that_the_engine_lacks_is_found_when_the_numbers_differ(
        self, numbered: ImapBackend, engine: Engine
    ) -> None:
        numbered.deliver(*map(mails.small, range(4)))
        with numbered.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            lost = min(engine.held, key=int)
            del engine.held[lost]
            assert engine.cursor is not None
            engine.cursor = engine.cursor.replace('"exists":4', '"exists":3')
            engine.refresh(session, folder)
        assert engine.new() == [lost]


class TestSaysCursorLostOnRenumbering:
    @pytest.mark.invariant("I10")
    def test_the_listing_starts_again_under_a_new_generation(self, numbered: ImapBackend, engine: Engine) -> None:
        numbered.deliver(mails.small(1), mails.small(2), folder="Clients")
        with numbered.open() as session:
            engine.refresh(session, named(session, "Clients"))
        before = engine.generation
        numbered.renumber("Clients")
        with numbered.open() as session:
            pages = engine.refresh(session, named(session, "Clients"))
        assert {page.generation for page in pages} == {engine.generation}
        assert engine.generation != before
        assert len(engine.new()) == 2

    def test_fetching_under_the_old_generation_says_so(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), folder="Clients")
        with backend.open() as session:
            folder = named(session, "Clients")
            item = RemoteItem("1", 100, None)
            with pytest.raises(CursorLost):
                list(session.fetch(folder, "7", [item]))
            with pytest.raises(CursorLost):
                list(session.stream_raw(folder, "7", "1"))


class TestFetchesEveryItemOnce:
    def test_content_is_what_the_server_has(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(*map(mails.small, range(3)))
        with backend.open() as session:
            engine.refresh(session, inbox(session))
        for uid, content in engine.held.items():
            assert content.whole
            assert content.raw == backend.raw(uid)

    def test_one_that_is_gone_by_now_is_a_failure_of_its_own(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), mails.small(2))
        with backend.open() as session:
            folder = inbox(session)
            generation = session.list_ids(folder).generation
            first, second = backend.ids()
            wanted = [first, backend.gone_id(), second]
            answers = list(session.fetch(folder, generation, [RemoteItem(key, 100, None) for key in wanted]))
        assert {answer.item.remote_id for answer in answers} == set(wanted)
        (failure,) = [answer for answer in answers if not isinstance(answer, Content)]
        assert isinstance(failure.error, MessageGone)

    def test_a_fetch_left_alone_half_way_does_not_disturb_what_follows(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(*map(mails.small, range(8)))
        with backend.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            items = [content.item for content in engine.held.values()]
            half = session.fetch(folder, engine.generation, items)
            first = next(half)
            oldest = backend.ids()[0]
            assert b"".join(session.stream_raw(folder, engine.generation, oldest)) == backend.raw(oldest)
            assert len(session.list_ids(folder).ids) == 8
            rest = list(half)
        assert sorted(answer.item.remote_id for answer in [first, *rest]) == sorted(engine.held)

    def test_all_ids_at_one_moment(self, backend: Backend) -> None:
        backend.deliver(*map(mails.small, range(5)))
        before = backend.ids()
        backend.remove(before[1])
        backend.let_time_pass()
        with backend.open() as session:
            found = session.list_ids(inbox(session))
            items = [item for item, _ in session.headers(inbox(session), found.generation, sorted(found.ids))]
        assert found.ids == {before[0], *before[2:]}
        assert len(items) == 4
        assert all(covers(found.listed_up_to, item.remote_id, item.received_at) for item in items)

    def test_headers_by_id_leave_out_what_does_not_exist(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), mails.small(2))
        with backend.open() as session:
            folder = inbox(session)
            generation = session.list_ids(folder).generation
            second = backend.ids()[1]
            wanted = [second, backend.gone_id()]
            found = {item.remote_id: header for item, header in session.headers(folder, generation, wanted)}
        assert list(found) == [second]
        assert b"<m2@candidate.test>" in found[second]
        assert b"Text 2" not in found[second]


class TestSaysNeedsUserWhenTheSignInIsRefused:
    def test_a_refused_sign_in_is_the_users(self, backend: Backend) -> None:
        with pytest.raises(NeedsUser) as caught:
            backend.open_refused()
        assert caught.value.cause is backend.refusal_cause
        assert caught.value.answer
        assert not any(secret in caught.value.answer for secret in backend.secrets())

    @pytest.mark.parametrize("password", ['with "quotes" and \\', "mit Umlaut ä", "x" * 200])
    def test_an_unusual_password_goes_over_the_wire_unharmed(self, numbered: ImapBackend, password: str) -> None:
        numbered.set_password(password)
        numbered.open(password).close()


class TestNeverChangesTheMailbox:
    @pytest.mark.invariant("I4")
    def test_flags_counts_and_modification_sequences_stay(self, backend: Backend, engine: Engine) -> None:
        large, _ = mails.with_attachment(200_000)
        backend.deliver(*map(mails.small, range(4)), large)
        backend.deliver(mails.small(8), folder="Clients")
        before = backend.snapshot()
        with backend.open() as session:
            for folder in session.folders():
                if folder.selectable:
                    each = Engine()
                    each.refresh(session, folder)
                    each.refresh(session, folder)
                    for key, content in each.held.items():
                        list(session.stream_raw(folder, each.generation, key))
                        for part in [part.part for part in content.structure] or ["1"]:
                            list(session.stream_part(folder, each.generation, key, part))
                    list(session.headers(folder, each.generation, list(each.held)))
                    self._look_elsewhere(session, folder, each)
            list(session.find(Query(correspondent="eva@candidate.test")))
        assert backend.snapshot() == before

    def _look_elsewhere(self, session: Session, folder: RemoteFolder, engine: Engine) -> None:
        assert isinstance(session, TellsArrivals) != isinstance(session, TellsPlaces)
        if isinstance(session, TellsArrivals):
            list(session.arrivals(folder, engine.generation, ""))
            session.marks([folder])
        if isinstance(session, TellsPlaces):
            session.places(list(engine.held))


class TestFindsAMessageAnywhere:
    def test_by_message_id_in_whatever_folder(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), mails.small(11))
        backend.deliver(mails.small(2), folder="Clients/Acme")
        with backend.open() as session:
            (found,) = session.find(Query(message_id="<m2@candidate.test>"))
            assert found.folder.name == "Clients/Acme"
            assert b"Subject: mail 2" in found.header
            # Servers look for substrings: <m1@...> is also in none of the others.
            assert [one.item.remote_id for one in session.find(Query(message_id="m1@candidate.test"))] == [
                backend.ids()[0]
            ]
            assert list(session.find(Query(message_id="1@candidate.test"))) == []

    def test_by_person_subject_and_day(self, backend: Backend) -> None:
        backend.deliver(mails.small(1, subject="Offer for you"), mails.small(2, sender="bob@else.test"))
        day = datetime(2026, 3, 2, tzinfo=UTC)
        first, second = backend.ids()
        with backend.open() as session:

            def found(query: Query) -> list[str]:
                return [one.item.remote_id for one in session.find(query)]

            assert found(Query(correspondent="Eva@Candidate.test")) == [first]
            assert found(Query(correspondent="bob@else.test", subject="mail")) == [second]
            assert found(Query(subject="offer FOR")) == [first]
            assert found(Query(correspondent="nobody@else.test")) == []
            # The day of the Date header counts as well as the day of arrival.
            assert len(found(Query(since=day, until=day + timedelta(days=1)))) == 2
            assert found(Query(since=day - timedelta(days=9), until=day - timedelta(days=8))) == []

    def test_words_in_other_alphabets(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), mails.small(2, subject="=?utf-8?b?R3LDvMOfZSDQv9GA0LjQstC10YI=?="))
        with backend.open() as session:
            assert [one.item.remote_id for one in session.find(Query(subject="grüße привет"))] == [backend.ids()[1]]

    def test_in_the_folders_given_only(self, backend: Backend) -> None:
        backend.deliver(mails.small(1))
        backend.deliver(mails.small(1), folder="Clients")
        with backend.open() as session:
            folder = named(session, "Clients")
            assert [one.folder.name for one in session.find(Query(subject="mail"), folders=[folder])] == ["Clients"]

    def test_but_for_those_that_are_known(self, backend: Backend) -> None:
        backend.deliver(mails.small(1), mails.small(2))
        backend.deliver(mails.small(3), folder="Clients")
        first, second = backend.ids()
        generations: dict[str, str] = {}

        def known(folder: RemoteFolder, generation: str) -> list[str]:
            generations[folder.name.upper()] = generation
            return [first] if folder.name.upper() == "INBOX" else []

        with backend.open() as session:
            found = list(session.find(Query(subject="mail"), besides=known))
        assert [one.item.remote_id for one in found if one.folder.name != "Clients"] == [second]
        assert [one.folder.name for one in found].count("Clients") == 1
        assert all(generations[one.folder.name.upper()] == one.generation for one in found)


def marked(backend: ImapBackend) -> MarkedSession:
    session = backend.open()
    assert isinstance(session, MarkedSession)
    return session


class TestTellsWhatArrivedSinceAMark:
    def test_what_arrived_later_and_nothing_else(self, numbered: ImapBackend) -> None:
        numbered.deliver(mails.small(1), mails.small(2), folder="Clients/Müller & Söhne")
        numbered.deliver(mails.small(3), mails.small(4))
        with marked(numbered) as session:
            folders = session.folders()
            before = session.marks(folders)
            assert set(before) == {folder.remote_name for folder in folders if folder.selectable}
            numbered.move("1", "Clients/Müller & Söhne")
            numbered.move("2", "Clients/Müller & Söhne")
            folder = named(session, "Clients/Müller & Söhne")
            mark = before[folder.remote_name]
            found = list(session.arrivals(folder, mark.generation, mark.next_id))
            assert [int(item.remote_id) for item, _ in found] == sorted(int(item.remote_id) for item, _ in found)
            assert [b"<m3@candidate.test>" in found[0][1], b"<m4@candidate.test>" in found[1][1]] == [True, True]
            assert len(found) == 2
            assert all(b"eva@candidate.test" in block and b"2 Mar 2026" in block for _, block in found)
            assert not any(b"Subject" in block for _, block in found)
            assert all(item.size > 0 for item, _ in found)

    def test_the_mark_of_a_folder_moves_only_when_something_arrives_there(self, numbered: ImapBackend) -> None:
        numbered.deliver(mails.small(1), folder="Clients")
        numbered.deliver(mails.small(2))
        with marked(numbered) as session:
            folders = session.folders()
            before = session.marks(folders)
            assert session.marks(folders) == before
            numbered.move("1", "Clients")
            after = session.marks(folders)
            assert {name for name in before if before[name] != after[name]} == {named(session, "Clients").remote_name}

    def test_from_the_beginning_is_everything(self, numbered: ImapBackend) -> None:
        numbered.deliver(*map(mails.small, range(3)), folder="Clients")
        with marked(numbered) as session:
            folder = named(session, "Clients")
            mark = session.marks([folder])[folder.remote_name]
            assert len(list(session.arrivals(folder, mark.generation, ""))) == 3
            assert list(session.arrivals(folder, mark.generation, mark.next_id)) == []

    def test_a_renumbered_folder_is_not_read_by_its_old_mark(self, numbered: ImapBackend) -> None:
        numbered.deliver(mails.small(1), folder="Clients")
        with marked(numbered) as session:
            folder = named(session, "Clients")
            mark = session.marks([folder])[folder.remote_name]
        numbered.renumber("Clients")
        with marked(numbered) as session:
            assert session.marks([folder])[folder.remote_name].generation != mark.generation
            with pytest.raises(CursorLost):
                list(session.arrivals(folder, mark.generation, mark.next_id))

    def test_a_folder_that_is_not_there_is_left_out(self, numbered: ImapBackend) -> None:
        with marked(numbered) as session:
            gone = RemoteFolder("No/Such", "No/Such", Role.OTHER)
            assert set(session.marks([inbox(session), gone])) == {"INBOX"}


class TestTellsWhereAnEmailIsNow:
    @pytest.mark.invariant("I3")
    def test_moved_archived_and_deleted_are_told_apart(self, lasting: GraphBackend) -> None:
        lasting.deliver(*map(mails.small, range(5)))
        still, moved, archived, deleted, purged = lasting.ids()
        lasting.move(moved, "Clients/Acme")
        lasting.move(archived, "archive")
        lasting.move(deleted, "deleteditems")
        lasting.remove(purged)
        with lasting.open() as session:
            assert isinstance(session, TellsPlaces)
            names = {folder.remote_name: folder.name for folder in session.folders()}
            found = session.places([still, moved, archived, deleted, purged])
        assert {key: names[place] for key, place in found.items()} == {
            still: "Inbox",
            moved: "Clients/Acme",
            archived: "Archive",
            deleted: "Deleted Items",
        }

    def test_an_email_that_was_filed_and_came_back_is_in_its_folder_under_its_id(
        self, lasting: GraphBackend, engine: Engine
    ) -> None:
        lasting.deliver(mails.small(1))
        (key,) = lasting.ids()
        lasting.server.quirks(OWNER, forget_returns=True)
        with lasting.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            lasting.move(key, "Clients")
            lasting.move(key, "INBOX")
            engine.refresh(session, folder)
            assert engine.gone == {key}, "a candidate, which is asked for by its id"
            assert isinstance(session, TellsPlaces)
            assert session.places([key]) == {key: folder.remote_name}

    def test_headers_of_an_email_in_another_folder_are_left_out(self, lasting: GraphBackend) -> None:
        lasting.deliver(mails.small(1), mails.small(2))
        filed, _ = lasting.ids()
        lasting.move(filed, "Clients")
        with lasting.open() as session:
            assert list(session.headers(inbox(session), "", [filed])) == []


class TestListsAgainWhenItsLinksHaveDied:
    @pytest.mark.invariant("I10")
    @pytest.mark.parametrize("kind", ["gone", "not_found", "resync_required", "invalid"])
    def test_everything_is_listed_and_what_is_held_is_not_fetched_again(
        self, lasting: GraphBackend, engine: Engine, kind: str
    ) -> None:
        lasting.deliver(*map(mails.small, range(4)))
        with lasting.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            removed = lasting.ids()[0]
            lasting.remove(removed)
            lasting.deliver(mails.small(9))
            lasting.server.expire_deltas(OWNER, kind)
            engine.refresh(session, folder)
        assert len(engine.new()) == 1
        assert engine.gone == {removed}
        assert set(engine.fetched.values()) == {1}


class TestStreams:
    def test_streams_raw_exactly(self, backend: Backend) -> None:
        large, _ = mails.with_attachment(700_000)
        backend.deliver(large, mails.small(2))
        with backend.open() as session:
            folder = inbox(session)
            generation = session.list_ids(folder).generation
            for key in backend.ids():
                chunks = list(session.stream_raw(folder, generation, key))
                assert b"".join(chunks) == backend.raw(key)
                assert max(map(len, chunks)) <= 256 * 1024

    def test_streams_an_attachment_by_the_name_that_the_structure_gave(self, backend: Backend, engine: Engine) -> None:
        large, content = mails.with_attachment(700_001)
        backend.deliver(large)
        with backend.open() as session:
            folder = inbox(session)
            engine.refresh(session, folder)
            ((key, fetched),) = engine.held.items()
            (attachment,) = fetched.structure
            chunks = list(session.stream_part(folder, engine.generation, key, attachment.part))
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= 256 * 1024

    def test_streams_part_decoded(self, numbered: ImapBackend) -> None:
        large, content = mails.with_attachment(700_001)
        numbered.deliver(large)
        with numbered.open() as session:
            folder = inbox(session)
            generation = session.list_ids(folder).generation
            assert b"".join(session.stream_part(folder, generation, "1", "2")) == content
            text = b"".join(session.stream_part(folder, generation, "1", "1.1"))
            assert "Grüße" in text.decode()

    def test_a_part_of_a_message_without_parts(self, backend: Backend) -> None:
        backend.deliver(mails.small(5))
        with backend.open() as session:
            folder = inbox(session)
            generation = session.list_ids(folder).generation
            assert b"".join(session.stream_part(folder, generation, backend.ids()[0], "1")).strip() == b"Text 5."

    def test_what_is_gone_or_was_never_there(self, backend: Backend) -> None:
        backend.deliver(mails.small(5))
        with backend.open() as session:
            folder = inbox(session)
            generation = session.list_ids(folder).generation
            with pytest.raises(MessageGone):
                list(session.stream_raw(folder, generation, backend.gone_id()))
            (key,) = backend.ids()
            with pytest.raises(MessageUnreadable):
                list(session.stream_part(folder, generation, key, "7.7"))
            with pytest.raises(MessageUnreadable):
                list(session.stream_part(folder, generation, key, "1] BODY[2"))


class TestLargeMessagesComeInParts:
    @pytest.mark.invariant("I9")
    def test_texts_and_structure_without_the_attachment(self, backend: Backend, engine: Engine) -> None:
        large, content = mails.with_attachment(400_000)
        backend.deliver(large, mails.small(2))
        with backend.open() as session:
            engine.refresh(session, inbox(session))
        found = engine.held[backend.ids()[0]]
        assert not found.whole
        assert b"Subject: Bewerbung" in found.raw
        assert len(found.raw) < 2_000
        assert b"Lebenslauf" in b"".join(part.body for part in found.parts)
        assert sum(len(part.body) for part in found.parts) < 2_000
        (attachment,) = found.structure
        assert (attachment.name, attachment.content_type) == ("Lebenslauf Jürgen.pdf", "application/pdf")
        assert (attachment.disposition, attachment.size > len(content)) == ("attachment", True)

    def test_its_texts_come_as_they_were_sent(self, numbered: ImapBackend, engine: Engine) -> None:
        large, _ = mails.with_attachment(400_000)
        numbered.deliver(large)
        with numbered.open() as session:
            engine.refresh(session, inbox(session))
        found = engine.held["1"]
        assert [part.part for part in found.parts] == ["1.1", "1.2"]
        assert b"quoted-printable" in found.parts[0].header.lower()
        assert [(part.part, part.encoding) for part in found.structure] == [("2", "base64")]

    def test_a_large_message_of_one_part_is_cut_at_the_cap(self, backend: Backend, engine: Engine) -> None:
        backend.deliver(mails.small(1)[:-2] + b"line of text\r\n" * 120_000)
        with backend.open() as session:
            engine.refresh(session, inbox(session))
        ((_, found),) = engine.held.items()
        (part,) = found.parts
        assert part.truncated
        assert len(part.body) == 2**20
        assert b"Message-ID: <m1@candidate.test>" in found.raw


class TestDovecotOnly:
    """What other servers cannot be made to do."""

    @pytest.mark.parametrize("backend", [pytest.param("dovecot", marks=pytest.mark.needs("dovecot"))], indirect=True)
    def test_a_folder_renumbered_in_place_fetches_again(self, backend: DovecotBackend, engine: Engine) -> None:
        backend.deliver(mails.small(1))
        with backend.open() as session:
            engine.refresh(session, inbox(session))
            backend.renumber("INBOX")
            engine.refresh(session, inbox(session))
        assert engine.new() == ["1"]
