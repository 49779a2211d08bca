"""What holds for every message: nothing raises, nothing explodes, and the two readings agree on well-formed mail."""

from __future__ import annotations

import email.policy
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content, RemoteItem
from threadline.providers.mime import defects, first
from threadline.providers.mime.block import header_block
from threadline.providers.mime.extract import extract_part
from threadline.providers.mime.parse import headers_only, parse, second_reading
from threadline.providers.mime.pool import Parser

HEADER = b"From: A <a@example.org>\r\nTo: b@example.org\r\nSubject: s\r\nMessage-ID: <m@example.org>\r\n"


def whole(raw: bytes) -> Content:
    return Content(RemoteItem("1", len(raw), None), raw)


def texts_of(message: ParsedMessage) -> list[str]:
    people = [*message.sender, *message.reply_to, *message.to, *message.cc, *message.bcc]
    return [
        message.subject,
        message.text,
        message.html,
        message.message_id or "",
        *message.references,
        *message.in_reply_to,
        *(part for person in people for part in (person.name, person.address)),
        *(part for one in message.attachments for part in (one.name, one.content_id, one.content_type, one.part)),
    ]


FRAGMENTS = st.sampled_from(
    [
        b"From: ", b"To: ", b"Subject: ", b"Date: ", b"References: <a@b>",
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: text/html", b"Content-Type: text/plain; charset=utf-7", b"Content-Type: message/rfc822",
        b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: x-uuencode",
        b"begin 644 x", b"--b", b"--b--",
        b"=?utf-8?Q?=C3?=", b"=?utf-16?B?2AA?=", b"filename*0*=utf-8''%ff", b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff",
        b"\xc3\xa9", b'"', b"<", b">", b"(", b";", b":", b",", b"@", b" ", b"+2AA-", b"&#0;", b"&#xD800;", b"aGk=",
    ]
)  # fmt: skip
HOSTILE = st.one_of(st.binary(max_size=400), st.lists(FRAGMENTS | st.binary(max_size=6), max_size=60).map(b"".join))


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
def test_any_bytes_give_a_message_whose_texts_every_database_takes(raw: bytes) -> None:
    for message in (parse(whole(raw)), second_reading(raw), headers_only(raw)):
        for text in texts_of(message):
            assert "\0" not in text
            text.encode("utf-8")  # a lone surrogate raises
        assert len(message.digest) == 32


PLAIN_WORDS = st.text(st.characters(categories=["L", "N"], max_codepoint=0xFFFF), min_size=1, max_size=12)
SENTENCES = st.lists(PLAIN_WORDS, min_size=1, max_size=8).map(" ".join)
LOCALS = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z0-9]{1,8})?", fullmatch=True)
PEOPLE = st.builds(lambda name, local: (name, f"{local}@example.org"), st.one_of(st.just(""), SENTENCES), LOCALS)
DATES = st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the bounds


@dataclass
class Sent:
    """What the sender meant."""

    sender: tuple[str, str]
    to: list[tuple[str, str]]
    subject: str
    date: datetime
    local: str
    text: str
    html: str
    files: list[tuple[str, bytes]]

    def as_bytes(self) -> bytes:
        """By the old API: the new one loses spaces between encoded words when it folds."""
        mail = MIMEMultipart("mixed")
        mail["From"] = formataddr(self.sender, "utf-8")
        mail["To"] = ", ".join(formataddr(one, "utf-8") for one in self.to)
        mail["Subject"] = Header(self.subject, "utf-8").encode(linesep="\r\n")
        mail["Date"] = format_datetime(self.date)
        mail["Message-ID"] = f"<{self.local}@example.org>"
        bodies = MIMEMultipart("alternative")
        bodies.attach(MIMEText(self.text, "plain", "utf-8"))
        bodies.attach(MIMEText(self.html, "html", "utf-8"))
        mail.attach(bodies)
        for name, content in self.files:
            part = MIMEApplication(content, "pdf")
            part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
            mail.attach(part)
        return mail.as_bytes(policy=email.policy.compat32.clone(linesep="\r\n"))


