"""Ugly mail as it is really sent: one oddity to a file in `odd/`, named after it.

Where the table says nothing, the mail reads like every other: Jane Doe's "Offer" with the text "Hello".
"""

from __future__ import annotations

from pathlib import Path

import pytest

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import Content, RemoteItem
from threadline.providers.mime import defects
from threadline.providers.mime.parse import parse, second_reading

ODD = Path(__file__).parent / "odd"
USUAL: dict[str, object] = {
    "message_id": "a1@example.org",
    "subject": "Offer",
    "sender": (("Jane Doe", "jane@example.org"),),
    "to": (("", "rec@agency.example"),),
    "cc": (),
    "bcc": (),
    "reply_to": (),
    "date": "2024-01-01T09:00:00+00:00",
    "in_reply_to": (),
    "references": (),
    "text": "Hello",
    "html": "",
    "attachments": (),
    "kind": "personal",
    "complete": True,
    "defects": (),
}
EXPECTED: dict[str, dict[str, object]] = {
    "address_in_double_brackets": {"sender": (("Jane", "jane@example.org"),)},
    "auto_submitted_no": {},
    "bare_carriage_returns": {},
    "bare_content_type_text": {},
    "bare_line_feeds": {},
    "base64_attachment_with_garbage": {"attachments": (("2", "cv.pdf", "application/pdf", 3, False),)},
    "base64_encoded_line_by_line": {"text": "Hello Jane, bye"},
    "base64_text_with_garbage": {"text": "Hello Jane, how are you", "complete": False, "defects": (defects.ENCODING,)},
    "blank_plain_part_beside_html": {"html": "<p>Hello</p>"},
    "bounce": {"attachments": (("3", "", "message/rfc822", 152, False),), "kind": "bounce"},
    "calendar_file_is_an_attachment": {"attachments": (("2", "day.ics", "text/calendar", 30, False),)},
    "character_split_between_base64_words_in_a_name": {"sender": (("Jörg Mülleä", "joerg@example.org"),)},
    "character_split_between_encoded_words": {"subject": "café au lait"},
    "charset_claims_latin1_for_windows_1252": {"text": "“gut” €"},
    "charset_claims_utf8_for_windows_1252": {"text": "café – gut", "defects": (defects.CHARSET,)},
    "charset_in_single_quotes": {"text": "café"},
    "charset_missing_for_utf8_text": {"text": "café"},
    "charset_that_is_a_python_codec_but_no_charset": {"text": "cafe\\x41 café", "defects": (defects.CHARSET,)},
    "charset_unknown": {"text": "café", "defects": (defects.CHARSET,)},
    "content_type_twice": {},
    "content_type_without_meaning": {},
    "date_as_asctime": {"date": "2024-01-01T10:00:00+00:00"},
    "date_as_iso_8601": {},
    "date_far_in_the_future": {"date": None, "defects": (defects.DATE,)},
    "date_that_does_not_exist": {"date": None, "defects": (defects.DATE,)},
    "date_with_a_leap_second": {"date": "2017-01-01T00:00:00+00:00"},
    "date_with_an_impossible_zone": {"date": None, "defects": (defects.DATE,)},
    "date_with_two_digit_year_and_named_zone": {"date": "2024-01-01T15:00:00+00:00"},
    "date_with_zone_after_gmt": {},
    "digest_of_messages": {
        "text": "",
        "attachments": (("1", "", "message/rfc822", 152, False), ("2", "", "message/rfc822", 152, False)),
    },
    "empty": {
        "message_id": None,
        "subject": "",
        "sender": (),
        "to": (),
        "date": None,
        "text": "",
        "defects": (defects.NO_HEADER,),
    },
    "empty_line_before_the_header": {},
    "encoded_word_in_quotes": {"sender": (("Müller, Jörg", "joerg@example.org"),)},
    "encoded_word_labelled_gb2312_with_gbk_bytes": {"subject": "朱镕基"},
    "encoded_word_of_unknown_charset": {"subject": "café"},
    "encoded_word_with_spaces_inside": {"subject": "café au lait"},
    "encoded_word_without_padding": {"subject": "café"},
    "file_name_only_in_content_type": {"attachments": (("2", "cv.pdf", "application/pdf", 14, False),)},
    "file_name_that_turns_direction": {"attachments": (("2", "cv fdp.exe", "application/pdf", 14, False),)},
    "file_name_with_a_path": {"attachments": (("2", "cv.pdf", "application/pdf", 14, False),)},
    "group_of_recipients": {"to": (("", "rec@agency.example"), ("", "boss@agency.example"))},
    "header_line_without_colon": {"defects": (defects.HEADER_JUNK,)},
    "header_line_without_colon_at_the_start": {"defects": (defects.HEADER_JUNK,)},
    "html_only": {
        "text": "Hello\n\nJane & co",
        "html": "<html><head><style>p{color:red}</style></head>"
        "<body><p>Hel<b>lo</b></p><p>Jane &amp; co</p></body></html>",
    },
    "in_reply_to_with_words": {
        "in_reply_to": ("b2@agency.example",),
        "references": ("b1@agency.example", "b2@agency.example"),
    },
    "inline_picture": {
        "text": "Hi",
        "html": '<p>Hi <img src="cid:logo@example.org"></p>',
        "attachments": (("2", "logo.png", "image/png", 8, True),),
    },
    "inner_boundary_begins_with_the_outer_one": {
        "html": "<p>Hello</p>",
        "attachments": (("2", "cv.pdf", "application/pdf", 14, False),),
    },
    "invitation": {"kind": "calendar"},
    "line_break_inside_an_encoded_subject": {"subject": "Offer Bcc: evil@example.net"},
    "list_footer_after_alternatives": {
        "text": "Hello\n\nYou are on the list",
        "html": '<p>Hello</p>\n<div style="white-space:pre-wrap">You are on the list</div>',
    },
    "mailing_list": {"kind": "list"},
    "mbox_from_line_at_the_start": {},
    "message_id_folded": {},
    "message_id_missing": {"message_id": None},
    "message_id_with_a_quoted_local_part": {},
    "message_id_without_brackets": {},
    "message_in_a_message_is_one_attachment": {"attachments": (("2", "", "message/rfc822", 425, False),)},
    "mixed_line_ends": {"text": "Hello\nJane"},
    "multipart_whose_boundary_never_occurs": {"defects": (defects.STRUCTURE,)},
    "multipart_without_boundary_parameter": {"text": "--zz\n\nHello\n--zz--", "defects": (defects.STRUCTURE,)},
    "multipart_without_its_end": {"attachments": (("2", "cv.pdf", "application/pdf", 14, False),)},
    "name_in_a_comment": {},
    "name_with_an_unquoted_comma": {"sender": (("Doe, Jane", "jane@example.org"),)},
    "no_empty_line_before_the_text": {
        "text": "Hello there, this is the text\nand it goes on",
        "defects": (defects.HEADER_JUNK,),
    },
    "no_header_at_all": {
        "message_id": None,
        "subject": "",
        "sender": (),
        "to": (),
        "date": None,
        "text": "Hello there\nthis is only text",
        "defects": (defects.NO_HEADER,),
    },
    "nul_in_the_subject_and_text": {},
    "only_an_attachment": {"text": "", "attachments": (("1", "cv.pdf", "application/pdf", 14, False),)},
    "quoted_printable_with_bad_escapes": {"text": "50=% off =ZZ café!"},
    "raw_8bit_file_name_without_quotes": {"attachments": (("2", "Lebenslauf Jörg.pdf", "application/pdf", 14, False),)},
    "raw_utf8_headers": {"subject": "Größe für dich", "sender": (("Jörg Müller", "joerg@example.org"),)},
    "raw_windows_1252_headers": {"subject": "Größe – “gut”", "sender": (("Jörg Müller", "joerg@example.org"),)},
    "references_by_the_hundred": {
        "defects": (defects.REFERENCES_CUT,),
        "references": ("r0@x.example", *(f"r{n}@x.example" for n in range(51, 150))),
    },
    "rfc2047_file_name_with_a_bare_extension": {"attachments": (("2", "café.pdf", "application/pdf", 14, False),)},
    "rfc2231_file_name_split_inside_a_character": {
        "attachments": (("2", "café Jane.pdf", "application/pdf", 14, False),)
    },
    "sender_without_an_address": {"sender": (), "defects": (defects.ADDRESS,)},
    "space_before_the_colon": {},
    "text_file_marked_inline": {"attachments": (("2", "notes.txt", "text/plain", 5, False),)},
    "text_labelled_gb2312_with_gbk_bytes": {"text": "朱镕基"},
    "text_labelled_ks_c_5601": {"text": "뷁 한글"},
    "two_senders": {"sender": (("Jane", "jane@example.org"), ("Joe", "joe@example.org"))},
    "two_to_headers": {"to": (("", "rec@agency.example"), ("", "boss@agency.example"))},
    "undisclosed_recipients": {"to": ()},
    "unknown_transfer_encoding": {},
    "utf7_with_a_lone_surrogate": {"text": "a�b"},
    "uuencoded_text": {},
    "vacation_reply": {"kind": "automatic"},
}


def read(name: str) -> bytes:
    return (ODD / f"{name}.eml").read_bytes()


def as_table(message: ParsedMessage) -> dict[str, object]:
    """The message in the words of the table: part, name, type, size and inline of attachments; text without ends."""
    shown = {name: getattr(message, name) for name in USUAL}
    for name in ("sender", "to", "cc", "bcc", "reply_to"):
        shown[name] = tuple((one.name, one.address) for one in shown[name])
    return shown | {
        "date": message.date.isoformat() if message.date else None,
        "kind": message.kind.value,
        "text": message.text.strip(),
        "attachments": tuple((a.part, a.name, a.content_type, a.size, a.inline) for a in message.attachments),
    }


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_odd_mail_reads_as_it_was_meant(name: str) -> None:
    raw = read(name)
    assert as_table(parse(Content(RemoteItem("1", len(raw), None), raw))) == USUAL | EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_second_reading_alone_reads_every_odd_mail_too(name: str) -> None:
    assert as_table(second_reading(read(name))) == USUAL | EXPECTED[name]


def test_every_file_is_in_the_table() -> None:
    assert {path.stem for path in ODD.glob("*.eml")} == set(EXPECTED)
