"""Attachments that open: PDFs, a picture, an invitation. Made from nothing but their arguments."""

from __future__ import annotations

import random
import struct
import zlib
from datetime import datetime, timedelta


def pdf(title: str, lines: list[str], ballast: int = 0) -> bytes:
    """A one-page PDF with a title and lines of text; `ballast` bytes of noise make it as large as a scan."""
    drawn = [f"BT /F1 18 Tf 60 780 Td ({_escaped(title)}) Tj ET"]
    drawn += [f"BT /F1 11 Tf 60 {750 - 17 * n} Td ({_escaped(line)}) Tj ET" for n, line in enumerate(lines)]
    content = "\n".join(drawn).encode("cp1252", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    if ballast:
        noise = random.Random(len(title)).randbytes(ballast)  # noqa: S311  (noise, not a secret)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(noise), noise))
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def logo() -> bytes:
    """A PNG of 96 x 24 pixels: a petrol field with a light line."""
    width, height = 96, 24
    petrol, light = bytes((11, 94, 112)), bytes((226, 239, 241))
    rows = b"".join(
        b"\x00" + b"".join(light if row in (11, 12) and 8 < x < 88 else petrol for x in range(width))
        for row in range(height)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def invitation(uid: str, summary: str, start: datetime, organiser: str, attendee: str, place: str) -> bytes:
    """An iCalendar request (RFC 5546) for one hour."""
    moment = "%Y%m%dT%H%M%SZ"
    lines = [
        "BEGIN:VCALENDAR", "PRODID:-//Northgate Talent//Calendar//EN", "VERSION:2.0", "METHOD:REQUEST",
        "BEGIN:VEVENT", f"UID:{uid}", "SEQUENCE:0", f"DTSTAMP:{start - timedelta(days=3):{moment}}",
        f"DTSTART:{start:{moment}}", f"DTEND:{start + timedelta(hours=1):{moment}}", f"SUMMARY:{summary}",
        f"LOCATION:{place}", f"ORGANIZER:mailto:{organiser}", f"ATTENDEE;RSVP=TRUE:mailto:{attendee}",
        "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()
