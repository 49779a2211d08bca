"""A seeded mailbox to measure with: the same number and seed always give the same mail.

Profiles: `mixed` is an office worker's mailbox (35 % plain text, 35 % with an HTML alternative, 15 % newsletters of 30
to 100 kB, 10 % with attachments of 0.2 to 2 MB, 5 % invitations, bounces and inline pictures; one in four was sent by
the owner). `small` is text of 2 to 3 kB. Every mail carries a reference number, a word of its own to be searched for.
"""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from email.utils import formatdate
from itertools import accumulate
from typing import Literal

from bench.words import HTML_FRAME, NEWS_ROW, PARAGRAPH, SIGNATURE

Profile = Literal["mixed", "small"]

OWNER = "robin.recruiter@agency.example"
BEGAN = 1_500_000_000
SECONDS_BETWEEN = 2_500
_FIRST = ("Anna", "Ben", "Carla", "David", "Eva", "Frank", "Greta", "Hans", "Ines", "Jan", "Karin", "Lars", "Zoë")
_LAST = ("Berg", "Fischer", "García", "Ivanov", "Jones", "Kowalski", "Martin", "Müller", "Novak", "Rossi", "Virtanen")
_CORRESPONDENTS = 400_000
_ENCODINGS = ("quoted-printable", "base64", "8bit")


@dataclass(frozen=True, slots=True)
class Mail:
    """One email as it lies in a folder."""

    number: int
    raw: bytes
    sent: bool
    at: int  # seconds since the epoch
    seen: bool


def reference(number: int) -> str:
    """The word that only this mail holds."""
    return f"zq{number:07d}x"


def correspondent(number: int) -> tuple[str, str]:
    """Name and address of the n-th person of this world."""
    first, last = _FIRST[number * 7 % len(_FIRST)], _LAST[number * 11 % len(_LAST)]
    local = f"{first}.{last}{number}".lower().encode("ascii", "ignore").decode()
    return f"{first} {last}", f"{local}@company{number % 40_009}.example"


class Generator:
    """Makes mail number 0, 1, 2 ... in this order: an answer needs the mail that it answers."""

    def __init__(self, profile: Profile = "mixed", seed: int = 7) -> None:
        self.profile, self.seed = profile, seed
        chance = random.Random(seed * 1_000_003)
        self.paragraphs, self.subjects = _texts(chance)
        self.noise = chance.randbytes(4 << 20)
        self.threads: dict[int, tuple[str, list[str], str]] = {}

    def mails(self, count: int, *, start: int = 0) -> Iterator[Mail]:
        for number in range(start, start + count):
            yield self._mail(number)

    def _mail(self, number: int) -> Mail:
        draft = _Draft(self, number, random.Random((self.seed << 32) ^ number))
        body = draft.small() if self.profile == "small" else draft.mixed()
        at = BEGAN + number * SECONDS_BETWEEN
        return Mail(number, draft.head(at) + body, draft.sent, at, seen=draft.chance.random() < 0.9)


