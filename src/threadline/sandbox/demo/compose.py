"""Writing one email as bytes. The same arguments give the same bytes: ids and boundaries come from a digest."""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

Party = tuple[str, str]  # name, address
_POLICY = SMTP.clone(max_line_length=76)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment. `inline_id` puts it into the HTML instead; a `method` makes it a calendar alternative."""

    name: str
    content_type: str
    data: bytes
    inline_id: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What an email says, before it becomes bytes."""

    sender: Party
    to: tuple[Party, ...]
    subject: str
    date: datetime
    text: str
    html: str = ""
    cc: tuple[Party, ...] = ()
    bcc: tuple[Party, ...] = ()
    message_id: str = ""  # without brackets; made up where empty
    references: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=())

    @property
    def id(self) -> str:
        """The Message-ID, without brackets."""
        return self.message_id or f"{digest(self)[:20]}@{self.sender[1].rpartition('@')[2]}"


def digest(letter: Letter) -> str:
    """What the letter's made-up parts are made of."""
    facts = "\x00".join((letter.sender[1], letter.to[0][1], letter.subject, letter.date.isoformat(), letter.text))
    return hashlib.sha256(facts.encode()).hexdigest()


def write(letter: Letter) -> bytes:
    """The email with CRLF line ends."""
    mail = EmailMessage(policy=_POLICY)
    host = letter.sender[1].rpartition("@")[2]
    mail["Received"] = f"from mail.{host} by mx.northgate.example with ESMTPS; {format_datetime(letter.date)}"
    mail["From"] = _address(letter.sender)
    mail["To"] = tuple(_address(one) for one in letter.to)
    if letter.cc:
        mail["Cc"] = tuple(_address(one) for one in letter.cc)
    if letter.bcc:
        mail["Bcc"] = tuple(_address(one) for one in letter.bcc)
    mail["Subject"] = letter.subject
    mail["Date"] = letter.date
    mail["Message-ID"] = f"<{letter.id}>"
    if letter.references:
        mail["In-Reply-To"] = f"<{letter.references[-1]}>"
        mail["References"] = " ".join(f"<{one}>" for one in letter.references)
    for name, value in letter.headers:
        mail[name] = value
    _fill(mail, letter)
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        part.set_boundary(f"=_{digest(letter)[20:44]}_{number}")
    return mail.as_bytes(policy=_POLICY)


def _fill(mail: EmailMessage, letter: Letter) -> None:
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
        rich = list(mail.iter_parts())[-1]
        for file in letter.files:
            if file.inline_id:
                main, sub = file.content_type.split("/")
                rich.add_related(
                    file.data, main, sub, cid=f"<{file.inline_id}>", filename=file.name, disposition="inline"
                )
    for file in letter.files:
        main, sub = file.content_type.split("/")
        if file.method:
            text = file.data.decode()
            mail.add_alternative(text, subtype=sub, params={"method": file.method})
        elif not file.inline_id:
            mail.add_attachment(file.data, main, sub, filename=file.name)


def _address(party: Party) -> Address:
    name, address = party
    return Address(display_name=name, addr_spec=address)


def quoted_reply(previous: Letter, previous_text: str) -> str:
    """What mail clients put below an answer. Only the newest message is quoted, as tidy people do."""
    name = previous.sender[0] or previous.sender[1]
    heading = f"On {previous.date.day} {previous.date:%B %Y at %H:%M}, {name} wrote:"
    return heading + "\n" + "\n".join(("> " + line).rstrip() for line in previous_text.splitlines())


def as_html(text: str, quote: str = "", logo_id: str = "") -> str:
    """The text as the HTML a mail client would write."""
    paragraphs = "".join(
        f"<p>{html.escape(block).replace(chr(10), '<br>')}</p>\n" for block in text.split("\n\n") if block.strip()
    )
    picture = f'<p><img src="cid:{logo_id}" alt="Northgate Talent" width="96" height="24"></p>\n' if logo_id else ""
    below = _quoted_html(quote) if quote else ""
    return f"<html><body>\n{paragraphs}{picture}{below}</body></html>\n"


def _quoted_html(quote: str) -> str:
    """The heading, and under it what is quoted; the bar beside it stands for the marks of a text."""
    heading, _, quoted = quote.partition("\n")
    lines = "<br>".join(html.escape(line.removeprefix(">").removeprefix(" ")) for line in quoted.splitlines())
    return f"<p>{html.escape(heading)}</p>\n<blockquote>{lines}</blockquote>\n"
