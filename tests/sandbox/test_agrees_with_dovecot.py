"""What the sandbox's IMAP server says about a mailbox is what Dovecot says about the same one."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.corpus import WELL_FORMED
from tests.sandbox.running import ARRIVED, PASSWORD, USER, running
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Delivery
from threadline.sandbox.demo.whole import mailbox
from threadline.sandbox.imap import NewMessage

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.xdist_group("agrees")]
DEMO = "Demo"
NOW = datetime(2026, 6, 16, 12, 0, tzinfo=UTC)
LITERAL = re.compile(rb"\{(\d+)\}\Z")


@dataclass
class Pair:
    ours: imaplib.IMAP4
    dovecot: imaplib.IMAP4

    def open(self, folder: str) -> None:
        assert self.ours.select(folder, readonly=True)[0] == "OK"
        assert self.dovecot.select(folder, readonly=True)[0] == "OK"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both servers with the same mail: the corpus in the Inbox, the demo (less its 8 MB) in a folder of its own."""
    demo = [mail for mail in mailbox(NOW) if len(mail.raw) < 1_000_000]
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with running(folder) as server, Dovecot() as dovecot:
        dovecot.add_user(USER, PASSWORD)
        server.append(*WELL_FORMED.values())
        server.do(
            lambda: server.account.append(
                server.account.create_folder(DEMO), [NewMessage(m.raw, m.received, m.flags) for m in demo]
            )
        )
        dovecot.deliver_many(USER, [Delivery(raw, "INBOX", (), ARRIVED) for raw in WELL_FORMED.values()])
        dovecot.deliver_many(USER, [Delivery(m.raw, DEMO, tuple(m.flags), m.received) for m in demo])
        theirs = imaplib.IMAP4("127.0.0.1", dovecot.port, timeout=20)
        theirs.login(USER, PASSWORD)
        found = Pair(server.client(), theirs)
        yield found
        found.ours.logout()
        theirs.logout()


def normal(answer: tuple[str, list[object]]) -> bytes:
    """One way of writing: literals become quoted strings, letters lower-case, NIL for the empty string."""
    status, data = answer
    pieces = [status.encode()]
    for item in data:
        if isinstance(item, tuple):
            head, content = item
            escaped = content.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            pieces.append(LITERAL.sub(b"", head) + b'"' + escaped + b'"')
        elif isinstance(item, bytes):
            pieces.append(item)
    return re.sub(rb'(?<=\s)""|^""', b"nil", b"".join(pieces).lower())


SECTIONS = (
    "",
    "HEADER",
    "TEXT",
    "HEADER.FIELDS (SUBJECT TO)",
    "HEADER.FIELDS.NOT (FROM)",
    "1",
    "2",
    "3",
    "1.1",
    "1.2",
    "3.1",
    "3.2",
    "1.1.1",
    "1.MIME",
    "2.MIME",
    "3.1.MIME",
    "1.HEADER",
    "3.HEADER",
    "3.TEXT",
    "3.HEADER.FIELDS (SUBJECT)",
)


@pytest.mark.parametrize("section", SECTIONS)
def test_sections_are_the_same_bytes(pair: Pair, section: str) -> None:
    pair.open("INBOX")
    for number, name in enumerate(WELL_FORMED, 1):
        item = f"BODY.PEEK[{section}]"
        assert normal(pair.ours.fetch(str(number), item)) == normal(pair.dovecot.fetch(str(number), item)), name


@pytest.mark.parametrize("partial", ["<0.5>", "<3.10>", "<10.100000>", "<100000.5>"])
@pytest.mark.parametrize("section", ["", "1", "TEXT", "HEADER"])
def test_partials_are_the_same_bytes(pair: Pair, section: str, partial: str) -> None:
    pair.open("INBOX")
    for number, name in enumerate(WELL_FORMED, 1):
        item = f"BODY.PEEK[{section}]{partial}"
        assert normal(pair.ours.fetch(str(number), item)) == normal(pair.dovecot.fetch(str(number), item)), name


