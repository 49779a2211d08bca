"""Mails for the contract."""

from __future__ import annotations

import base64
import random
from email.message import EmailMessage


def small(number: int, *, sender: str = "eva@candidate.test", subject: str = "") -> bytes:
    return (
        f"From: Eva <{sender}>\r\nTo: anna@acme.test\r\nSubject: {subject or f'mail {number}'}\r\n"
        f"Message-ID: <m{number}@candidate.test>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n\r\nText {number}.\r\n"
    ).encode()


def with_attachment(size: int, *, name: str = "Lebenslauf Jürgen.pdf") -> tuple[bytes, bytes]:
    """A mail of two text parts and an attachment; and what is in the attachment."""
    content = random.Random(size).randbytes(size)  # the same bytes each time
    mail = EmailMessage()
    mail["From"] = "Eva <eva@candidate.test>"
    mail["To"] = "anna@acme.test"
    mail["Subject"] = "Bewerbung: grüße"
    mail["Message-ID"] = "<large@candidate.test>"
    mail.set_content("Guten Tag,\r\nanbei mein Lebenslauf. Grüße\r\n", cte="quoted-printable")
    mail.add_alternative("<p>Guten Tag, anbei mein Lebenslauf.</p>\r\n", subtype="html", cte="base64")
    mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n")), content


def huge(size: int) -> bytes:
    """A mail of that many bytes, nearly all of them one attachment; made quickly."""
    line = base64.b64encode(bytes(57)) + b"\r\n"
    return (
        b"From: eva@candidate.test\r\nSubject: huge\r\nMessage-ID: <huge@candidate.test>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--B\r\n"
        b'Content-Type: video/mp4; name="talk.mp4"\r\nContent-Disposition: attachment; filename="talk.mp4"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + line * (size // len(line)) + b"\r\n--B--\r\n"
    )
