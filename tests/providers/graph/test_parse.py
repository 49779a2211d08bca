"""From Graph's JSON to values: whatever comes, and the odd things that do."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.graph import parse

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        *("id", "isRead", "flag", "receivedDateTime", "sentDateTime", "subject", "from", "toRecipients", "body"),
        *("bccRecipients", "internetMessageId", "internetMessageHeaders", "name", "contentType", "size", "isInline"),
        *("contentId", "displayName", "@odata.type", "@removed"),
    ]
)
ENTRY = st.dictionaries(NAMES, ANYTHING, max_size=8).map(lambda entry: {**entry, "id": str(entry.get("id"))})
TEXT = st.text(max_size=80)


@given(ENTRY)
def test_any_entry_becomes_values(entry: dict[str, Any]) -> None:
    assert parse.item(entry, sent=True).remote_id == entry["id"]
    assert parse.flags(entry) <= {"\\seen", "\\flagged"}
    assert parse.header_block(entry).endswith(b"\r\n")
    assert len(parse.text_parts(entry, cap=10)) <= 1
    assert parse.attachments([entry])[0].size >= 0
    assert parse.folder_name(entry)


@given(ANYTHING)
def test_any_page_becomes_entries_with_ids(page: Any) -> None:
    assert all(entry["id"] for entry in parse.values({"value": page}))


def block(subject: str = "", name: str = "", address: str = "eva@x.test", **more: Any) -> bytes:
    sender = {"emailAddress": {"name": name, "address": address}}
    return parse.header_block({"id": "1", "subject": subject, "from": sender, **more})


@given(subject=TEXT, name=TEXT, address=TEXT)
def test_no_value_begins_a_field_of_its_own(subject: str, name: str, address: str) -> None:
    made = block(subject, name, address, internetMessageHeaders=[{"name": name, "value": subject}])
    head = made.removesuffix(b"\r\n")
    assert made.isascii()
    lines = head.split(b"\r\n")[:-1] if head else []
    assert all(b":" in line and line[:1] not in b" \t\r\n" for line in lines)
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r\n\r\n" not in head


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=60))
def test_a_subject_in_any_alphabet_is_read_back(subject: str) -> None:
    found = message_from_bytes(block(subject))["Subject"]
    assert " ".join(str(make_header(decode_header(found))).split()) == " ".join(subject.split())


def test_the_messages_own_fields_come_first_and_bcc_is_added() -> None:
    headers = [
        {"name": "From", "value": "Eva <eva@x.test>"},
        {"name": "In-Reply-To", "value": "<a@x>"},
        {"name": "References", "value": "<a@x>\r\n <b@x>"},
    ]
    secret = [{"emailAddress": {"name": "Bo", "address": "bo@x.test"}}]
    made = message_from_bytes(
        block("Hello", "Someone else", internetMessageHeaders=headers, bccRecipients=secret, internetMessageId="<m@x>")
    )
    assert made.get_all("From") == ["Eva <eva@x.test>"]
    assert (made["In-Reply-To"], made["References"]) == ("<a@x>", "<a@x> <b@x>")
    assert (made["Bcc"], made["Message-ID"]) == ('"Bo" <bo@x.test>', "<m@x>")


def test_the_bcc_of_a_sent_message_is_added_once() -> None:
    raw = b"From: a@x.test\r\nSubject: s\r\n\r\nText\r\n"
    secret = [{"emailAddress": {"name": "bo@x.test", "address": "bo@x.test"}}]
    added = parse.with_bcc(raw, secret)
    assert added == b"From: a@x.test\r\nSubject: s\r\nBcc: bo@x.test\r\n\r\nText\r\n"
    assert parse.with_bcc(added, secret) == added
    assert parse.with_bcc(raw, []) == raw
    assert parse.with_bcc(b"no header", secret) == b"no header"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T10:00:00.1234567Z", datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-03-02T10:00:00+02:00", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+10:00", None),
        ("2026-03-02", None),
        ("", None),
        (7, None),
    ],
)
def test_times(text: object, found: datetime | None) -> None:
    assert parse.moment(text) == found


def test_of_a_sent_message_the_time_it_was_sent_counts() -> None:
    entry = {"id": "1", "receivedDateTime": "2026-03-02T10:00:05Z", "sentDateTime": "2026-03-02T10:00:00Z"}
    assert parse.item(entry, sent=True).received_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert parse.item(entry, sent=False).received_at == datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)


def test_a_body_is_cut_at_the_cap() -> None:
    entry = {"id": "1", "body": {"contentType": "html", "content": "<p>" + "ä" * 100}}
    (part,) = parse.text_parts(entry, cap=50)
    assert part.truncated
    assert len(part.body) == 50
    assert b"text/html" in part.header


@pytest.mark.parametrize(
    ("kind", "content_type", "found"),
    [
        ("#microsoft.graph.fileAttachment", "application/PDF; name=x", "application/pdf"),
        ("#microsoft.graph.itemAttachment", None, "message/rfc822"),
        ("#microsoft.graph.referenceAttachment", None, "text/uri-list"),
        ("#microsoft.graph.fileAttachment", "nonsense", "application/octet-stream"),
    ],
)
def test_what_is_attached(kind: str, content_type: str | None, found: str) -> None:
    entry = {"@odata.type": kind, "id": "AAMkAGI2", "name": "x", "contentType": content_type, "size": 3}
    (part,) = parse.attachments([entry])
    assert (part.content_type, part.part) == (found, "AAMkAGI2")
    assert parse.is_attachment(part.part)


@pytest.mark.parametrize("part", ["1", "1.2", "1] BODY[2", "../x", "", "12345678"])
def test_a_number_is_no_attachment(part: str) -> None:
    assert not parse.is_attachment(part)