def with_attachment(number: int, octets: int) -> bytes:
    """An email whose attachment has so many bytes; a third more of them travel."""
    sender, address = correspondent(number)
    head = (
        f"From: {sender} <{address}>\r\nTo: Robin Recruiter <{OWNER}>\r\nSubject: Video application {number}\r\n"
        f"Message-ID: <large.{number}@mail.example>\r\nDate: {formatdate(BEGAN + number)}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="large"\r\n\r\n'
    ).encode()
    words = _part("text/plain; charset=utf-8", f"See the video.\r\nReference {reference(number)}\r\n".encode(), "8bit")
    block = random.Random(number).randbytes(57_000)  # whole lines of base64
    video = _base64(block * (octets // len(block)) + block[: octets % len(block)])
    about = 'Content-Disposition: attachment; filename="application.mp4"\r\n'
    return head + _joined([words, _part("video/mp4", video, "base64", about)], "large")


class _Draft:
    """One mail being written. The parts are written first; `head` then knows what they are."""

    def __init__(self, generator: Generator, number: int, chance: random.Random) -> None:
        self._g, self._number, self.chance = generator, number, chance
        self.sent = chance.random() < 0.25
        self._list = False
        self._content = ""
        self._boundary = f"=_{chance.getrandbits(80):x}"
        other = self._somebody()
        self._sender, self._to = (("Robin Recruiter", OWNER), [other]) if self.sent else (other, [_OWNER])
        if chance.random() < 0.15:
            self._to = [*self._to, *(self._somebody() for _ in range(chance.randint(1, 8)))]
        self._cc = [self._somebody() for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2, 4)))]
        self._subject = chance.choice(generator.subjects)

    def _somebody(self) -> tuple[str, str]:
        often = min(int(self.chance.paretovariate(0.6)) * 37, _CORRESPONDENTS)
        return correspondent(often + self.chance.randrange(30))

    # Head

    def head(self, at: int) -> bytes:
        lines = [*self._trace(at), f"From: {_written(self._sender)}"]
        lines.append("To: " + ",\r\n ".join(map(_written, self._to)))
        if self._cc:
            lines.append("Cc: " + ",\r\n ".join(map(_written, self._cc)))
        lines += [*self._thread(), f"Date: {formatdate(at)}", "MIME-Version: 1.0", self._content]
        if self._list:
            lines += ["List-Unsubscribe: <https://news.example/off>", f"List-Id: <news{self._number % 200}.example>"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def _trace(self, at: int) -> list[str]:
        """What servers on the way add: on average more bytes than the text of a short mail."""
        relay, noise = self.chance.randrange(999), self.chance.randbytes
        lines = [f"Return-Path: <{self._sender[1]}>", f"Delivered-To: {OWNER}"]
        lines += [
            f"Received: from mx{hop}.relay{relay}.example (mx{hop}.relay.example [203.0.113.{hop}])\r\n"
            f"\tby in{hop}.agency.example (Postfix) with ESMTPS id {self.chance.getrandbits(40):X}\r\n"
            f"\tfor <{OWNER}>; {formatdate(at - hop * 3)}"
            for hop in range(self.chance.randint(2, 5))
        ]
        if self._g.profile == "mixed":
            signature = base64.encodebytes(noise(256)).decode().strip().replace("\n", "\r\n\t ")
            lines.append(f"DKIM-Signature: v=1; a=rsa-sha256; d=relay{relay}.example; s=s1;\r\n\tb={signature}")
            if self.chance.random() < 0.35:
                judged = base64.encodebytes(noise(900)).decode().strip().replace("\n", "\r\n\t")
                lines.append(f"X-Microsoft-Antispam-Message-Info:\r\n\t{judged}")
        return lines

    def _thread(self) -> list[str]:
        """Subject, Message-ID and, for half of all mails, what they answer."""
        threads = self._g.threads
        message_id = f"<{self._g.seed}.{self._number}.{self.chance.getrandbits(48):x}@mail.example>"
        answered = threads.get(self._number - 1 - int(self.chance.expovariate(1 / 60)))
        above: list[str] = []
        if answered and not self._list and self.chance.random() < 0.5:
            parent, ancestors, subject = answered
            above = [*ancestors, parent][-12:]
            self._subject = subject if subject.startswith("Re: ") else f"Re: {subject}"
        threads[self._number] = (message_id, above, self._subject)
        threads.pop(self._number - 800, None)
        lines = [f"Subject: {_header(self._subject)}", f"Message-ID: {message_id}"]
        if above:
            lines += [f"In-Reply-To: {above[-1]}", "References: " + "\r\n ".join(above)]
        return lines

    # Bodies

    def small(self) -> bytes:
        return self._plain(self.chance.randint(1, 2))

    def mixed(self) -> bytes:
        kind = self.chance.random()
        if kind < 0.35:
            return self._plain(self.chance.choice((1, 1, 2, 3, 4, 8)))
        if kind < 0.70:
            return self._multipart("alternative", self._alternative(self.chance.choice((4, 5, 7, 10, 14, 18))))
        if kind < 0.85:
            return self._newsletter()
        if kind < 0.95:
            return self._with_attachments()
        return self._odd(kind)

    def _plain(self, paragraphs: int) -> bytes:
        encoding = self.chance.choice(_ENCODINGS)
        charset = self.chance.choice(("utf-8",) * 8 + ("iso-8859-1", "windows-1252"))
        self._content = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}"
        return _encoded(self._text(paragraphs), encoding, charset)

    def _alternative(self, paragraphs: int) -> list[bytes]:
        encoding = self.chance.choice(_ENCODINGS)
        rows = "".join(PARAGRAPH.format(text=self._paragraph()) for _ in range(paragraphs))
        page = HTML_FRAME.format(title=self._subject, rows=rows)
        return [
            _part("text/plain; charset=utf-8", _encoded(self._text(paragraphs), encoding), encoding),
            _part("text/html; charset=utf-8", _encoded(page, encoding), encoding),
        ]

    def _newsletter(self) -> bytes:
        self._list, self.sent = True, False
        self._sender, self._to, self._cc = (("News", f"news{self._number % 300}@news.example"), [_OWNER], [])
        encoding = self.chance.choice(_ENCODINGS)
        rows = "".join(
            NEWS_ROW.format(
                link=f"{self.chance.getrandbits(256):x}",
                title=self.chance.choice(self._g.subjects),
                text=self._paragraph(),
            )
            for _ in range(self.chance.randint(20, 60))
        )
        page = HTML_FRAME.format(title=self._subject, rows=f"<table>{rows}</table><p>{reference(self._number)}</p>")
        return self._multipart("alternative", [_part("text/html; charset=utf-8", _encoded(page, encoding), encoding)])

    def _with_attachments(self) -> bytes:
        inner = _joined(self._alternative(3), self._boundary + "a")
        parts = [f'Content-Type: multipart/alternative; boundary="{self._boundary}a"\r\n\r\n'.encode() + inner]
        for number in range(self.chance.choice((1, 1, 1, 2, 3))):
            octets = int(150_000 * 10 ** self.chance.random()) // (8 if number else 1)
            begin = self.chance.randrange(len(self._g.noise) - octets)
            name = self.chance.choice(
                (f'filename="Report {number}.pdf"', f"filename*=UTF-8''Gr%C3%B6%C3%9Fe-{number}.pdf")
            )
            content = _base64(self._g.noise[begin : begin + octets])
            parts.append(_part("application/pdf", content, "base64", f"Content-Disposition: attachment; {name}\r\n"))
        return self._multipart("mixed", parts)

    def _odd(self, kind: float) -> bytes:
        words = _part("text/plain; charset=utf-8", _encoded(self._text(1), "8bit"), "8bit")
        if kind < 0.97:
            picture = _base64(self._g.noise[: self.chance.randint(3_000, 25_000)])
            about = 'Content-ID: <logo@agency>\r\nContent-Disposition: inline; filename="logo.png"\r\n'
            page = HTML_FRAME.format(title="", rows=f'<p>{self._text(2)}</p><img src="cid:logo@agency">')
            shown = _part("text/html; charset=utf-8", _encoded(page, "quoted-printable"), "quoted-printable")
            return self._multipart("related", [shown, _part("image/png", picture, "base64", about)])
        if kind < 0.99:
            lines = (
                "BEGIN:VCALENDAR",
                "METHOD:REQUEST",
                "BEGIN:VEVENT",
                f"UID:{self._number}",
                "END:VEVENT",
                "END:VCALENDAR",
            )
            event = "\r\n".join(lines)
            invitation = _part("text/calendar; method=REQUEST", _encoded(event, "base64"), "base64")
            return self._multipart("alternative", [words, invitation])
        report = b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        return self._multipart("report; report-type=delivery-status", [words, report])

    def _multipart(self, kind: str, parts: list[bytes]) -> bytes:
        self._content = f'Content-Type: multipart/{kind}; boundary="{self._boundary}"'
        return _joined(parts, self._boundary)

    def _paragraph(self) -> str:
        return self.chance.choice(self._g.paragraphs)

    def _text(self, paragraphs: int) -> str:
        body = "\n\n".join(_wrapped(self._paragraph()) for _ in range(paragraphs))
        quoted = "".join(f"> {line}\n" for line in _wrapped(self._paragraph()).splitlines())
        below = f"\nOn Mon, 3 Feb 2020, somebody wrote:\n{quoted}" if self.chance.random() < 0.4 else ""
        return f"Hello,\n\n{body}\n\nReference {reference(self._number)}\n{below}{SIGNATURE}"