SENT = st.builds(
    Sent,
    sender=PEOPLE,
    to=st.lists(PEOPLE, min_size=1, max_size=4),
    subject=SENTENCES,
    date=DATES.map(lambda moment: moment.replace(microsecond=0)),
    local=LOCALS,
    text=SENTENCES,
    html=SENTENCES.map("<p>{}</p>".format),
    files=st.lists(st.tuples(SENTENCES.map("{}.pdf".format), st.binary(max_size=200)), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(SENT)
def test_both_readings_agree_with_the_sender_on_well_formed_mail(sent: Sent) -> None:
    raw = sent.as_bytes()
    message = parse(whole(raw))
    assert first.read_body(raw) is not None
    assert message == second_reading(raw)
    assert message.defects == ()
    assert message.subject == sent.subject
    assert [(one.name, one.address) for one in message.sender] == [sent.sender]
    assert [(one.name, one.address) for one in message.to] == sent.to
    assert message.date == sent.date
    assert message.message_id == f"{sent.local}@example.org"
    assert (message.text, message.html) == (sent.text, sent.html)
    assert [(one.part, one.name, one.size) for one in message.attachments] == [
        (str(number), name, len(content)) for number, (name, content) in enumerate(sent.files, 2)
    ]
    assert [extract_part(raw, one.part) for one in message.attachments] == [content for _, content in sent.files]


def test_usual_mail_is_read_by_the_compiled_parser() -> None:
    raw = HEADER + b"Date: Mon, 1 Jan 2024 10:00:00 +0100\r\n\r\nHello\r\n"
    assert first.read_head(header_block(raw)) is not None
    assert first.read_body(raw) is not None


def nested(levels: int) -> bytes:
    opened = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(levels)
    )
    return HEADER + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + opened + b"--b%d\r\n\r\nhi" % levels


BODY = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
EXPLOSIVE = {
    "ten thousand nested multiparts": (nested(10_000), defects.TOO_DEEP),
    "three hundred nested multiparts, more than the compiled parser takes": (nested(300), defects.TOO_DEEP),
    "a hundred thousand parts": (BODY + b"--b\r\n\r\nx\r\n" * 100_000, defects.TOO_MANY_PARTS),
    "twenty thousand recipients": (
        HEADER.replace(b"b@example.org", b", ".join(b"u%d@example.org" % n for n in range(20_000))) + b"\r\nhi",
        defects.RECIPIENTS_CUT,
    ),
    "a header of three megabytes": (HEADER.replace(b": s", b": " + b"a " * 1_500_000) + b"\r\nhi", defects.HEADER_CUT),
    "two megabytes of encoded words": (
        HEADER.replace(b": s", b": " + b"=?" * 1_000_000) + b"\r\nhi",
        defects.HEADER_CUT,
    ),
    "a boundary of dashes": (BODY.replace(b"=b", b"=-") + b"-" * 3_000_000, defects.STRUCTURE),
    "a content type of semicolons": (
        BODY.replace(b"=b", b"=b" + b";" * 500_000) + b"hi",
        defects.STRUCTURE,
    ),
    "a text of three megabytes": (HEADER + b"\r\n" + b"hello\r\n" * 500_000, defects.TEXT_CUT),
    "html of three megabytes": (HEADER + b"Content-Type: text/html\r\n\r\n" + b"<p>hello" * 400_000, defects.HTML_CUT),
}


@pytest.mark.parametrize("name", EXPLOSIVE)
def test_mail_made_to_explode_is_read_in_bounded_time_and_says_what_was_cut(name: str) -> None:
    raw, defect = EXPLOSIVE[name]
    started = time.process_time()
    message = parse(whole(raw))
    assert time.process_time() - started < 5
    assert defect in message.defects
    assert message.message_id == "m@example.org" or defect == defects.HEADER_CUT


def crowded(levels: int) -> bytes:
    """Nested multiparts without the empty line after the header of each: what opens a part stands in a header."""
    opened = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n" % (level, level + 1) for level in range(levels - 1)
    )
    innermost = b"--b%d\r\nContent-Type: text/plain\r\n\r\ndeep\r\n" % (levels - 1)
    return HEADER + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + opened + innermost


@pytest.mark.parametrize("levels", [60, 120, 300, 3_000])
def test_nested_multiparts_are_never_read_as_an_empty_message_without_a_word(levels: int) -> None:
    for raw, defect, text in (
        (nested(levels), defects.TOO_DEEP, "--b50"),
        (crowded(levels), defects.PARTS_IN_HEADER, "deep"),
    ):
        message = parse(whole(raw))
        assert (message.complete, message.defects) == (False, (defect,))
        assert message.text.startswith(text)
        with Parser() as parser:
            assert parser.parse_many([whole(raw)]) == [message]


@pytest.mark.parametrize("outer", [1, 2, 15])
def test_a_doubt_about_an_inner_part_outlives_the_parts_around_it(outer: int) -> None:
    """The compiled parser takes a multipart whose boundary never occurs for one that is empty."""
    opened = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(outer)
    )
    raw = HEADER + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + opened + b"Hello\r\n"
    assert first.read_body(raw) is None
    message = parse(whole(raw))
    assert (message.text, message.defects) == ("Hello\n", (defects.STRUCTURE,))


def test_a_digest_within_a_message_holds_messages() -> None:
    inner = b"--c\r\n\r\nSubject: one\r\n\r\nHello\r\n--c--\r\n"
    message = parse(whole(BODY + b"--b\r\nContent-Type: multipart/digest; boundary=c\r\n\r\n" + inner + b"--b--\r\n"))
    assert [one.content_type for one in message.attachments] == ["message/rfc822"]


def test_the_header_alone_gives_what_a_verdict_needs() -> None:
    message = headers_only(HEADER + b"Date: Mon, 1 Jan 2024 10:00:00 +0100\r\n\r\n")
    assert (message.message_id, message.subject, message.to[0].address) == ("m@example.org", "s", "b@example.org")
    assert message.date == datetime(2024, 1, 1, 9, tzinfo=UTC)
    assert not message.complete
    assert message.defects == (defects.BODY_NOT_READ,)
    assert message.text == ""


def test_versions_of_one_mail_differ_in_their_digest_and_routes_do_not() -> None:
    mail = HEADER + b"\r\nHello\r\n"
    same = b"Received: from mx.example.org\r\n" + mail.replace(b"\r\n", b"\n")
    assert parse(whole(mail)).digest == parse(whole(same)).digest
    assert parse(whole(mail)).digest != parse(whole(mail + b"External sender")).digest
