"""The reader of hostile mail dies alone: everything around the message that killed it is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content, PartInfo, RemoteItem, TextPart
from threadline.providers.mime import defects
from threadline.providers.mime.parse import parse
from threadline.providers.mime.pool import ParseFailure, Parser, ParserUnavailable, PartNotFound, Reason

HEADER = b"From: A <a@example.org>\r\nTo: b@example.org\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\n"
MEGABYTE = 1_000_000
ENOUGH = 400 * MEGABYTE


def mail(name: str, body: bytes = b"Content-Type: text/plain\r\n\r\nHello\r\n") -> Content:
    raw = HEADER % (name.encode(), name.encode()) + body
    return Content(RemoteItem(name, len(raw), None), raw)


def html_of_a_hundred_thousand_attributes() -> bytes:
    """Compiled parsers of HTML compare every attribute with all before it."""
    return b"<a " + b" ".join(b"a%d=1" % number for number in range(200_000)) + b">"


SLOW = mail("slow", b"Content-Type: text/html\r\n\r\n" + html_of_a_hundred_thousand_attributes())
# More than the child may hold: the frame, the message and its text.
GREEDY = mail("greedy", b"Content-Type: text/plain\r\n\r\n" + b"hello world\r\n" * 20 * MEGABYTE)
# Its header alone takes seconds: half a million addresses that are none.
SLOW_HEADER = mail("slow-header", b"Cc: " + b"@," * 480_000 + b"\r\n\r\nHello")


def around(poison: Content) -> list[Content]:
    return [*(mail(f"before{n}") for n in range(3)), poison, *(mail(f"after{n}") for n in range(3))]


def subjects(answers: list[ParsedMessage | ParseFailure]) -> list[str]:
    return [answer.subject if isinstance(answer, ParsedMessage) else answer.reason.value for answer in answers]


def test_a_batch_comes_back_in_order_and_as_parsed_in_process() -> None:
    contents = [mail(f"m{number}") for number in range(500)]
    with Parser() as parser:
        assert parser.parse_many(contents) == [parse(content) for content in contents]
        assert parser.parse_many([]) == []


def test_a_message_that_takes_too_long_keeps_its_header_and_costs_the_others_nothing() -> None:
    with Parser(seconds=1) as parser:
        answers = parser.parse_many(around(SLOW))
    assert subjects(answers) == ["before0", "before1", "before2", "slow", "after0", "after1", "after2"]
    killer = answers[3]
    assert isinstance(killer, ParsedMessage)
    assert killer.message_id == "slow@example.org"
    assert not killer.complete
    assert killer.defects == (defects.BODY_KILLED,)
    assert all(answer.complete for answer in answers if isinstance(answer, ParsedMessage) and answer is not killer)


def test_a_message_that_takes_too_much_memory_keeps_its_header_and_costs_the_others_nothing() -> None:
    with Parser(memory_limit=ENOUGH) as parser:
        answers = parser.parse_many(around(GREEDY))
    assert subjects(answers) == ["before0", "before1", "before2", "greedy", "after0", "after1", "after2"]
    assert not answers[3].complete  # type: ignore[union-attr]


def test_a_message_whose_header_kills_as_well_is_a_failure_with_its_reason() -> None:
    with Parser(seconds=0.3) as parser:
        answers = parser.parse_many(around(SLOW_HEADER))
    assert subjects(answers) == ["before0", "before1", "before2", "timed_out", "after0", "after1", "after2"]
    assert answers[3] == ParseFailure(Reason.TIMED_OUT, attempts=3)


def test_a_part_that_takes_too_much_memory_is_a_failure_with_its_reason() -> None:
    with Parser(memory_limit=ENOUGH) as parser:
        assert parser.extract(GREEDY.raw, "1") == ParseFailure(Reason.OUT_OF_MEMORY, attempts=1)


def test_a_child_killed_between_two_batches_is_replaced() -> None:
    with Parser() as parser:
        parser.parse_many([mail("first")])
        killed = parser.child_pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert subjects(parser.parse_many([mail("second")])) == ["second"]
        assert parser.child_pid != killed


@contextmanager
def killing(parser: Parser, *, every: float, times: int) -> Iterator[list[int]]:
    """SIGKILL to the parser's child now and then, while something is read; the children that were killed."""
    killed: list[int] = []
    over = threading.Event()

    def kill_now_and_then() -> None:
        while not over.wait(every) and len(killed) < times:
            if (pid := parser.child_pid) is not None:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        yield killed
    finally:
        over.set()
        killer.join()


