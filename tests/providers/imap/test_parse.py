"""Answers of real servers, and of servers that follow no grammar."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.imap import parse
from threadline.providers.imap.parse import Continue, Data, Fetched, Status, Unreadable
from threadline.providers.imap.tokens import tokenize_text
from threadline.providers.imap.wire import Framer, ProtocolError, Skipped


def answers(wire: bytes) -> list[parse.Answer]:
    framer = Framer()
    framer.feed(wire.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    found = []
    while frame := framer.next():
        found.append(parse.answer(frame))
    return found


def data(wire: bytes) -> Data:
    (found,) = answers(wire + b"\r\n")
    assert isinstance(found, Data)
    return found


def status(wire: bytes) -> Status:
    (found,) = answers(wire + b"\r\n")
    assert isinstance(found, Status)
    return found


def fetched(wire: bytes) -> Fetched:
    found = parse.fetched(data(wire))
    assert found is not None
    return found


class TestStatuses:
    def test_a_code_with_an_argument(self) -> None:
        found = status(b"* OK [UIDNEXT 4392] Predicted next UID")
        assert (found.kind, found.code, found.about, found.tag) == ("OK", "UIDNEXT", "4392", "")

    def test_a_tagged_refusal_keeps_the_servers_words(self) -> None:
        found = status(b"T7 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
        assert (found.tag, found.code) == ("T7", "AUTHENTICATIONFAILED")
        assert found.answer == "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"

    def test_gmails_webalert_carries_its_address(self) -> None:
        found = status(b"* NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1] Web login required.")
        assert found.code == "WEBALERT"
        assert found.about.startswith("https://accounts.google.com/")

    def test_exchanges_code_without_ok_counts_as_ok(self) -> None:
        assert status(b"* [UIDVALIDITY 14] UIDs valid").about == "14"

    def test_a_status_without_text(self) -> None:
        assert status(b"T1 OK").kind == "OK"

    def test_eight_bit_text_does_not_break(self) -> None:
        assert "�" in status(b"* BYE Verbindung zur\xfcckgesetzt").text

    def test_a_continuation(self) -> None:
        assert answers(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n") == [Continue(b"eyJzdGF0dXMiOiI0MDAifQ==")]

    def test_what_is_no_imap_is_unreadable(self) -> None:
        assert answers(b"220 mail.acme.test ESMTP Postfix\r\n") == [Unreadable(b"220 mail.acme.test ESMTP Postfix")]


class TestFolders:
    @pytest.mark.parametrize(
        ("wire", "name", "delimiter", "flag"),
        [
            (b'* LIST (\\HasNoChildren \\Sent) "/" "[Gmail]/Sent Mail"', "[Gmail]/Sent Mail", "/", "\\Sent"),
            (b'* XLIST (\\HasNoChildren \\Inbox) "/" "Inbox"', "Inbox", "/", "\\Inbox"),
            (b'* LIST (\\HasNoChildren) "." "INBOX.Sent"', "INBOX.Sent", ".", "\\HasNoChildren"),
            (b'* LIST (\\Unmarked \\NoInferiors) "|" INBOX', "INBOX", "|", "\\Unmarked"),
            (b'* LIST (\\Marked) NIL "Entw&APw-rfe"', "Entw&APw-rfe", None, "\\Marked"),
            (b'* LIST () "/" {5}\r\na"b\\c', 'a"b\\c', "/", None),
            (b'* LIST (\\HasNoChildren) "/" "a \\"quoted\\" \\\\ name"', 'a "quoted" \\ name', "/", "\\HasNoChildren"),
            (b'* LIST (\\HasNoChildren) "/" New\x01Folder', "New\x01Folder", "/", "\\HasNoChildren"),
            (b'* LIST (\\HasNoChildren \\Sent) "." Sent ("CHILDINFO" ("SUBSCRIBED"))', "Sent", ".", "\\Sent"),
        ],
        ids=[
            "Gmail",
            "XLIST",
            "Courier",
            "Yandex",
            "no delimiter",
            "a literal",
            "escapes",
            "Exchange: control",
            "extended",
        ],
    )
    def test_folders_as_servers_list_them(
        self, wire: bytes, name: str, delimiter: str | None, flag: str | None
    ) -> None:
        found = parse.listed(data(wire))
        assert found is not None
        assert (found.name, found.delimiter) == (name, delimiter)
        assert flag is None or flag in found.flags

    def test_every_name_finds_its_way_back_to_the_wire(self) -> None:
        found = parse.listed(data(b'* LIST () "/" "Entw\xc3\xbcrfe \xff"'))
        assert found is not None
        assert found.name.encode("latin-1") == b"Entw\xc3\xbcrfe \xff"

    def test_a_listing_that_cannot_be_read_is_none(self) -> None:
        assert parse.listed(data(b'* LIST (\\Sent "/" Sent')) is None

    def test_the_numbers_of_status(self) -> None:
        found = parse.status_items(data(b'* STATUS "Sent Items" (MESSAGES 231 UIDNEXT 9.3736e+06 HIGHESTMODSEQ -1)'))
        assert found == {"MESSAGES": 231, "UIDNEXT": 9_373_600}


class TestMessages:
    @pytest.mark.parametrize("date", ["17-Jul-1996 02:44:25 -0700", " 1-Jan-0000 00:00:00 +0000"])
    @pytest.mark.parametrize("flags", ["", "\\Seen \\Recent", "\\FLAGGED $Label1"])
    def test_the_usual_listing_reads_as_one_in_any_other_order(self, flags: str, date: str) -> None:
        usual = f'* 12 FETCH (UID 31 FLAGS ({flags}) INTERNALDATE "{date}" RFC822.SIZE 4286)'
        other = f'* 12 FETCH (RFC822.SIZE 4286 INTERNALDATE "{date}" FLAGS ({flags}) UID 31)'
        assert fetched(usual.encode()) == fetched(other.encode())

    def test_gmails_listing(self) -> None:
        found = fetched(
            b"* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 4391 RFC822.SIZE 8743 "
            b'INTERNALDATE " 4-Mar-2026 09:15:08 -0800" '
            b"FLAGS (\\Seen $NotPhishing) MODSEQ (65))"
        )
        assert (found.uid, found.size) == (4391, 8743)
        assert found.flags == frozenset({"\\seen", "$notphishing"})
        assert found.received_at == datetime(2026, 3, 4, 17, 15, 8, tzinfo=UTC)

    def test_a_message_and_what_comes_after_it(self) -> None:
        found = fetched(b"* 12 FETCH (BODY[] {14}\r\nSubject: x\r\n\r\n UID 31 FLAGS (\\Recent))")
        assert found.sections == {"": b"Subject: x\r\n\r\n"}
        assert (found.uid, found.flags) == (31, frozenset())

    def test_partial_sections_are_known_by_their_name(self) -> None:
        found = fetched(
            b'* 1 FETCH (UID 3 BODY[1.mime] {4}\r\na: b BODY[1]<0> "text" BODY[HEADER.FIELDS (A B)] {0}\r\n)'
        )
        assert found.sections == {"1.MIME": b"a: b", "1": b"text", "HEADER.FIELDS (A B)": b""}

    def test_yandex_leaves_out_the_content_of_a_part(self) -> None:
        found = fetched(b"* 3 FETCH (BODY[2] UID 77 FLAGS (\\Seen))")
        assert (found.sections, found.uid) == ({}, 77)
        assert fetched(b"* 3 FETCH (UID 77 BODY[2])").sections == {}

    def test_a_part_whose_text_is_the_name_of_an_item_stays_a_text(self) -> None:
        assert fetched(b"* 3 FETCH (UID 77 BODY[1] {5}\r\nFLAGS FLAGS (\\Seen))").sections == {"1": b"FLAGS"}

    def test_an_absent_part_is_no_part(self) -> None:
        assert fetched(b"* 3 FETCH (BODY[2] NIL UID 77)") == Fetched(3, uid=77)

    def test_zohos_negative_modseq_does_not_break_the_answer(self) -> None:
        assert fetched(b"* 6 FETCH (UID 99 FLAGS (\\Seen) MODSEQ (-1))").uid == 99

    def test_an_answer_without_uid_or_flags(self) -> None:
        assert fetched(b"* 6 FETCH (RFC822.SIZE 10)") == Fetched(6, size=10)

    def test_domino_puts_more_parentheses_around_a_value(self) -> None:
        assert fetched(b'* 1 FETCH (UID 1 ENVELOPE (("x" NIL)) RFC822.SIZE 5)').size == 5

    def test_a_literal_that_was_not_kept_says_so(self) -> None:
        framer = Framer()
        framer.feed(b"* 1 FETCH (UID 2 BODY[] {5000000}\r\n" + b"x" * 5_000_000 + b")\r\n")
        frame = framer.next()
        assert frame is not None
        found = parse.answer(frame)
        assert isinstance(found, Data)
        item = parse.fetched(found)
        assert item is not None
        assert item.sections == {"": Skipped(5_000_000)}

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            (" 1-Jan-2026 00:00:00 +0000", datetime(2026, 1, 1, tzinfo=UTC)),
            ("01-JAN-2026 02:00:00 +0200", datetime(2026, 1, 1, tzinfo=UTC)),
            ("1-Jan-2026 00:00:60 +0000", datetime(2026, 1, 1, 0, 0, 59, tzinfo=UTC)),
            ("1-Jan-2026 00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
            ("00-Jan-0000 00:00:00 +0000", None),
            ("1-Foo-2026 00:00:00 +0000", None),
            ("1-Jan-0001 00:00:00 +2359", None),
            ("1-Jan-2026 00:00:00 +9999", None),
        ],
    )
    def test_internal_dates(self, text: str, moment: datetime | None) -> None:
        assert parse.internal_date(text) == moment


class TestIds:
    @pytest.mark.parametrize(
        ("wire", "ranges"),
        [
            (b'* ESEARCH (TAG "A12") UID COUNT 17 ALL 4:18,21,28', [(4, 18), (21, 21), (28, 28)]),
            (b'* ESEARCH (TAG "A12") UID', []),
            (b"* ESEARCH UID ALL 5", [(5, 5)]),
            (b"* SEARCH 3 1 2 9 (MODSEQ 917162500)", [(1, 3), (9, 9)]),
            (b"* SEARCH", []),
            (b"* SEARCH ", []),
        ],
    )
    def test_what_a_search_found(self, wire: bytes, ranges: list[tuple[int, int]]) -> None:
        assert parse.search_result(data(wire)) == ranges

    def test_a_search_that_cannot_be_read_is_none_and_not_nothing(self) -> None:
        assert parse.search_result(data(b"* SEARCH 1 2 (MODSEQ 5")) is None

    def test_vanished(self) -> None:
        assert parse.vanished(data(b"* VANISHED (EARLIER) 41,43:116,118")) == [(41, 41), (43, 116), (118, 118)]
        assert parse.vanished(data(b"* VANISHED 505,507")) == [(505, 505), (507, 507)]


@given(st.binary(max_size=120))
def test_arbitrary_text_never_raises(text: bytes) -> None:
    framer = Framer()
    framer.feed(b"* 1 FETCH (" + text.replace(b"{", b"") + b"\r\n")
    while frame := framer.next():
        found = parse.answer(frame)
        if isinstance(found, Data):
            parse.fetched(found)
            parse.listed(found)
            parse.search_result(found)
            parse.status_items(found)
            parse.vanished(found)


def test_nesting_is_limited_and_costs_no_stack() -> None:
    with pytest.raises(ProtocolError):
        tokenize_text(b"(" * 200_000)


@pytest.mark.parametrize("text", [b'("open', b"(a", b"a)", b'"a\\"'])
def test_what_does_not_end_is_a_protocol_error(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        tokenize_text(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (b"12", 12),
        (b"9.3736e+06", 9_373_600),
        (b"-1", None),
        (b"1e400", None),
        (b"x", None),
        (None, None),
        (b"nan", None),
    ],
)
def test_numbers_as_servers_write_them(value: bytes | None, number: int | None) -> None:
    assert parse.number(value) == number
