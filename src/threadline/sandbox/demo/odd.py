"""The odd ones every real mailbox has: without an id, broken, enormous, automatic, bounced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime

from threadline.sandbox.demo import files
from threadline.sandbox.demo.compose import File, Letter, write
from threadline.sandbox.demo.mails import SEEN, SOFIA, Mail, inbox, sent
from threadline.sandbox.demo.times import days_ago

_PORTFOLIO_BYTES = 6 * 1024 * 1024


def odd(now: datetime) -> Iterator[Mail]:
    """One of each."""
    yield from _automatic(now)
    yield from _large_and_strange(now)
    yield from _broken(now)
    yield from _other_folders(now)


def _automatic(now: datetime) -> Iterator[Mail]:
    yield inbox(
        Letter(
            ("Grace Mensah", "grace.mensah@letters.example"), (SOFIA,), "Automatic reply: Salary expectations",
            days_ago(now, 41, 11, 7),
            "Thank you for your message. I am on holiday until the end of next week and read my mail now and then. "
            "In urgent cases please call.\n\nGrace Mensah\n",
            headers=(("Auto-Submitted", "auto-replied (vacation)"), ("Precedence", "bulk")),
        )
    )  # fmt: skip
    when = days_ago(now, 36, 15, 31)
    bounce = f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.northgate.example>
To: sofia@northgate.example
Subject: Undelivered Mail Returned to Sender
Date: {format_datetime(when)}
Message-ID: <bounce-7741@mx.northgate.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="dsn_7741"

--dsn_7741
Content-Type: text/plain; charset=us-ascii

This is the mail system at mx.northgate.example.

I'm sorry to have to inform you that your message could not be delivered
to one or more recipients.

<oliver.brant@postfach.example>: user unknown

--dsn_7741
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.northgate.example

Final-Recipient: rfc822; oliver.brant@postfach.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown

--dsn_7741
Content-Type: text/rfc822-headers

From: Sofia Lindqvist <sofia@northgate.example>
To: oliver.brant@postfach.example
Subject: First interview at Elbkontor
Message-ID: <typo-7740@northgate.example>

--dsn_7741--
"""
    yield _handmade(bounce.encode(), when, "bounce-7741@mx.northgate.example")


def _large_and_strange(now: datetime) -> Iterator[Mail]:
    portfolio = files.pdf("Portfolio", ["Scanned pages 1 to 24"], ballast=_PORTFOLIO_BYTES)
    chiara = ("Chiara Rossi", "chiara.rossi@posta.example")
    yield inbox(
        Letter(
            chiara, (SOFIA,), "My portfolio as a scan", days_ago(now, 58, 16, 44),
            "Ciao Sofia,\n\nhere is the whole portfolio in one file. I know it is heavy, the smaller version loses the "
            "colours.\n\nChiara\n",
            files=(File("Portfolio_Chiara_Rossi.pdf", "application/pdf", portfolio),),
        )
    )  # fmt: skip
    crowd = tuple((f"Guest {n}", f"guest{n:03d}@fair.example") for n in range(1, 281))
    yield inbox(
        Letter(
            ("Fair Days", "events@fairdays.example"), (SOFIA, *crowd), "You are all invited!", days_ago(now, 77, 9, 2),
            "Dear all,\n\nbring your favourite client to our summer evening on the terrace. And yes, we know that "
            "everybody can now see everybody's address. We are sorry.\n",
        )
    )  # fmt: skip
    yield inbox(
        Letter(
            ("Erik Nyström", "erik.nystrom@brev.example"), (SOFIA,), "", days_ago(now, 12, 18, 20),
            "Forgot the subject, sorry. Is tomorrow at nine still fine?\n\nErik\n",
        )
    )  # fmt: skip
    note = Letter(
        SOFIA, (SOFIA,), "Note to self", days_ago(now, 6, 8, 15),
        "Ask Jonas about the parking space. Ask Henrik whether the test can be done at home. Buy cinnamon buns.\n",
    )  # fmt: skip
    yield sent(note)
    yield inbox(note, delay=2)
    shared_id = "20260214.0001@kitamura.example"
    kenji = ("Kenji Sato", "kenji.sato@kitamura.example")
    for days, hour, text in (
        (31, 8, "Dear Sofia,\n\nplease find the agenda for our call below.\n\n1. Status  2. Shortlist  3. Travel\n"),
        (30, 8, "Dear Sofia,\n\nour system used the same number twice. This is the second agenda.\n\n1. Offer\n"),
    ):
        yield inbox(Letter(kenji, (SOFIA,), "Agenda", days_ago(now, days, hour), text, message_id=shared_id))


def _broken(now: datetime) -> Iterator[Mail]:
    when = days_ago(now, 26, 10, 9)
    without_id = f"""From: Scanner 2nd floor <scanner@northgate.example>
To: sofia@northgate.example
Subject: Scan from the 2nd floor
Date: {format_datetime(when)}

One page was scanned. The file is on the shared drive.
"""
    yield _handmade(without_id.encode(), when, None)

    when = days_ago(now, 22, 13, 30)
    head = f"""From: =?x-unknown-8bit?Q?Andr=E9_Lef=E8vre?= <andre.lefevre@courriel.example>
To: sofia@northgate.example
Subject: =?x-klingon?B?4pyI?= Candidature
Date: {format_datetime(when)}
Message-ID: <charset-1@courriel.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=x-klingon
Content-Transfer-Encoding: 8bit

"""
    body = "Bonjour, voici ma candidature. Né à Orléans, élevé à Besançon.\n".encode("latin-1")
    yield _handmade(head.encode() + body, when, "charset-1@courriel.example")

    when = days_ago(now, 19, 17, 5)
    broken = f"""From: "Helen Fraser <helen.fraser@letters.example>
To: sofia@northgate.example
Subject: Fwd: travel costs
Date: {format_datetime(when)}
Message-ID: <broken-mime@letters.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="--=_never used"

--=_another boundary
Content-Type: text/plain; charset="utf-8

The ticket was 48 pounds, receipt below.
--=_another boundary
Content-Type: image/jpeg
Content-Transfer-Encoding: base64

/9j/4AAQSkZJRgABAQAA this is not base64 !!
"""
    yield _handmade(broken.encode(), when, "broken-mime@letters.example")


def _other_folders(now: datetime) -> Iterator[Mail]:
    prize = Letter(
        ("Lottery Office", "winner@prizes.example"), (SOFIA,), "YOU HAVE WON", days_ago(now, 8, 3, 33),
        "Congratulations dear friend, your address was drawn. Send us your bank details to receive the amount.\n",
    )  # fmt: skip
    yield inbox(prize, folder="Junk", flags=frozenset())
    cheap = Letter(
        ("Office Depot", "offers@cheapchairs.example"), (SOFIA,), "Chairs, chairs, chairs", days_ago(now, 15, 6, 1),
        "Every chair half price until Sunday.\n",
    )  # fmt: skip
    yield inbox(cheap, folder="Trash")
    draft = Letter(
        SOFIA, (("Helen Fraser", "helen.fraser@letters.example"),), "Your travel costs", days_ago(now, 1, 17, 48),
        "Hi Helen,\n\nI could not open the receipt, could you\n",
    )  # fmt: skip
    yield Mail("Drafts", write(draft), draft.date, draft.id, frozenset({"\\Draft", "\\Seen"}))


def _handmade(raw: bytes, when: datetime, message_id: str | None) -> Mail:
    return Mail("INBOX", raw.replace(b"\n", b"\r\n"), when + timedelta(seconds=5), message_id, SEEN)