def test_a_child_killed_within_batches_loses_nothing() -> None:
    contents = [mail(f"m{number}", b"\r\n" + b"some text\r\n" * 3000) for number in range(600)]
    with Parser() as parser:
        parser.parse_many(contents[:1])
        with killing(parser, every=0.05, times=3) as killed:
            answers = [answer for _ in range(4) for answer in parser.parse_many(contents)]
    assert killed
    # Killed twice on one message, it is given up with its header: never lost, never out of order.
    assert subjects(answers) == [f"m{number}" for number in range(600)] * 4


def test_a_child_that_stands_still_is_killed_at_the_deadline() -> None:
    with Parser(seconds=0.5) as parser:
        parser.parse_many([mail("first")])
        assert parser.child_pid is not None
        os.kill(parser.child_pid, signal.SIGSTOP)
        started = time.monotonic()
        assert subjects(parser.parse_many([mail("second", b"\r\n" + b"x" * 3 * MEGABYTE)])) == ["second"]
        assert time.monotonic() - started < 5


def test_the_child_ends_with_its_parent() -> None:
    program = (
        "import os, signal\n"
        "from threadline.providers.mime.pool import Parser\n"
        "parser = Parser(); parser.sanitise('<p>x')\n"
        "print(parser.child_pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False, timeout=60)
    child = int(parent.stdout)
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_child_has_no_secret_of_ours_and_no_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLINE_SECRET", "hunter2")
    with Parser() as parser:
        parser.parse_many([mail("first")])
        environment = Path(f"/proc/{parser.child_pid}/environ").read_bytes()
        loaded = Path(f"/proc/{parser.child_pid}/maps").read_text(encoding="utf-8")
    assert environment.rstrip(b"\0") == b"LANG=C.UTF-8"
    assert "_ssl" not in loaded
    assert "_sqlite3" not in loaded
    listed = [sys.executable, "-c", "import threadline.providers.mime.child, sys; print('django' in sys.modules)"]
    assert subprocess.run(listed, stdout=subprocess.PIPE, check=True, timeout=60).stdout.strip() == b"False"


def test_a_child_that_cannot_start_is_an_error_with_a_sentence() -> None:
    # More than any system can promise.
    with pytest.raises(ParserUnavailable, match="did not start"):
        Parser(memory_limit=1 << 70).parse_many([mail("first")])


def test_html_that_takes_too_long_to_clean_is_shown_as_its_text() -> None:
    html = "<div><a" + "".join(f" a{number}=1" for number in range(150_000)) + ">Dear <b>Jane</b></a><script>x</script>"
    nested = "<div>" * 200_000 + "Dear <b>Jane</b> &lt;3"
    with Parser(seconds=0.5) as parser:
        assert parser.sanitise(nested) == '<div style="white-space:pre-wrap">Dear Jane &lt;3</div>'
        assert "Jane" in parser.sanitise(html)
        assert parser.sanitise("<p>Hello") == "<p>Hello</p>"


def test_a_part_is_decoded_and_a_missing_one_is_said() -> None:
    content = mail("m", b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n")
    with Parser() as parser:
        assert parser.extract(content.raw, "1") == b"hello"
        with pytest.raises(PartNotFound):
            parser.extract(content.raw, "2.1")


def test_a_large_message_goes_through_in_its_parts() -> None:
    header = HEADER % (b"large", b"large") + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    content = Content(
        RemoteItem("1", 50 * MEGABYTE, None),
        header,
        whole=False,
        parts=(TextPart("1", b"Content-Type: text/plain\r\n\r\n", b"Hello\r\n"),),
        structure=(PartInfo("2", "application/pdf", "cv.pdf", 78_000, "base64", "attachment"),),
    )
    with Parser() as parser:
        assert parser.parse_many([content]) == [parse(content)]