_OWNER = ("Robin Recruiter", OWNER)


def _texts(chance: random.Random) -> tuple[list[str], list[str]]:
    """Paragraphs and subjects out of 30,000 words, used about as unevenly as those of a language."""
    consonants, vowels = "bcdfghklmnprstvwz", "aeiou"
    words = {
        "".join(
            chance.choice(consonants) + chance.choice(vowels) + chance.choice(("", "", "n", "r", "s")) for _ in range(n)
        )
        for n in (1, 2, 2, 3, 3, 4)
        for _ in range(6_000)
    }
    vocabulary = sorted(words)
    chance.shuffle(vocabulary)
    vocabulary[40:40] = ("größe", "über", "straße", "café", "naïve", "señor", "привет", "отчёт", "会議", "資料", "€100")
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))

    def sentence(least: int, most: int) -> str:
        return " ".join(chance.choices(vocabulary, cum_weights=weights, k=chance.randint(least, most))).capitalize()

    paragraphs = [". ".join(sentence(5, 18) for _ in range(chance.randint(2, 6))) + "." for _ in range(6_000)]
    return paragraphs, [sentence(3, 9) for _ in range(5_000)]


def _wrapped(paragraph: str) -> str:
    lines, line = [], ""
    for word in paragraph.split(" "):
        if len(line) + len(word) > 74:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".lstrip()
    return "\n".join([*lines, line])


def _encoded(text: str, encoding: str, charset: str = "utf-8") -> bytes:
    raw = text.encode(charset, "replace")
    if encoding == "base64":
        return _base64(raw)
    if encoding == "quoted-printable":
        raw = quopri.encodestring(raw)
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _base64(raw: bytes) -> bytes:
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _part(content_type: str, body: bytes, encoding: str, more: str = "") -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n{more}\r\n".encode() + body


def _joined(parts: list[bytes], boundary: str) -> bytes:
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def _header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=70).encode(linesep="\r\n")


def _written(person: tuple[str, str]) -> str:
    return f"{_header(person[0])} <{person[1]}>"
