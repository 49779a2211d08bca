"""Emails that nobody sends by accident, one by one, through all of it: mail server, refresh, pages, command line.

Each lies between two ordinary ones. Those come in the same refresh; the hostile one is held with what could be read,
can be opened, and gives neither a browser nor a terminal anything to obey.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from click.testing import CliRunner
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World, mail, run
from tests.web.visiting import refused_by_the_policy, words
from threadline.cli.program import program
from threadline.providers.mime import defects
from threadline.services.verify import verify
from threadline.storage.models import Copy, LedgerEntry

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.invariant("I11")]
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
LINE = "A line of text, forty characters and so.\r\n"


@dataclass(frozen=True)
class Hostile:
    """An email, and what is said of it: the defect, a word of its text, or of its sender's name."""

    raw: bytes
    defect: str = ""
    shows: str = ""


def hostile(headers: str = "", text: str = "zebra", sender: str = "anna@posten.example", date: str = "") -> bytes:
    more = {"date": date} if date else {}
    return mail("hostile", subject="The hostile one", sender=sender, headers=headers, text=text, **more)


def nested(levels: int) -> str:
    return (
        "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(levels))
        + "--b{levels}\r\n\r\nzebra"
    )


MIXED = "Content-Type: multipart/mixed; boundary=b0\r\n"
CASES = {
    "deeply nested": Hostile(hostile(MIXED, nested(10_000)), defects.TOO_DEEP),
    "10,000 parts": Hostile(hostile(MIXED, "--b0\r\n\r\nzebra\r\n" * 10_001 + "--b0--"), defects.TOO_MANY_PARTS),
    "100 MB": Hostile(hostile(text="zebra\r\n" + LINE * (100_000_000 // len(LINE))), defects.PART_CUT, "zebra"),
    "a header of 1 MB": Hostile(hostile(f"X-Long: {'a ' * 550_000}\r\n"), defects.HEADER_CUT),
    # A literal holds no NUL (RFC 9051 section 4.3): Dovecot hands out 0x80 in its place.
    "NUL bytes": Hostile(hostile("X-Odd: a\0b\r\n", "ze\0bra and quokka"), shows="quokka"),
    "no boundary": Hostile(hostile("Content-Type: multipart/mixed\r\n", "--x\r\n\r\nzebra\r\n--x--"),
                           defects.STRUCTURE, "zebra"),
    "an unknown charset": Hostile(hostile("Content-Type: text/plain; charset=x-klingon\r\n", "zebra é"),
                                  defects.CHARSET, "zebra é"),
    "broken base64": Hostile(hostile("Content-Transfer-Encoding: base64\r\n", "emVicmE!!%%"),
                             defects.ENCODING, "zebra"),
    "an invalid date": Hostile(hostile(date="Mon, 99 Foo 0000 99:99:99 +9999"), defects.DATE, "zebra"),
    "5,000 recipients": Hostile(hostile("Cc: " + ",\r\n ".join(f"u{n}@x.example" for n in range(5_000)) + "\r\n"),
                                shows="zebra"),
    "a name that commands a terminal": Hostile(
        hostile(sender='"\x1b]0;owned\x07\x1b[2J\x9b31mAnna\u202e" <anna@posten.example>'), shows="Anna"
    ),
    "a name that is a script": Hostile(
        hostile(sender='"<script>alert(1)</script><img src=x onerror=alert(1)>" <anna@posten.example>'),
        shows="<script>alert(1)</script>",
    ),
    "a name that is a formula": Hostile(
        hostile(sender="\"=HYPERLINK('http://evil.example')\" <anna@posten.example>"), shows="=HYPERLINK("
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_email_is_held_can_be_opened_and_stops_no_other(
    name: str, world: World, dovecot: Dovecot, alice: Client
) -> None:
    case = CASES[name]
    mailbox = world.connect(dovecot)
    for raw in (mail(1), case.raw, mail(2)):
        dovecot.deliver(ALICE, raw)
    report = run(mailbox)
    assert (report.outcome, report.total("new"), report.total("ledger")) == ("complete", 3, 0)
    assert verify(mailbox.pk).complete
    copy = Copy.objects.get(message__subject="The hostile one")
    assert not case.defect or case.defect in copy.body.defects
    _assert_harmless_in_a_browser(alice, copy, case)
    _assert_harmless_on_a_terminal(copy, case)


def _assert_harmless_in_a_browser(alice: Client, copy: Copy, case: Hostile) -> None:
    said = ""
    for url in (
        reverse("folder", args=[copy.mailbox_id, "inbox"]),
        reverse("message", args=[copy.message_id]),
        reverse("message_body", args=[copy.message_id]),
    ):
        answer = alice.get(url)
        assert answer.status_code == 200
        if "sandbox" not in answer.headers["Content-Security-Policy"]:  # the email's own frame may be styled
            assert refused_by_the_policy(answer) == []
        assert "<script>alert" not in answer.content.decode()
        assert not OBEYED.search(answer.content.decode())
        said += words(answer)
    assert case.shows in said


def _assert_harmless_on_a_terminal(copy: Copy, case: Hostile) -> None:
    listed = CliRunner().invoke(program, ["messages", "list", "--mailbox", ALICE])
    shown = CliRunner().invoke(program, ["messages", "show", str(copy.pk)])
    for done in (listed, shown):
        assert done.exit_code == 0, done.output[:500]
        assert not OBEYED.search(done.stdout)
    assert "The hostile one" in listed.stdout
    assert case.shows in shown.stdout


def test_nothing_of_them_is_set_aside_for_ever(world: World, dovecot: Dovecot) -> None:
    """All of them in one mailbox at once: one refresh, nothing in the ledger."""
    mailbox = world.connect(dovecot)
    small = [case.raw for case in CASES.values() if len(case.raw) < 2_000_000]
    for number, raw in enumerate(small):
        dovecot.deliver(ALICE, raw.replace(b"<mhostile@", b"<m%d@" % number))
    assert run(mailbox).total("new") == len(small)
    assert not LedgerEntry.objects.exists()
