"""The sandbox's IMAP server keeps what IMAP promises."""

from __future__ import annotations

import imaplib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.sandbox.corpus import NESTED, PLAIN
from tests.sandbox.running import PASSWORD, USER, Running, running
from threadline.sandbox.imap import Options, Throttle


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as found:
        yield found


@pytest.fixture
def wire(server: Running) -> Iterator[Wire]:
    with Wire(server.port) as found:
        yield found


class Wire:
    """The protocol as text."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")
        self.greeting = self.line()
        self._tag = 0

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def line(self) -> bytes:
        line = self._file.readline()
        assert line, "the server closed the connection"
        return line.rstrip(b"\r\n")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def rest(self) -> bytes:
        return self._file.read()

    def say(self, command: str) -> list[bytes]:
        """All lines of the answer; the tagged one is last, its tag removed."""
        self._tag += 1
        tag = b"t%d " % self._tag
        self.send(tag + command.encode() + b"\r\n")
        lines = []
        while True:
            line = self.line()
            if line.startswith(tag):
                return [*lines, line.removeprefix(tag)]
            lines.append(line)

    def login(self) -> None:
        assert self.say(f"LOGIN {USER} {PASSWORD}")[-1].startswith(b"OK")


# Signing in


def test_a_wrong_password_is_refused_with_its_code(wire: Wire) -> None:
    assert wire.say(f"LOGIN {USER} wrong")[-1].startswith(b"NO [AUTHENTICATIONFAILED]")
    assert wire.say("LOGIN nobody@acme.example x")[-1].startswith(b"NO [AUTHENTICATIONFAILED]")


def test_plain_works_with_and_without_an_initial_response(server: Running) -> None:
    encoded = b"AGFsaWNlQGFjbWUuZXhhbXBsZQBzZWNyZXQ="
    with Wire(server.port) as wire:
        assert wire.say(f"AUTHENTICATE PLAIN {encoded.decode()}")[-1].startswith(b"OK")
    client = imaplib.IMAP4("127.0.0.1", server.port, timeout=10)
    assert client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())[0] == "OK"
    client.logout()


def test_nothing_but_signing_in_is_allowed_before_signing_in(wire: Wire) -> None:
    for command in ("SELECT INBOX", 'LIST "" *', "FETCH 1 FLAGS", "IDLE"):
        assert wire.say(command)[-1].startswith(b"BAD")


# Looking changes nothing


def test_examine_and_peek_change_nothing(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED)
    wire.login()
    before = wire.say("STATUS INBOX (UNSEEN HIGHESTMODSEQ UIDNEXT)")
    wire.say("EXAMINE INBOX")
    wire.say("UID FETCH 1:* (BODY[] RFC822 RFC822.TEXT)")
    assert wire.say("STORE 1 +FLAGS (\\Seen)")[-1].startswith(b"NO")
    assert wire.say("EXPUNGE")[-1].startswith(b"NO")
    wire.say("SELECT INBOX")
    wire.say("UID FETCH 1:* (BODY.PEEK[] RFC822.HEADER BODYSTRUCTURE)")
    wire.say("UNSELECT")
    assert wire.say("STATUS INBOX (UNSEEN HIGHESTMODSEQ UIDNEXT)") == [before[0], b"OK Status completed"]


def test_a_plain_body_fetch_marks_the_message_seen_and_says_so(server: Running, wire: Wire) -> None:
    server.append(PLAIN)
    wire.login()
    wire.say("SELECT INBOX")
    assert any(b"\\Seen" in line for line in wire.say("FETCH 1 BODY[1]<0.3>"))


# Folders


def test_a_folder_name_in_any_script_survives_the_wire(server: Running) -> None:
    with IMAPClient("127.0.0.1", server.port, ssl=False, timeout=10) as client:
        client.login(USER, PASSWORD)
        for name in ("Entwürfe & Co", "已发送", "Ablage/Größe"):
            client.create_folder(name)
            assert client.select_folder(name)[b"EXISTS"] == 0
        assert {"Entwürfe & Co", "已发送", "Ablage/Größe"} <= {name for _, _, name in client.list_folders()}


def test_list_patterns_special_use_and_status_in_one_go(server: Running, wire: Wire) -> None:
    server.do(lambda: server.account.create_folder("Gesendet", "\\Sent"))
    server.append(PLAIN, folder="Clients/Acme")
    wire.login()
    assert wire.say('LIST "" %')[:-1] == [
        b'* LIST (\\HasNoChildren) "/" "INBOX"',
        b'* LIST (\\HasNoChildren \\Sent) "/" "Gesendet"',
    ]
    assert wire.say('LIST (SPECIAL-USE) "" *')[:-1] == [b'* LIST (\\HasNoChildren \\Sent) "/" "Gesendet"']
    lines = wire.say('LIST "" "Clients/*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT))')
    assert lines[:-1] == [
        b'* LIST (\\HasNoChildren) "/" "Clients/Acme"',
        b'* STATUS "Clients/Acme" (MESSAGES 1 UIDNEXT 2)',
    ]


def test_a_server_without_extensions_has_none(tmp_path: Path) -> None:
    with (
        running(tmp_path, Options(condstore=False, special_use=False, esearch=False)) as server,
        Wire(server.port) as wire,
    ):
        server.do(lambda: server.account.create_folder("Sent", "\\Sent"))
        wire.login()
        announced = wire.say("CAPABILITY")[0]
        assert not {b"CONDSTORE", b"SPECIAL-USE", b"ESEARCH"} & set(announced.split())
        assert b"\\Sent" not in wire.say('LIST "" Sent')[0]
        assert not any(b"MODSEQ" in line for line in wire.say("SELECT INBOX"))
        assert wire.say("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)")[-1].startswith(b"BAD")
        assert wire.say("SEARCH RETURN (COUNT) ALL")[-1].startswith(b"BAD")


# Change and what is told of it


def test_changedsince_tells_what_changed_and_nothing_else(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED, PLAIN)
    wire.login()
    opened = wire.say("EXAMINE INBOX (CONDSTORE)")
    highest = next(int(line.split()[3].rstrip(b"]")) for line in opened if b"HIGHESTMODSEQ" in line)
    assert wire.say(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest})")[:-1] == []
    server.do(lambda: server.account.set_flags(server.account.folder("INBOX"), {2: frozenset({"\\Flagged"})}))
    changed = wire.say(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest})")[:-1]
    assert changed[0] == b"* 2 FETCH (UID 2 MODSEQ (%d) FLAGS (\\Flagged \\Recent))" % (highest + 1)
    assert all(b"UID 2 " in line for line in changed)


def test_expunges_are_not_told_during_a_fetch_but_at_the_next_noop(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED, PLAIN)
    wire.login()
    wire.say("SELECT INBOX")
    server.do(lambda: server.account.expunge(server.account.folder("INBOX"), [1, 2]))
    assert not any(b"EXPUNGE" in line for line in wire.say("FETCH 3 UID"))
    assert wire.say("NOOP")[:-1] == [b"* 1 EXPUNGE", b"* 1 EXPUNGE"]
    assert wire.say("FETCH 1 UID")[0] == b"* 1 FETCH (UID 3)"


def test_idle_tells_of_new_mail_at_once(server: Running) -> None:
    with IMAPClient("127.0.0.1", server.port, ssl=False, timeout=10) as client:
        client.login(USER, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        client.idle()
        server.append(PLAIN)
        assert (1, b"EXISTS") in client.idle_check(timeout=5)
        client.idle_done()


def test_uids_are_never_used_again(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED)
    wire.login()
    wire.say("SELECT INBOX")
    wire.say("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    wire.say("EXPUNGE")
    assert server.append(PLAIN) == [3]


def test_copy_and_move_say_where_the_messages_went(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED)
    wire.login()
    wire.say("CREATE Clients/Acme")
    wire.say("SELECT INBOX")
    assert b"[COPYUID " in wire.say("UID COPY 1:2 Clients/Acme")[-1]
    moved = wire.say("UID MOVE 1 Clients/Acme")
    assert moved[0].startswith(b"* OK [COPYUID ")
    assert moved[1] == b"* 1 EXPUNGE"
    assert wire.say("UID COPY 2 Nowhere")[-1].startswith(b"NO [TRYCREATE]")
    assert wire.say("STATUS Clients/Acme (MESSAGES)")[0].endswith(b"(MESSAGES 3)")


def test_append_says_the_new_uid_and_keeps_flags_and_date(server: Running) -> None:
    client = server.client()
    date = '" 7-Feb-2026 21:52:25 -0800"'
    status, (text,) = client.append("INBOX", "(\\Seen Kept)", date, PLAIN)
    assert status == "OK"
    assert b"APPENDUID" in text
    client.select("INBOX")
    answer = client.fetch("1", "(FLAGS INTERNALDATE)")[1][0]
    assert b"\\Seen" in answer
    assert b"Kept" in answer
    assert b'" 7-Feb-2026 21:52:25 -0800"' in answer
    client.logout()


def test_esearch_answers_what_was_asked(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED, PLAIN)
    wire.login()
    wire.say("EXAMINE INBOX")
    assert wire.say("UID SEARCH RETURN (MIN MAX COUNT ALL) ALL")[0].endswith(b"UID MIN 1 MAX 3 ALL 1:3 COUNT 3")
    assert wire.say("SEARCH RETURN () FROM juergen")[0].endswith(b") ALL 2")


# A new UIDVALIDITY, a stop, a restart


def test_a_new_uidvalidity_renumbers_and_throws_out_whoever_has_the_folder_open(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED)
    wire.login()
    before = wire.say("STATUS INBOX (UIDVALIDITY)")[0]
    wire.say("EXAMINE INBOX")
    server.do(lambda: server.account.renumber(server.account.folder("INBOX")))
    wire.send(b"x NOOP\r\n")
    assert wire.rest().startswith(b"* BYE [UNAVAILABLE]")
    with Wire(server.port) as again:
        again.login()
        assert again.say("STATUS INBOX (UIDVALIDITY)")[0] != before
        again.say("EXAMINE INBOX")
        assert again.say("FETCH 1:* UID")[:-1] == [b"* 1 FETCH (UID 3)", b"* 2 FETCH (UID 4)"]


def test_a_restart_finds_everything_as_it_was(tmp_path: Path) -> None:
    asked = "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"
    with running(tmp_path) as server, Wire(server.port) as wire:
        server.append(PLAIN, NESTED, flags=frozenset({"\\Seen", "Kept"}))
        server.append(PLAIN)
        wire.login()
        before = wire.say(asked)
    with running(tmp_path) as server, Wire(server.port) as wire:
        wire.login()
        assert wire.say(asked) == before
        wire.say("EXAMINE INBOX")
        assert b"Kept" in wire.say("UID FETCH 2 FLAGS")[0]


# Trouble


def test_throttling_refuses_commands_or_sign_ins(server: Running, wire: Wire) -> None:
    wire.login()
    server.faults.throttle = Throttle.LIMIT
    assert wire.say("EXAMINE INBOX")[-1].startswith(b"NO [LIMIT]")
    server.faults.throttle = Throttle.CONNECTIONS
    with Wire(server.port) as other:
        assert b"Too many simultaneous connections" in other.say(f"LOGIN {USER} {PASSWORD}")[-1]
    assert wire.say("EXAMINE INBOX")[-1].startswith(b"OK")


def test_a_fetch_can_be_cut_in_the_middle_once(server: Running, wire: Wire) -> None:
    server.append(PLAIN, NESTED)
    server.faults.cut_next_fetch = True
    wire.login()
    wire.say("EXAMINE INBOX")
    wire.send(b"x UID FETCH 1:2 BODY.PEEK[]\r\n")
    received = wire.rest()
    assert received.startswith(b"* 1 FETCH")
    assert b"x OK" not in received
    with Wire(server.port) as again:
        again.login()
        again.say("EXAMINE INBOX")
        assert again.say("UID FETCH 1:2 UID")[-1].startswith(b"OK")


# Hostile clients


@pytest.mark.parametrize(
    "sent",
    [
        b"a" * 200_000,
        b"a LOGIN {999999999}\r\n",
        b"a LOGIN {9000+}\r\n" + b"x" * 9000,
        b"\r\n" * 40,
        b"\x00\xff\xfe\r\n" * 40,
        b"a FOO\r\n" * 40,
        b"a LOGIN {1+}\r\nx" * 3000,
    ],
    ids=["endless line", "huge literal", "literal before login", "empty lines", "binary", "unknown", "many literals"],
)
def test_nonsense_ends_the_connection_and_nobody_elses(server: Running, wire: Wire, sent: bytes) -> None:
    with Wire(server.port) as other:
        try:
            wire.send(sent)
            said = wire.rest()
        except ConnectionError:
            said = b"* BYE"
        assert b"* BYE" in said
        other.login()


def test_a_search_nested_too_deeply_is_refused(wire: Wire) -> None:
    wire.login()
    wire.say("EXAMINE INBOX")
    assert wire.say("SEARCH " + "NOT " * 3000 + "ALL")[-1].startswith(b"BAD")
    assert wire.say("SEARCH " + "(" * 3000 + "ALL")[-1].startswith(b"BAD")


def test_parts_nested_without_end_are_described_all_the_same(server: Running, wire: Wire) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000))
    messages = b"Content-Type: message/rfc822\r\n\r\n" * 5000
    server.append(nested, messages)
    wire.login()
    wire.say("EXAMINE INBOX")
    begun = time.monotonic()
    assert wire.say("FETCH 1:2 (BODYSTRUCTURE ENVELOPE)")[-1].startswith(b"OK")
    assert time.monotonic() - begun < 2


def test_ten_thousand_messages_list_in_well_under_a_second(server: Running) -> None:
    server.append(*[PLAIN] * 10_000)
    client = server.client()
    client.select("INBOX", readonly=True)
    begun = time.monotonic()
    status, found = client.uid("FETCH", "1:*", "(FLAGS)")
    listed = time.monotonic() - begun
    assert (status, len(found)) == ("OK", 10_000)
    assert listed < 1
    assert len(client.uid("SEARCH", "ALL")[1][0].split()) == 10_000
    client.logout()
