"""Servers that do what no grammar allows: nothing is lost, nothing hangs, and nobody is blamed for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.providers.contract.engine import Engine, inbox
from tests.providers.imap.scripted import CLOSE, ScriptedServer, listed, on, opened, whole
from threadline.domain.causes import Cause
from threadline.domain.errors import MessageGone, MessageUnreadable, Throttled, Transient
from threadline.domain.folders import Role
from threadline.providers.contract import Content, FetchFailure, Query, RemoteFolder, RemoteItem
from threadline.providers.imap import fetching

INBOX = RemoteFolder("INBOX", "INBOX", Role.INBOX)
CONDSTORE = "IMAP4rev1 CONDSTORE"


def items(*uids: int, size: int = 20) -> list[RemoteItem]:
    return [RemoteItem(str(uid), size, None) for uid in uids]


def fetch(server: ScriptedServer, *uids: int, size: int = 20) -> dict[str, Content | FetchFailure]:
    with server.open() as session:
        answers = list(session.fetch(INBOX, "7", items(*uids, size=size)))
    assert len(answers) == len(uids), "one answer per item"
    return {answer.item.remote_id: answer for answer in answers}


def raw(answer: Content | FetchFailure) -> bytes:
    assert isinstance(answer, Content), answer
    return answer.raw


def error(answer: Content | FetchFailure) -> Exception:
    assert isinstance(answer, FetchFailure), answer
    return answer.error


def texts(answer: Content | FetchFailure) -> list[bytes]:
    assert isinstance(answer, Content), answer
    assert not answer.whole
    return [part.body for part in answer.parts]


def structure(uid: int, octets: int = 200_000) -> str:
    """What a server says of a message of one text part, with a header of ten bytes."""
    return (
        f'* {uid} FETCH (UID {uid} BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" {octets} 9)'
        " BODY[HEADER] {10}\r\nabc: def\r\n)"
    )


def part(uid: int, text: str) -> str:
    return f"* {uid} FETCH (UID {uid} BODY[1] {{{len(text)}}}\r\n{text})"


class TestFetching:
    def test_answers_out_of_order_doubled_and_for_other_messages(self) -> None:
        script = on(
            "UID FETCH", whole(3, "three"), "* 9 EXISTS", whole(1, "one"), "* 2 EXPUNGE", whole(3, "other"),
            "* 5 FETCH (FLAGS (\\Seen))", whole(8, "eight"), "* FLAGS (\\Seen)", whole(2, "two"), "%t OK done",
        )  # fmt: skip
        with ScriptedServer(script, exists=3) as server:
            found = fetch(server, 1, 2, 3)
        assert {uid: raw(answer) for uid, answer in found.items()} == {"1": b"one", "2": b"two", "3": b"three"}

    def test_a_server_that_never_names_the_uid_is_asked_one_by_one(self) -> None:
        alone = [on(f"UID FETCH {uid} ", f"* {uid} FETCH (BODY[] {{1}}\r\n{uid})", "%t OK done") for uid in (1, 2)]
        with ScriptedServer(
            on("UID FETCH 1:2", "* 1 FETCH (BODY[] {1}\r\n1)", "%t OK done"), *alone, exists=2
        ) as server:
            found = fetch(server, 1, 2)
        assert raw(found["1"]) == b"1"
        assert raw(found["2"]) == b"2"

    def test_one_that_is_announced_and_not_handed_out_is_asked_for_once_more(self) -> None:
        with ScriptedServer(
            on("UID FETCH 1:2", whole(1, "one"), "%t OK done"),
            on("UID FETCH 2 ", whole(2, "two"), "%t OK done"),
            exists=2,
        ) as server:
            assert raw(fetch(server, 1, 2)["2"]) == b"two"

    def test_one_that_is_still_listed_is_unreadable_and_one_that_is_not_is_gone(self) -> None:
        with ScriptedServer(
            on("UID FETCH"),
            on("UID SEARCH UID 1", "* SEARCH 1", "%t OK done"),
            on("UID SEARCH UID 2", "* SEARCH", "%t OK done"),
        ) as server:
            found = fetch(server, 1, 2)
        assert isinstance(error(found["1"]), MessageUnreadable)
        assert isinstance(error(found["2"]), MessageGone)

    def test_a_refused_batch_costs_only_the_message_at_fault(self) -> None:
        with ScriptedServer(
            on("UID FETCH 1:3", "%t NO Some messages could not be FETCHed (Failure)"),
            on("UID FETCH 2 ", "%t NO [SERVERBUG] Internal error occurred."),
            *(on(f"UID FETCH {uid} ", whole(uid, "x"), "%t OK done") for uid in (1, 3)),
            exists=3,
        ) as server:
            found = fetch(server, 1, 2, 3)
        assert raw(found["1"]) == raw(found["3"]) == b"x"
        failure = error(found["2"])
        assert isinstance(failure, MessageUnreadable)
        assert "SERVERBUG" in failure.answer

    def test_throttling_is_the_mailboxs_and_not_the_messages(self) -> None:
        says = "BAD Request is throttled. Suggested Backoff Time: 5000 milliseconds"
        with ScriptedServer(on("UID FETCH", f"%t {says}")) as server, server.open() as session:
            with pytest.raises(Throttled) as caught:
                list(session.fetch(INBOX, "7", items(1)))
            assert caught.value.retry_after == timedelta(seconds=5)

    def test_a_goodbye_half_way_is_transient_and_what_came_before_was_handed_out(self) -> None:
        script = on("UID FETCH", whole(2, "two"), "* BYE Server shutting down", CLOSE)
        with ScriptedServer(script) as server, server.open() as session:
            answers = session.fetch(INBOX, "7", items(2, 1))
            assert raw(next(answers)) == b"two"
            with pytest.raises(Transient) as caught:
                next(answers)
        assert caught.value.cause is Cause.CONNECTION_LOST
        assert "Server shutting down" in caught.value.answer

    def test_a_connection_cut_inside_a_message_is_transient(self) -> None:
        script = on("UID FETCH", "* 1 FETCH (UID 1 BODY[] {500}\r\nSubject: cut", CLOSE)
        with ScriptedServer(script) as server, server.open() as session:
            with pytest.raises(Transient) as caught:
                list(session.fetch(INBOX, "7", items(1)))
            assert caught.value.cause is Cause.CONNECTION_LOST
            with pytest.raises(Transient):
                session.folders()

    def test_a_literal_beyond_all_bounds_is_transient(self) -> None:
        script = on("UID FETCH", "* 1 FETCH (UID 1 BODY[] {99999999999}\r\n")
        with ScriptedServer(script) as server, server.open() as session, pytest.raises(Transient):
            list(session.fetch(INBOX, "7", items(1)))

    def test_a_message_far_larger_than_announced_comes_in_parts(self) -> None:
        plain = (
            '* 1 FETCH (UID 1 BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 6000000 9) BODY[HEADER] {6}\r\na: b\r\n)'
        )
        with ScriptedServer(
            on(r"UID FETCH 1 \(UID BODY.PEEK\[\]\)", whole(1, "x" * 6_000_000), "%t OK done"),
            on("UID FETCH 1 .UID BODYSTRUCTURE", plain, "%t OK done"),
            on("UID FETCH 1 .UID BODY.PEEK.1.<0.1048576>", "* 1 FETCH (UID 1 BODY[1]<0> {4}\r\ntext)", "%t OK done"),
        ) as server:
            (answer,) = fetch(server, 1).values()
        assert isinstance(answer, Content)
        assert (answer.whole, answer.parts[0].body) == (False, b"text")

    @pytest.mark.parametrize(
        ("structure", "texts"),
        [
            ('(("text" "plain") "mixed")', ""),
            ('("text" "plain" NIL NIL NIL "7bit" 5 1)', "BODY[1] NIL"),
            ('("text" "plain" NIL NIL NIL "7bit" 5 1)', "BODY[1]"),
        ],
        ids=["a structure that does not add up", "a part that is nil", "Yandex: a part without content"],
    )
    def test_where_the_parts_cannot_be_had_the_whole_message_is(self, structure: str, texts: str) -> None:
        with ScriptedServer(
            on(
                "UID FETCH 1 .UID BODYSTRUCTURE",
                f"* 1 FETCH (UID 1 BODYSTRUCTURE {structure} BODY[HEADER] {{2}}\r\n\r\n)",
                "%t OK",
            ),
            on("UID FETCH 1 .UID BODY.PEEK.1", f"* 1 FETCH (UID 1 {texts})", "%t OK"),
            on("UID FETCH 1 .UID BODY.PEEK..<0.1048576>", "* 1 FETCH (UID 1 BODY[]<0> {5}\r\nwhole)", "%t OK"),
        ) as server:
            (answer,) = fetch(server, 1, size=200_000).values()
        assert isinstance(answer, Content)
        assert (answer.whole, answer.raw) == (True, b"whole")

    def test_large_messages_of_one_shape_are_asked_for_together(self) -> None:
        shapes = [structure(1), structure(2), structure(3, 2_000_000), structure(4)]
        with ScriptedServer(
            on("UID FETCH 1:4 .UID BODYSTRUCTURE", *shapes, "%t OK"),
            on(r"UID FETCH 1:2,4 .UID BODY.PEEK.1.\)", *(part(uid, f"text {uid}") for uid in (4, 2, 1)), "%t OK"),
            on("UID FETCH 3 .UID BODY.PEEK.1.<0.1048576>", "* 3 FETCH (UID 3 BODY[1]<0> {6}\r\ntext 3)", "%t OK"),
            exists=4,
        ) as server:
            found = fetch(server, 1, 2, 3, 4, size=200_000)
        assert {uid: texts(answer) for uid, answer in found.items()} == {
            str(n): [f"text {n}".encode()] for n in range(1, 5)
        }

    def test_small_messages_come_before_anything_is_asked_about_large_ones(self) -> None:
        """A server that hangs up over a structure has handed them out by then."""
        small = range(1, 1_101)
        with (
            ScriptedServer(
                on("UID FETCH 2000 .UID BODYSTRUCTURE", CLOSE),
                on("UID FETCH", *(whole(uid, "x") for uid in small), "%t OK done"),
            ) as server,
            server.open() as session,
        ):
            answers = session.fetch(INBOX, "7", [*items(2000, size=200_000), *items(*small)])
            came = [next(answers).item.remote_id for _ in small]
            with pytest.raises(Transient):
                next(answers)
        assert sorted(map(int, came)) == list(small)

    @pytest.mark.parametrize("ending", ["NO some messages could not be fetched", "OK"])
    def test_a_server_that_stops_at_a_bad_structure_is_asked_for_the_others_alone(self, ending: str) -> None:
        """And not for the whole of each."""
        uids = range(1, 31)
        with ScriptedServer(
            on("UID FETCH 1:30 .UID BODYSTRUCTURE", structure(1), f"%t {ending}"),
            on("UID FETCH 2 .UID BODYSTRUCTURE", f"%t {ending}"),
            *(on(f"UID FETCH {uid} .UID BODYSTRUCTURE", structure(uid), "%t OK") for uid in uids if uid > 2),
            *(on(f"UID FETCH {uid} .UID BODY.PEEK.1.", part(uid, f"text {uid}"), "%t OK") for uid in uids),
            on("UID FETCH 2 .UID BODY.PEEK..<0.1048576>", "* 2 FETCH (UID 2 BODY[]<0> {5}\r\nwhole)", "%t OK"),
            exists=30,
        ) as server:
            found = fetch(server, *uids, size=200_000)
            in_pieces = [command for command in server.sent("UID FETCH") if "BODY.PEEK[]" in command]
        assert raw(found.pop("2")) == b"whole"
        assert {uid: texts(answer) for uid, answer in found.items()} == {
            str(uid): [f"text {uid}".encode()] for uid in uids if uid != 2
        }
        assert len(in_pieces) == 1

    @pytest.mark.parametrize("refusal", ["NO [SERVERBUG] broken file", "NO some messages could not be fetched", "OK"])
    def test_one_bad_message_among_several_asked_together_costs_the_others_nothing(self, refusal: str) -> None:
        with ScriptedServer(
            on("UID FETCH 1:3 .UID BODYSTRUCTURE", *map(structure, (1, 2, 3)), "%t OK"),
            on("UID FETCH 1:3 .UID BODY.PEEK.1", part(3, "three"), f"%t {refusal}"),
            on("UID FETCH 1 .UID BODY.PEEK.1", part(1, "one"), "%t OK"),
            on("UID FETCH 2 .UID BODY.PEEK.1", f"%t {refusal}"),
            on("UID FETCH 2 .UID BODY.PEEK..<0.1048576>", "* 2 FETCH (UID 2 BODY[]<0> {5}\r\nwhole)", "%t OK"),
            exists=3,
        ) as server:
            found = fetch(server, 1, 2, 3, size=200_000)
            assert not [
                command for command in server.sent("UID FETCH") if "BODY.PEEK[]" in command and " 2 " not in command
            ]
        assert (texts(found["1"]), raw(found["2"]), texts(found["3"])) == ([b"one"], b"whole", [b"three"])

    def test_headers_and_structures_beyond_what_may_be_held_are_read_a_few_at_a_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetching, "PLANS_HELD", 4 * 510)
        uids = range(1, 12)
        asked = r"UID FETCH [\d:,]+ .UID "
        with ScriptedServer(
            on(f"{asked}BODYSTRUCTURE", *map(structure, uids), "%t OK"),
            on(f"{asked}BODY.PEEK.1", *(part(uid, f"text {uid}") for uid in uids), "%t OK"),
            exists=11,
        ) as server:
            found = fetch(server, *uids, size=200_000)
            planned = [command for command in server.sent("UID FETCH") if "BODYSTRUCTURE" in command]
        assert {uid: texts(answer) for uid, answer in found.items()} == {str(n): [f"text {n}".encode()] for n in uids}
        assert len(planned) == 3

    def test_more_messages_than_one_batch_holds(self) -> None:
        uids = range(1, 1_801)
        with ScriptedServer(on("UID FETCH", *(whole(uid, "x") for uid in uids), "%t OK done")) as server:
            fetch(server, *uids)
            assert len(server.sent("UID FETCH")) == 4

    def test_lines_stay_short_for_servers_we_do_not_know(self) -> None:
        uids = range(1_000_000, 1_001_000, 3)
        with ScriptedServer(on("UID FETCH", *(whole(uid, "x") for uid in uids), "%t OK done")) as server:
            fetch(server, *uids)
            assert max(map(len, server.commands)) <= 990

    def test_lines_stay_short_for_texts_too(self) -> None:
        uids = range(1_000_000, 1_000_400, 3)
        asked = r"UID FETCH [\d:,]+ .UID "
        with ScriptedServer(
            on(f"{asked}BODYSTRUCTURE", *map(structure, uids), "%t OK"),
            on(f"{asked}BODY.PEEK.1", *(part(uid, "x") for uid in uids), "%t OK"),
        ) as server:
            fetch(server, *uids, size=200_000)
            assert max(map(len, server.commands)) <= 990


class TestListing:
    def test_uidnext_and_uidvalidity_may_be_missing(self) -> None:
        engine = Engine()
        script = [
            on("EXAMINE", *opened(2, None, uidvalidity=None)),
            on(r"UID FETCH 1:2 \(UID BODY", whole(1, "a"), whole(2, "b"), "%t OK"),
        ]
        with ScriptedServer(*script, exists=2) as server, server.open() as session:
            engine.refresh(session, INBOX)
            assert sorted(engine.held) == ["1", "2"]
            engine.refresh(session, INBOX)
            assert engine.new() == []
        assert engine.generation == "0"

    def test_a_uidnext_that_stands_still_hides_no_mail(self) -> None:
        engine = Engine()
        script = [
            on("EXAMINE", *opened(1, 2, modseq=5), times=1),
            on("EXAMINE", *opened(2, 2, modseq=5)),
            on("UID SEARCH ALL", "* SEARCH 1", "%t OK", times=1),
            on("UID SEARCH ALL", "* SEARCH 1 2", "%t OK"),
            on(r"UID FETCH [12] \(UID BODY", whole(1, "a"), whole(2, "b"), "%t OK"),
        ]
        with ScriptedServer(*script, exists=2, capabilities=CONDSTORE) as server, server.open() as session:
            engine.refresh(session, INBOX)
            engine.refresh(session, INBOX)
        assert engine.new() == ["2"]

    def test_a_modification_sequence_that_goes_down_has_every_flag_looked_at(self) -> None:
        engine = Engine()
        script = [
            on("EXAMINE", *opened(1, 2, modseq=50), times=1),
            on("EXAMINE", *opened(1, 2, modseq=9)),
            on(r"UID FETCH 1 \(UID BODY", whole(1, "a"), "%t OK"),
            on(r"UID FETCH 1:1 \(UID FLAGS\)$", "* 1 FETCH (UID 1 FLAGS (\\Answered))", "%t OK"),
        ]
        with ScriptedServer(*script, exists=1, capabilities=CONDSTORE) as server, server.open() as session:
            engine.refresh(session, INBOX)
            engine.refresh(session, INBOX)
        assert engine.flags["1"] == frozenset({"\\answered"})

    def test_a_star_that_finds_the_last_message_again_is_not_new_mail(self) -> None:
        engine = Engine()
        script = [
            on("EXAMINE", *opened(1, 2, modseq=5), times=1),
            on("EXAMINE", *opened(1, 3, modseq=6)),
            on("UID SEARCH UID 2:4294967295", "* SEARCH 1", "%t OK"),
            on(r"UID FETCH 1 \(UID BODY", whole(1, "a"), "%t OK"),
            on(r"UID FETCH 1:1 \(UID FLAGS\) \(CHANGEDSINCE 5\)", "%t OK"),
        ]
        with ScriptedServer(*script, exists=1, capabilities=CONDSTORE) as server, server.open() as session:
            engine.refresh(session, INBOX)
            engine.refresh(session, INBOX)
        assert engine.new() == []
        assert not engine.gone

    def test_nothing_changed_with_condstore_is_one_command(self) -> None:
        engine = Engine()
        script = [on("EXAMINE", *opened(1, 2, modseq=5)), on(r"UID FETCH 1 \(UID BODY", whole(1, "a"), "%t OK")]
        with ScriptedServer(*script, exists=1, capabilities=CONDSTORE) as server, server.open() as session:
            engine.refresh(session, INBOX)
            before = len(server.commands)
            (page,) = engine.refresh(session, INBOX)
            assert len(server.commands) == before + 1
        assert page.last

    def test_an_empty_list_of_a_folder_that_holds_mail_is_not_believed(self) -> None:
        with ScriptedServer(
            on("EXAMINE", *opened(3, 4)), on("UID SEARCH", "* SEARCH", "%t OK"), on("UID FETCH 1:4294967295", "%t OK")
        ) as server, server.open() as session, pytest.raises(Transient):  # fmt: skip
            Engine().refresh(session, INBOX)

    def test_a_message_listed_and_not_described_is_fetched_all_the_same(self) -> None:
        engine = Engine()
        script = [
            on(r"UID FETCH 1:2 \(UID FLAGS", listed(1), "%t OK"),
            on(r"UID FETCH 1:2 \(UID BODY", whole(1, "a"), whole(2, "b"), "%t OK"),
        ]
        with ScriptedServer(*script, exists=2) as server, server.open() as session:
            engine.refresh(session, INBOX)
        assert sorted(engine.held) == ["1", "2"]

    def test_an_examine_that_does_not_know_condstore_is_asked_plainly(self) -> None:
        script = on(r"EXAMINE .* \(CONDSTORE\)", "%t BAD unknown argument")
        with ScriptedServer(script, exists=0, capabilities=CONDSTORE) as server, server.open() as session:
            (page,) = Engine().refresh(session, INBOX)
        assert page.last

    def test_icloud_is_not_asked_for_qresync(self) -> None:
        capabilities = "IMAP4rev1 XAPPLEPUSHSERVICE CONDSTORE QRESYNC ENABLE"
        with ScriptedServer(capabilities=capabilities) as server, server.open() as session:
            Engine().refresh(session, INBOX)
            assert not server.sent("ENABLE")
            assert all("QRESYNC" not in command for command in server.commands)


class TestFolders:
    def test_a_server_that_refuses_the_richer_question_is_asked_plainly(self) -> None:
        script = on("LIST .* RETURN", "%t BAD no such thing")
        with (
            ScriptedServer(script, capabilities="IMAP4rev1 SPECIAL-USE LIST-EXTENDED") as server,
            server.open() as session,
        ):
            assert inbox(session).remote_name == "INBOX"

    def test_a_server_that_answers_it_with_nothing_is_asked_plainly(self) -> None:
        script = on("LIST .* RETURN", "%t OK done")
        with (
            ScriptedServer(script, capabilities="IMAP4rev1 SPECIAL-USE LIST-EXTENDED") as server,
            server.open() as session,
        ):
            assert inbox(session).remote_name == "INBOX"

    def test_xlist_names_the_folders_of_older_servers(self) -> None:
        script = on(
            "XLIST",
            '* XLIST (\\Inbox) "/" "Eingang"',
            '* XLIST (\\Sent) "/" "Gesendet"',
            '* XLIST () "/" "[Gmail]"',
            "%t OK",
        )
        with ScriptedServer(script, capabilities="IMAP4rev1 XLIST") as server, server.open() as session:
            roles = {folder.name: folder.role for folder in session.folders()}
        assert roles == {"INBOX": Role.INBOX, "Gesendet": Role.SENT, "[Gmail]": Role.OTHER}

    def test_of_two_sent_folders_the_one_with_mail_is_in_use(self) -> None:
        script = [
            on(
                "LIST", '* LIST () "." INBOX', '* LIST () "." "INBOX.Sent"', '* LIST () "." "INBOX.Sent Items"', "%t OK"
            ),
            on('STATUS "INBOX.Sent" ', '* STATUS "INBOX.Sent" (MESSAGES 0)', "%t OK"),
            on('STATUS "INBOX.Sent Items" ', '* STATUS "INBOX.Sent Items" (MESSAGES 40)', "%t OK"),
        ]
        with ScriptedServer(*script) as server, server.open() as session:
            assert [one.name for one in session.folders() if one.role is Role.SENT] == ["INBOX/Sent Items"]


class TestFinding:
    def test_a_server_without_utf8_searches_by_what_is_left_and_the_headers_decide(self) -> None:
        header = "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\n"
        script = [
            on("UID SEARCH CHARSET", "%t NO [BADCHARSET (US-ASCII)] no"),
            on("UID SEARCH ALL", "* SEARCH 1 2", "%t OK"),
            on(
                "UID FETCH",
                f"* 1 FETCH (UID 1 BODY[HEADER] {{{len(header)}}}\r\n{header})",
                "* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\n)",
                "%t OK",
            ),
        ]
        with ScriptedServer(*script, exists=2) as server, server.open() as session:
            assert [one.item.remote_id for one in session.find(Query(subject="Grüße"))] == ["1"]

    def test_a_folder_that_may_not_be_read_does_not_end_the_search(self) -> None:
        script = [
            on("LIST", '* LIST () "/" INBOX', '* LIST () "/" Shared', "%t OK"),
            on('EXAMINE "Shared"', "%t NO [NOPERM] no"),
            on("UID FETCH", "* 1 FETCH (UID 1 BODY[HEADER] {14}\r\nSubject: x\r\n\r\n)", "%t OK"),
        ]
        with ScriptedServer(*script, exists=1) as server, server.open() as session:
            assert [one.folder.name for one in session.find(Query(subject="x"))] == ["INBOX"]
