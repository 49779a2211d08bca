"""Fetch and parse Inbox and Sent with imaplib and email: python -m bench.stdlib_client PORT USER PASSWORD"""

from __future__ import annotations

import email
import email.policy
import imaplib
import sys
from email.message import Message

BATCH = 200


def main(port: str, user: str, password: str) -> int:
    count = 0
    with imaplib.IMAP4("127.0.0.1", int(port)) as client:
        client.login(user, password)
        for folder in ("INBOX", "Sent"):
            client.select(folder, readonly=True)
            _, found = client.uid("SEARCH", "ALL")
            uids = found[0].split()
            for start in range(0, len(uids), BATCH):
                _, answers = client.uid("FETCH", b",".join(uids[start : start + BATCH]).decode(), "(FLAGS BODY.PEEK[])")
                for answer in answers:
                    if isinstance(answer, tuple):
                        _read(email.message_from_bytes(answer[1], policy=email.policy.compat32))
                        count += 1
    return 0 if count else 1


def _read(message: Message) -> None:
    for name in ("Subject", "From", "To", "Cc", "Date", "Message-ID", "References"):
        message.get(name)
    for part in message.walk():
        if not part.is_multipart():
            part.get_payload(decode=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
