"""The demo world is the same every time, believable in its dates, and has an email for every reason."""

from __future__ import annotations

import csv
import email
import email.policy
import imaplib
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from threadline.sandbox.demo import MAILBOX, PASSWORD, seed, world
from threadline.sandbox.demo.mails import Mail
from threadline.sandbox.demo.reasons import Case
from threadline.sandbox.demo.scripts import load
from threadline.sandbox.demo.seeding import expected_json, people_csv
from threadline.sandbox.demo.times import OFFICE
from threadline.sandbox.demo.whole import cases, mailbox
from threadline.sandbox.imap import Store

NOW = datetime(2026, 6, 16, 12, 0, tzinfo=UTC)
MOMENTS = [NOW, datetime(2026, 6, 14, 3, 0, tzinfo=UTC), datetime(2027, 1, 1, 0, 30, tzinfo=UTC)]


@pytest.fixture(scope="module")
def mails() -> list[Mail]:
    return mailbox(NOW)


@pytest.fixture(scope="module")
def by_id(mails: list[Mail]) -> dict[tuple[str | None, str], Mail]:
    return {(mail.id, mail.folder): mail for mail in mails}


def test_the_same_moment_gives_the_same_mail_to_the_byte(mails: list[Mail]) -> None:
    assert mailbox(NOW) == mails


def test_the_mailbox_is_as_large_as_a_year_of_work(mails: list[Mail]) -> None:
    count = Counter(mail.folder for mail in mails)
    assert 350 <= count["INBOX"] <= 480
    assert 180 <= count["Sent"] <= 320
    assert {"INBOX", "Sent", "Clients/Acme", "Archive", "Junk", "Trash", "Drafts"} == set(count)


def test_at_least_sixty_texts_are_different() -> None:
    texts = {
        turn.text
        for file in ("candidates", "contacts", "languages", "colleague")
        for s in load(file)
        for turn in s.turns
    }
    assert len(texts) >= 100


@pytest.mark.parametrize("now", MOMENTS)
def test_no_mail_is_from_the_future_and_the_newest_is_from_today(now: datetime) -> None:
    received = [mail.received for mail in mailbox(now)]
    assert max(received) <= now + timedelta(minutes=1)
    assert max(received) > now - timedelta(days=1)
    assert min(received) > now - timedelta(days=366)


def test_sofia_writes_on_weekdays_in_office_hours(mails: list[Mail]) -> None:
    times = [mail.received.astimezone(OFFICE) for mail in mails if mail.folder == "Sent"]
    assert all(time.weekday() < 5 and 8 <= time.hour < 18 for time in times)


def test_no_blank_and_no_choice_was_left_open(mails: list[Mail]) -> None:
    for mail in mails:
        message = email.message_from_bytes(mail.raw, policy=email.policy.compat32)
        assert not re.search(r"\{\w+\}|\[\[|\|\w", str(message["Subject"]))
        part = next((p for p in message.walk() if p.get_content_type() == "text/plain"), None)
        text = part.get_payload(decode=True) if part else b""
        assert isinstance(text, bytes)
        assert b"[[" not in text
        assert b"]]" not in text
        assert not re.search(rb"\{[a-z]+\}", text)


def test_answers_refer_to_mail_that_is_there(mails: list[Mail]) -> None:
    ids = {mail.id for mail in mails}
    answers = 0
    for mail in mails:
        message = email.message_from_bytes(mail.raw, policy=email.policy.compat32)
        for one in re.findall(r"<([^>]+)>", str(message.get("References", ""))):
            answers += 1
            assert one in ids
    assert answers > 300


def test_the_odd_ones_are_there(mails: list[Mail]) -> None:
    ids = Counter(mail.id for mail in mails if mail.folder == "INBOX")
    assert any(re.search(rb"^Subject: ?\r$", mail.raw, re.MULTILINE) for mail in mails)
    assert ids[None] == 1
    assert ids["20260214.0001@kitamura.example"] == 2
    raws = [mail.raw for mail in mails]
    assert max(map(len, raws)) > 8_000_000  # 6 MB as base64
    for mark in (b"x-klingon", b"multipart/report", b"auto-replied (vacation)", b"guest280@", b"method=\"REQUEST\"",
                 b"List-Unsubscribe", b"Content-Disposition: inline", b"\r\nBcc: "):  # fmt: skip
        assert any(mark in raw for raw in raws), mark


