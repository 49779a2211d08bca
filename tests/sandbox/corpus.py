"""Messages that a server has to describe: ordinary ones, and what senders really do."""

from __future__ import annotations


def crlf(text: str, charset: str = "utf-8") -> bytes:
    """A message written with plain line ends."""
    return text.encode(charset).replace(b"\n", b"\r\n")


PLAIN = crlf("""Return-Path: <anna@posten.example>
Date: Mon, 02 Mar 2026 10:15:00 +0100
From: Anna Berg <anna@posten.example>
To: "Lindqvist, Sofia" <sofia@northgate.example>, jonas@acme.example
Cc: Team: mark@northgate.example, Priya <priya@northgate.example>;
Subject: Re: Second interview
Message-ID: <1@posten.example>
In-Reply-To: <0@northgate.example>
References: <0@northgate.example>

Tuesday works.

Anna
""")

NESTED = crlf("""From: =?utf-8?Q?J=C3=BCrgen_Stra=C3=9Fer?= <juergen@firma.example>
Sender: office@firma.example
Reply-To: replies@firma.example
To: sofia@northgate.example
Subject: =?iso-8859-1?Q?Lebenslauf_f=FCr_die_Stelle?=
 als Controller
Date: Tue, 3 Mar 2026 08:00:00 +0000
Message-ID: <2@firma.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer=1"

Preamble.
--outer=1
Content-Type: multipart/alternative;
\tboundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6ne Gr=C3=BC=C3=9Fe

--inner
Content-Type: text/html; charset="UTF-8"
Content-Language: de, en

<p>Sch\u00f6ne Gr\u00fc\u00dfe</p>
--inner--

--outer=1
Content-Type: application/pdf; name="CV.pdf"
Content-Disposition: attachment; filename*0*=utf-8''Lebens; filename*1*=l%C3%A4ufe.pdf; size=12
Content-Transfer-Encoding: base64
Content-ID: <cv@firma.example>
Content-Description: Mein Lebenslauf

SGVsbG8gd29ybGQ=

--outer=1
Content-Type: message/rfc822

From: Inner <inner@firma.example>
To: outer@firma.example
Subject: forwarded
Date: Mon, 2 Mar 2026 08:00:00 +0000
Content-Type: multipart/mixed; boundary=deep

--deep

one
--deep
Content-Type: image/png
Content-Transfer-Encoding: base64

AAAA
--deep--

--outer=1--
Epilogue.
""")

FORWARDED_PLAIN = crlf("""From: a@x.example
Subject: fwd
Content-Type: multipart/digest; boundary=d

--d

From: b@x.example
Subject: first

body one
--d

From: c@x.example
Subject: second

body two
two lines
--d--
""")

NO_BODY = b"From: a@x.example\r\nSubject: only a header\r\n\r\n"
NO_HEADER = b"\r\nOnly a body, with no header at all.\r\n"
NO_FINAL_NEWLINE = b"From: a@x.example\r\nSubject: end\r\n\r\nlast line without an end"
UNCLOSED = crlf("""From: broken@x.example
Subject: never closed
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain

first
--b
Content-Type: text/html

<p>second, and the boundary never closes</p>
""")
EIGHT_BIT = b"From: Bj\xf6rn <b@x.example>\r\nTo: sofia@northgate.example\r\nSubject: Gr\xfc\xdfe\r\n\r\nr\xe5tt\r\n"
CALENDAR = crlf("""From: jonas@acme.example
To: sofia@northgate.example
Subject: Invitation
Date: Wed, 4 Mar 2026 08:00:00 +0000
Message-ID: <cal@acme.example>
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain

Interview
--c
Content-Type: text/calendar; method=REQUEST; charset=utf-8

BEGIN:VCALENDAR
END:VCALENDAR
--c--
""")
QUOTES = crlf(r"""From: "Quote \"the\" name" <q@x.example>, (comment) plain@x.example (Plain Name)
To: undisclosed-recipients:;
Subject: back\slash and "quotes"
Message-ID: <q@x.example>

hi
""")

WELL_FORMED = {
    "plain": PLAIN,
    "nested": NESTED,
    "digest": FORWARDED_PLAIN,
    "no body": NO_BODY,
    "no final newline": NO_FINAL_NEWLINE,
    "unclosed": UNCLOSED,
    "calendar": CALENDAR,
    "quotes": QUOTES,
    "eight bit": EIGHT_BIT,
    "no header": NO_HEADER,
}
