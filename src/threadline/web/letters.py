"""Texts ready to send: to the IT administrator, to support, to a colleague. They hold no password and no mail."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import quote

import django
from django.db import connection

from threadline import clock
from threadline.domain.cause_texts import cause_clause
from threadline.domain.causes import Cause
from threadline.services import health
from threadline.services.microsoft import approval
from threadline.services.microsoft.app import client_id, is_set_up
from threadline.storage.models import Mailbox, User
from threadline.web.times import dated

# What the consent of an administrator mends.
APPROVABLE = frozenset({"admin_approval", "consent_withdrawn", "app_disabled", "not_assigned", ""})


@dataclass(frozen=True)
class Letter:
    to: str
    subject: str
    text: str

    @property
    def mailto(self) -> str:
        """RFC 6068: line breaks are CRLF."""
        body = quote(self.text.replace("\n", "\r\n"), safe="")
        return f"mailto:{quote(self.to, safe='@')}?subject={quote(self.subject, safe='')}&body={body}"


def for_it(mailbox: Mailbox, user: User) -> Letter:
    """What an IT administrator needs to know to let the mailbox be read, or be read again."""
    can = "would like to read" if mailbox.state == "connecting" else "can no longer read"
    lines = [
        "Hello,",
        "",
        f"our recruitment email sync, Threadline, {can} the mailbox {mailbox.address}.",
        f"What happened: {_cause(mailbox) or 'the mail server asks for a decision of its administrator'}.",
        f"Since: {dated(mailbox.since, clock.now())} ({mailbox.company.timezone})",
    ]
    needs = _needs_of_microsoft(mailbox, user) if mailbox.provider == "graph" else _needs_of_imap(mailbox)
    lines += ["", *needs, "", "Please let me know when this is done, or if it shall not be.", ""]
    lines += [str(user), user.company.name]
    if mailbox.answer:  # last: it is long, and for who wants to look it up
        lines += ["", f"The server's own words: {mailbox.answer}"]
    return Letter("", f"Access for Threadline to {mailbox.address}", "\n".join(lines))


def _needs_of_imap(mailbox: Mailbox) -> list[str]:
    server = mailbox.settings
    return [
        "What it needs: to sign in by IMAP and read. It never sends, moves, marks or deletes anything.",
        f"Server: {server.get('host')}, port {server.get('port')}, user name {server.get('username')}",
    ]


def _needs_of_microsoft(mailbox: Mailbox, user: User) -> list[str]:
    if mailbox.cause == Cause.NO_MAILBOX.value:
        return [
            "Please look where this mailbox is now. No permission has to be given for that.",
            "If it is on a server of ours, Threadline can read it by IMAP: please tell me that server's name and port.",
        ]
    needs = [
        "What it needs: the delegated permissions Mail.Read, User.Read, offline_access, openid and email.",
        "It reads the mail of those who sign in to it; it never sends, moves, marks or deletes anything, and cannot.",
    ]
    if not is_set_up():
        return needs
    if mailbox.cause in APPROVABLE:
        needs += [
            "To allow that for our organisation, open this link and sign in as an administrator; it works for a month:",
            f"  {approval.link(mailbox, user)}",
        ]
    return [*needs, f"Application (client) ID, for policies and for the list of enterprise applications: {client_id()}"]


def reminder(mailbox: Mailbox, user: User) -> Letter:
    """To the owner of a mailbox who has to act."""
    text = (
        f"Hello {mailbox.owner.get_short_name()},\n\n"
        f"your mailbox {mailbox.address} is not synced since {dated(mailbox.since, clock.now())}. "
        "Please open Threadline, Settings, and sign in again. It takes a minute; what came meanwhile is fetched then, "
        f"and nothing is lost.\n\n{user}"
    )
    return Letter(mailbox.owner.email, f"Please sign in to {mailbox.address} again", text)


def for_support(user: User, mailboxes: Iterable[Mailbox], to: str) -> Letter:
    """Who writes, which mailboxes are how and since when, and which versions run. The writer says what is wrong."""
    now = clock.now()
    lines = [
        f"Name: {user}",
        f"Company: {user.company.name}",
        f"Email: {user.email}",
        f"Time: {dated(now, now)} ({user.company.timezone})",
        "",
        "What is wrong:",
        "(what you did, what you expected, what happened instead; please attach a screenshot or a recording)",
        "",
        "Mailboxes:",
    ]
    lines += [line for mailbox in mailboxes for line in _state(mailbox)] or ["none connected yet"]
    lines += ["", f"Versions: {versions()}"]
    return Letter(to, f"Threadline: help needed, {user.company.name}", "\n".join(lines))


def _state(mailbox: Mailbox) -> Iterable[str]:
    now = clock.now()
    yield f"- {mailbox.address} ({mailbox.provider}, {mailbox.settings.get('host', '')})"
    yield f"  State: {health.describe_mailbox(mailbox).word}, since {dated(mailbox.since, now)}"
    if _cause(mailbox) and mailbox.state != "connected":
        yield f"  Cause: {_cause(mailbox)}"
    yield f"  Last refresh: {dated(mailbox.last_refresh_at, now) if mailbox.last_refresh_at else 'none yet'}"
    if mailbox.answer:
        yield f"  The server's own words: {mailbox.answer}"


def _cause(mailbox: Mailbox) -> str:
    return cause_clause(mailbox.cause, certain=mailbox.certain) if mailbox.cause else ""


def versions() -> str:
    parts = (
        f"Threadline {version('threadline')}",
        f"Python {platform.python_version()}",
        f"Django {django.get_version()}",
        connection.vendor,
    )
    return ", ".join(parts)
