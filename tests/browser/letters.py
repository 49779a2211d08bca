"""The emails that the tests of the pages deliver."""

from __future__ import annotations

import datetime as dt
import email.policy
import email.utils
from email.message import EmailMessage

from tests.servers.imap_client import Delivery

CV = b"%PDF-1.4\n" + bytes(range(256)) * 8

HOSTILE = """
<h2 style="color: #123456; background: url(https://tracker.example/style.png)">Dear Sofia,</h2>
<p onclick="alert(1)">thank you for the <b>pleasant</b> call.</p>
<script>document.title = "stolen"; fetch("https://tracker.example/script")</script>
<img src="https://tracker.example/pixel.png" width="1" height="1" onerror="alert(2)">
<form action="https://tracker.example/form"><input name="password"><button>Sign in</button></form>
<meta http-equiv="refresh" content="0;url=https://tracker.example/meta"><base href="https://tracker.example/">
<p><a href="javascript:alert(3)">Click</a> <a href="https://careers.example/terms">our terms</a></p>
"""


def letter(
    name: str,
    sender: str,
    to: str,
    *,
    subject: str,
    text: str = "",
    html: str = "",
    bcc: str = "",
    folder: str = "INBOX",
    days_ago: float = 0,
    at: dt.datetime | None = None,
    attachments: tuple[tuple[str, bytes], ...] = (),
    answers: str = "",
) -> Delivery:
    """One email; its Message-ID is `name@mail.test`, and it was sent and received at the same time."""
    at = at or dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=days_ago)
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, subject
    if bcc:
        message["Bcc"] = bcc
    message["Date"] = email.utils.format_datetime(at)
    message["Message-ID"] = f"<{name}@mail.test>"
    if answers:
        message["In-Reply-To"] = message["References"] = f"<{answers}@mail.test>"
    message.set_content(text or f"Dear reader,\n\nthis is about {subject}.\n")
    if html:
        message.add_alternative(html, subtype="html")
    for filename, data in attachments:
        message.add_attachment(data, maintype="application", subtype="pdf", filename=filename)
    return Delivery(bytes(message), folder, (), at)