def test_the_pdfs_point_at_their_own_objects(mails: list[Mail]) -> None:
    message = email.message_from_bytes(next(m.raw for m in mails if b"CV_Anna" in m.raw), policy=email.policy.default)
    pdf = next(part.get_content() for part in message.iter_attachments() if part.get_filename().endswith(".pdf"))
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    assert pdf[start:].startswith(b"xref")
    offsets = [int(line[:10]) for line in pdf[start:].splitlines() if line.endswith(b" n ")]
    assert all(re.match(rb"%d 0 obj" % number, pdf[offset:]) for number, offset in enumerate(offsets, 1))


# Reasons


def test_every_reason_an_email_can_be_missing_has_one() -> None:
    about = cases(NOW)
    assert {rule for case in about for rule in case.rules} == {
        "primary_address", "after_created", "inbox_or_sent", "internal_only", "blocklisted",
    }  # fmt: skip
    assert {case.near_miss for case in about} == {
        "", "secondary_address", "plus_tag", "unknown_address_known_conversation",
    }  # fmt: skip
    assert {"person_without_email", "shared_primary_address", "several_reasons", "in_junk", "in_archive"} <= {
        case.case for case in about
    }


@pytest.mark.parametrize("now", MOMENTS)
def test_each_expectation_follows_from_the_mail_and_the_people(now: datetime) -> None:
    """Decided here once more, by hand and from the bytes, so that a slip in the texts cannot pass for a lesson."""
    people = {row.external_id: row for row in world(now).people}
    mail_of = {(mail.id, mail.folder): mail for mail in mailbox(now)}
    for case in cases(now):
        row, mail = people[case.person], mail_of[case.message_id, case.folder]
        message = email.message_from_bytes(mail.raw, policy=email.policy.default)
        headers = " ".join(str(message.get(name, "")) for name in ("From", "To", "Cc", "Bcc")).lower()
        fails = set()
        stored = row.email.strip().lower().removeprefix("mailto:")
        if not stored or stored not in re.split(r"[\s<>,]+", headers):
            fails.add("primary_address")
        if mail.received < row.created_at:
            fails.add("after_created")
        if mail.folder not in {"INBOX", "Sent"}:
            fails.add("inbox_or_sent")
        if set(re.findall(r"\S+@(\S+?)[>,\s]", headers + " ")) == {"northgate.example"}:
            fails.add("internal_only")
        if row.email in world(now).company.blocklist:
            fails.add("blocklisted")
        assert fails == set(case.rules), case.case
        assert case.shown is not bool(case.rules)


def test_expectations_and_people_are_written_as_promised() -> None:
    told = json.loads(expected_json(cases(NOW), NOW))
    assert told["mailbox"] == MAILBOX
    assert set(told["cases"][0]) == set(Case.__dataclass_fields__)
    rows = list(csv.DictReader(io.StringIO(people_csv(world(NOW)))))
    assert list(rows[0]) == ["kind", "name", "email", "secondary_emails", "created_at", "external_id"]
    assert len({row["external_id"] for row in rows}) == len(rows) == 42
    assert all(datetime.fromisoformat(row["created_at"]).tzinfo for row in rows)
    assert {row["kind"] for row in rows} == {"candidate", "contact"}


# Seeding


def test_seeding_again_changes_nothing(tmp_path: Path) -> None:
    seed(tmp_path, NOW)

    def look() -> dict[str, tuple[int, int, int]]:
        store = Store(tmp_path)
        account = store.account(MAILBOX)
        assert account
        assert account.password == PASSWORD
        found = {f.name: (f.uid_validity, f.uid_next, f.highest_modseq) for f in account.folders.values()}
        store.close()
        return found

    first = look()
    expected = (tmp_path / "expected.json").read_text()
    seed(tmp_path, NOW + timedelta(days=5))
    assert look() == first
    assert (tmp_path / "expected.json").read_text() == expected
    assert imaplib.Time2Internaldate(NOW)  # the folder's dates are ordinary ones
