"""A message of which only the text parts were fetched reads like the whole one."""

from __future__ import annotations

import base64
from dataclasses import replace

from threadline.domain.messages import MessageKind, ParsedMessage
from threadline.providers.contract import Content, PartInfo, RemoteItem, TextPart
from threadline.providers.mime import defects
from threadline.providers.mime.parse import parse
from threadline.providers.mime.pool import Parser

HEADER = (
    b"From: Jane <jane@example.org>\r\nTo: rec@agency.example\r\nSubject: CV\r\nMessage-ID: <l@example.org>\r\n"
    b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
)
ALTERNATIVE = b"Content-Type: multipart/alternative; boundary=c\r\n\r\n"
PLAIN = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
PDF = b'Content-Type: application/pdf; name="cv.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
PDF_BODY = base64.encodebytes(b"%PDF" * 3000).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
ITEM = RemoteItem("1", 0, None)

WHOLE = Content(
    ITEM,
    HEADER + b"--b\r\n" + ALTERNATIVE + b"--c\r\n" + PLAIN + b"caf=C3=A9\r\n--c\r\n" + HTML
    + b"<p>caf\xc3\xa9</p>\r\n--c--\r\n\r\n--b\r\n" + PDF + PDF_BODY + b"\r\n--b--\r\n",
)  # fmt: skip
PARTS = Content(
    ITEM,
    HEADER,
    whole=False,
    parts=(TextPart("1.1", PLAIN, b"caf=C3=A9"), TextPart("1.2", HTML, b"<p>caf\xc3\xa9</p>")),
    structure=(PartInfo("2", "application/pdf", "cv.pdf", len(PDF_BODY), "base64", "attachment"),),
)


def test_in_parts_it_reads_like_the_whole_message() -> None:
    whole, parts = parse(WHOLE), parse(PARTS)
    assert (whole.text, whole.html) == ("café", "<p>café</p>")
    assert replace(parts, attachments=()) == replace(whole, attachments=())
    assert abs(parts.attachments[0].size - whole.attachments[0].size) <= 2  # padding is not known from a size
    assert replace(parts.attachments[0], size=0) == replace(whole.attachments[0], size=0)


def test_a_cut_text_part_is_noted_and_ends_at_a_whole_line() -> None:
    cut = TextPart("1.1", PLAIN, b"caf=C3=A9\r\ncaf=C3", truncated=True)
    message = parse(replace(PARTS, parts=(cut,)))
    assert message.text == "café\n"
    assert message.defects == (defects.PART_CUT,)


def test_two_plain_parts_around_an_attachment_are_both_read() -> None:
    texts = (TextPart("1", PLAIN, b"Dear Jane"), TextPart("3", PLAIN, b"Regards"))
    message = parse(replace(PARTS, parts=texts))
    assert message.text == "Dear Jane\n\nRegards"
    assert [one.part for one in message.attachments] == ["2"]


def test_an_invitation_is_known_by_the_parameters_of_its_structure() -> None:
    invitation = PartInfo("3", "text/calendar", "", 900, "7bit", "", parameters=(("METHOD", "REQUEST"),))
    message = parse(replace(PARTS, structure=(*PARTS.structure, invitation)))
    assert message.kind is MessageKind.CALENDAR
    assert [one.name for one in message.attachments] == ["cv.pdf"]


def test_texts_listed_in_the_structure_too_are_no_attachments() -> None:
    listed = PartInfo("1.1", "text/plain", "", 9, "quoted-printable", "")
    assert parse(replace(PARTS, structure=(listed, *PARTS.structure))) == parse(PARTS)


def test_a_negative_size_from_the_server_is_none() -> None:
    broken = replace(PARTS.structure[0], size=-1)
    assert parse(replace(PARTS, structure=(broken,))).attachments[0].size == 0


def test_a_multipart_in_which_the_server_found_no_parts_is_said_not_to_be_read() -> None:
    """For it Dovecot describes an empty text part that has not even a header."""
    nothing = TextPart("1", b"", b"")
    lost = Content(replace(ITEM, size=200_000), HEADER, whole=False, parts=(nothing,))
    with Parser() as parser:
        [through_the_child] = parser.parse_many([lost])
    for message in (parse(lost), through_the_child):
        assert isinstance(message, ParsedMessage)
        assert (message.complete, message.defects, message.text) == (False, (defects.PARTS_UNKNOWN,), "")


def test_an_empty_multipart_beside_a_large_attachment_hides_nothing() -> None:
    nothing = TextPart("1.1", b"", b"")
    item = replace(ITEM, size=len(HEADER) + len(PDF) + len(PDF_BODY) + 200)
    message = parse(replace(PARTS, item=item, parts=(nothing,)))
    assert (message.complete, message.defects) == (True, ())