@pytest.mark.parametrize("item", ["BODYSTRUCTURE", "BODY", "ENVELOPE", "RFC822.SIZE"])
def test_descriptions_of_the_corpus_agree(pair: Pair, item: str) -> None:
    pair.open("INBOX")
    for number, name in enumerate(WELL_FORMED, 1):
        assert normal(pair.ours.fetch(str(number), item)) == normal(pair.dovecot.fetch(str(number), item)), name


@pytest.mark.parametrize("item", ["BODYSTRUCTURE", "ENVELOPE", "RFC822.SIZE"])
def test_descriptions_of_the_whole_demo_agree(pair: Pair, item: str) -> None:
    pair.open(DEMO)
    count = int(pair.ours.status(DEMO, "(MESSAGES)")[1][0].split()[-1].strip(b")"))
    assert count > 600
    for number in range(1, count + 1):
        assert normal(pair.ours.fetch(str(number), item)) == normal(pair.dovecot.fetch(str(number), item)), number


@pytest.mark.parametrize(
    "criteria",
    [
        "ALL",
        "UNSEEN",
        "SEEN ANSWERED",
        "NOT ANSWERED SEEN",
        "OR ANSWERED UNSEEN",
        "FROM anna.berg",
        'FROM "Anna Berg"',
        "TO sofia",
        "CC jonas",
        "BCC grace",
        'SUBJECT "interview"',
        'SUBJECT "second interview" FROM anna',
        "HEADER List-Id recruiters",
        'HEADER Message-ID "<bounce-7741@mx.northgate.example>"',
        'HEADER References ""',
        "SINCE 1-Jun-2026",
        "BEFORE 1-Feb-2026",
        "ON 15-Jun-2026",
        "SENTSINCE 1-Jun-2026 SENTBEFORE 10-Jun-2026",
        "LARGER 20000",
        "SMALLER 900",
        "UID 3:9,12,700:*",
        "2:5,10",
        "NOT 5:*",
        'BODY "cinnamon buns"',
        'TEXT "cinnamon buns"',
        "(OR FROM tom FROM anna) UNSEEN",
        "KEYWORD $Forwarded",
        "UNKEYWORD $Forwarded LARGER 50000",
        "DRAFT",
        "UNDELETED UNFLAGGED UNDRAFT SMALLER 1000",
    ],
)
def test_searches_find_the_same(pair: Pair, criteria: str) -> None:
    pair.open(DEMO)
    assert pair.ours.search(None, criteria) == pair.dovecot.search(None, criteria)
    assert pair.ours.uid("SEARCH", criteria) == pair.dovecot.uid("SEARCH", criteria)


@pytest.mark.parametrize("words", ["Straßer", "Grüße", "面接日程", "Pani Sofio", "Élodie"])
def test_searches_in_utf_8_find_the_same(pair: Pair, words: str) -> None:
    pair.open(DEMO)
    found = []
    for client in (pair.ours, pair.dovecot):
        client.literal = words.encode()  # type: ignore[attr-defined]
        found.append(client.uid("SEARCH", "CHARSET", "UTF-8", "TEXT"))
    assert found[0] == found[1]
    assert found[0][1][0]


def test_both_refuse_a_charset_nobody_knows(pair: Pair) -> None:
    pair.open("INBOX")
    for client in (pair.ours, pair.dovecot):
        status, (text,) = client.uid("SEARCH", "CHARSET", "x-klingon", "ALL")
        assert status == "NO"
        assert b"BADCHARSET" in text


@pytest.mark.parametrize(
    "command", ["FETCH 99999 FLAGS", "FETCH 0 FLAGS", "FETCH x FLAGS", "SEARCH BOGUS", "SEARCH SINCE never"]
)
def test_both_call_the_same_commands_bad(pair: Pair, command: str) -> None:
    pair.open("INBOX")
    for client in (pair.ours, pair.dovecot):
        name, _, rest = command.partition(" ")
        with pytest.raises(imaplib.IMAP4.error, match="BAD"):
            client._simple_command(name, rest)
