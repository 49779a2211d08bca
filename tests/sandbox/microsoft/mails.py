"""Emails with something in them."""

from __future__ import annotations

import base64

_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()

WITH_ATTACHMENTS = (
    """Received: from mail.posten.example; Mon, 2 Mar 2026 10:00:00 +0000
From: =?utf-8?q?Anna_Bergstr=C3=B6m?= <anna.berg@posten.example>
To: Elin Sandberg <elin@northgate-365.example>
Cc: "Osei, Mark" <mark@northgate.example>
Subject: =?utf-8?q?My_CV_and_a_gr=C3=BC=C3=9F?=
Date: Mon, 2 Mar 2026 10:00:00 +0000
Message-ID: <with-attachments@posten.example>
In-Reply-To: <first@northgate-365.example>
References: <first@northgate-365.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/related; boundary="inner"

--inner
Content-Type: text/html; charset=utf-8

<html><body><p>Here it is.</p><img src="cid:logo@x"></body></html>
--inner
Content-Type: image/png; name="logo.png"
Content-Transfer-Encoding: base64
Content-ID: <logo@x>
Content-Disposition: inline; filename="logo.png"

"""
    + _PNG
    + """
--inner--
--outer
Content-Type: message/rfc822

From: Bo Ek <bo@posten.example>
To: anna.berg@posten.example
Subject: The reference
Message-ID: <inside@posten.example>

She is excellent.
--outer
Content-Type: application/pdf; name="cv.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*=UTF-8''cv%20Anna.pdf

JVBERi0xLjQK
--outer--
"""
).encode()

CALENDAR = b"""From: Anna Berg <anna.berg@posten.example>
To: elin@northgate-365.example
Subject: Interview
Date: Mon, 2 Mar 2026 11:00:00 +0000
Message-ID: <invitation@posten.example>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain

Interview on Friday.
--b
Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
END:VCALENDAR
--b--
"""
