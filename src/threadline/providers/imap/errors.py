# ruff: noqa: E501  # servers' texts stand unbroken, so that they can be searched for
"""What a server's refusal means: one table from response codes and known texts to who must act.

Text is the only error channel that many servers have, so the table holds the texts as they were seen. The first row
that fits decides; texts stand before codes, since a server that says more than its code means what it says. What no
row knows is `Transient`: an unknown text never becomes "wrong password".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from threadline.domain.causes import Cause
from threadline.domain.errors import (
    AccountGone,
    AppMisconfigured,
    MessageGone,
    NeedsAdmin,
    NeedsUser,
    ProviderError,
    Throttled,
    Transient,
)
from threadline.providers.imap.parse import Status


class Phase(Enum):
    """What was being done when the answer came."""

    SIGN_IN = "sign_in"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Row:
    """A refusal and its meaning. `code` and `text` (a regular expression, any case) must both fit where both stand."""

    error: type[ProviderError]
    cause: Cause
    says: str
    code: str = ""
    text: str = ""
    phase: Phase | None = None
    certain: bool = True
    example: str = ""  # an answer this row was made for; each is a test
    source: str = ""


_WRONG = "The mail server does not accept this user name and password."
_BUSY = "Too many programs are connected to this mailbox at once. We try again by ourselves."

ROWS: tuple[Row, ...] = (
    Row(
        Throttled, Cause.THROTTLED, "The mail server asks us to slow down. We try again by ourselves.",
        text=r"throttled|suggested backoff time|rate limit|try again in \d|bandwidth limits? exceeded|too many (?:commands|requests)",
        example="BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds", source="Exchange Online",
    ),
    Row(
        Transient, Cause.TOO_MANY_CONNECTIONS, _BUSY,
        text=r"too many (?:simultaneous |concurrent )?(?:connections|logins|sessions)|(?:maximum|max\.?) number of connections|"
        r"connection limit|mail_max_userip_connections",
        example="NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
        source="Dovecot, Gmail, Courier",
    ),
    Row(
        NeedsUser, Cause.WEB_SIGN_IN_REQUIRED, "The mail provider asks you to sign in once in a web browser.",
        text=r"log ?in via your web browser|web login required|please verify your account|account is not verified",
        example="NO [ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)",
        source="Gmail",
    ),
    Row(
        NeedsUser, Cause.WEB_SIGN_IN_REQUIRED, "The mail provider asks you to sign in once in a web browser.",
        code="WEBALERT", example="NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1] Web login required.",
        source="Gmail",
    ),
    Row(
        NeedsUser, Cause.APP_PASSWORD_REQUIRED,
        "The mail provider asks for an app password in place of your usual one.",
        text=r"app(?:lication)?[- ]?(?:specific)?[- ]?password (?:is )?required|use an app password|"
        r"authorization code.*instead of",
        example="NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)",
        source="Gmail",
    ),
    Row(
        NeedsUser, Cause.CREDENTIALS_REJECTED,
        "The mail server refuses the sign-in: likely the password is wrong, or IMAP is switched off for this mailbox.",
        text=r"invalid credentials or imap is disabled", phase=Phase.SIGN_IN, certain=False,
        example="NO [AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled", source="Yandex",
    ),
    Row(
        NeedsAdmin, Cause.IMAP_DISABLED, "IMAP is switched off for your organisation's mailboxes.",
        text=r"imap (?:access )?is disabled for your (?:domain|organi[sz]ation)",
        example="NO [UNAVAILABLE] IMAP access is disabled for your domain.", source="Google Workspace",
    ),
    Row(
        NeedsAdmin, Cause.IMAP_DISABLED, "IMAP is likely switched off for this mailbox.",
        text=r"(?:yet to enable imap|not enabled for imap|imap (?:access |use |service )?is (?:disabled|not enabled)"
        r"|imap access (?:is )?(?:disabled|denied|not allowed)|enable imap)",
        phase=Phase.SIGN_IN, certain=False,
        example="NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page and enable it.",
        source="Gmail, Zoho",
    ),
    Row(
        Transient, Cause.IMAP_DISABLED,
        "The mail server signed us in but does not open the mailbox: IMAP is likely switched off, or the server has trouble.",
        text=r"user is authenticated but not connected", certain=False,
        example="BAD User is authenticated but not connected.", source="Exchange: switched off, too many sessions or an outage",
    ),
    Row(
        Transient, Cause.SERVER_TROUBLE, "The mail server is out of service for the moment. We try again by ourselves.",
        text=r"temporar(?:y|ily)|try again later|system error|internal (?:server )?error|server error|"
        r"service (?:is )?(?:not available|unavailable)|backend error",
        example="NO Account is temporarily unavailable", source="Arcor, TalkTalk",
    ),
    Row(
        AccountGone, Cause.ACCOUNT_GONE, "Likely this account does not exist any more.",
        text=r"account (?:has been |is |was )?(?:deleted|closed|terminated|deactivated)|no such (?:user|account|mailbox user)",
        phase=Phase.SIGN_IN, certain=False, example="NO Account has been closed", source="derived",
    ),
    Row(
        NeedsAdmin, Cause.ACCESS_BLOCKED, "The mail server likely blocks the access to this mailbox.",
        text=r"account (?:has been |is |was )?(?:blocked|disabled|suspended|locked)|access (?:has been )?blocked|"
        r"blocked by (?:the )?administrator|policy",
        phase=Phase.SIGN_IN, certain=False, example="NO Your account has been blocked", source="derived",
    ),
    Row(
        Transient, Cause.ACCESS_BLOCKED,
        "The mail server takes us for an unsafe program and does not open the folder. We try again by ourselves.",
        text=r"unsafe login", certain=False, example="NO EXAMINE Unsafe Login. Please contact kefu@188.com for help",
        source="163, 126: refuse folders to programs without ID",
    ),
    Row(
        NeedsUser, Cause.PASSWORD_EXPIRED, "The password of this mailbox has expired.",
        text=r"password (?:has )?expired|must change (?:your )?password|password change required", phase=Phase.SIGN_IN,
        example="NO Your password has expired", source="derived",
    ),
    Row(NeedsUser, Cause.PASSWORD_EXPIRED, "The password of this mailbox has expired.", code="EXPIRED",
        phase=Phase.SIGN_IN, example="NO [EXPIRED] Passphrase is no longer valid", source="RFC 5530 section 3"),
    Row(
        NeedsUser, Cause.PLAINTEXT_REFUSED, "The mail server only takes a password over an encrypted connection.",
        code="PRIVACYREQUIRED", example="NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.",
        source="RFC 5530 section 3, Dovecot",
    ),
    Row(
        NeedsUser, Cause.PLAINTEXT_REFUSED, "The mail server only takes a password over an encrypted connection.",
        text=r"plain ?text (?:authentication|login)s? (?:is )?(?:disallowed|disabled)|login is disabled|must issue a starttls",
        phase=Phase.SIGN_IN, example="BAD Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
        source="Dovecot, Cyrus",
    ),
    Row(NeedsUser, Cause.CREDENTIALS_REJECTED, _WRONG, code="AUTHENTICATIONFAILED", phase=Phase.SIGN_IN,
        example="NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", source="RFC 5530 section 3, Gmail"),
    Row(
        NeedsUser, Cause.CREDENTIALS_REJECTED, _WRONG, phase=Phase.SIGN_IN,
        text=r"^(?:imap )?(?:invalid (?:credentials|login|user ?name|password)|incorrect (?:user ?name|password|login)|wrong password|"
        r"(?:user ?name|login) or password (?:is )?(?:incorrect|wrong|invalid)|bad (?:credentials|password|user))",
        example="NO Invalid login or password", source="Gmail (with ALERT alone), small servers",
    ),
    Row(
        NeedsUser, Cause.CREDENTIALS_REJECTED,
        "The mail server refuses the sign-in: likely the user name or the password is wrong, or a policy forbids it.",
        text=r"^(?:imap )?(?:login|authenticate|authentication|logon) (?:failed|failure|fail)", phase=Phase.SIGN_IN, certain=False,
        example="NO LOGIN failed.", source="Exchange, Courier: the same words for a wrong password and a policy",
    ),
    Row(NeedsAdmin, Cause.ACCESS_BLOCKED, "The mail server does not let this account in.", code="AUTHORIZATIONFAILED",
        example="NO [AUTHORIZATIONFAILED] No such authorization-ID", source="RFC 5530 section 3"),
    Row(NeedsAdmin, Cause.ADMIN_CONTACT, "The mail server asks you to contact your IT administrator.", code="CONTACTADMIN",
        example="NO [CONTACTADMIN] Contact your administrator", source="RFC 5530 section 3"),
    Row(NeedsAdmin, Cause.ACCESS_BLOCKED, "The mail server does not permit this.", code="NOPERM",
        example="NO [NOPERM] Access denied", source="RFC 5530 section 3"),
    Row(Transient, Cause.SERVER_TROUBLE, "The mail server is out of service for the moment. We try again by ourselves.",
        code="UNAVAILABLE", example="NO [UNAVAILABLE] User's backend down for maintenance", source="RFC 5530 section 3"),
    Row(Transient, Cause.MAILBOX_BUSY, "Another program is using this mailbox alone. We try again by ourselves.",
        code="INUSE", example="NO [INUSE] Mailbox in use", source="RFC 5530 section 3"),
    Row(Throttled, Cause.THROTTLED, "The mail server asks us to slow down. We try again by ourselves.",
        code="LIMIT", example="NO [LIMIT] At most 32 flags in one mailbox supported", source="RFC 5530 section 3"),
    Row(Transient, Cause.SERVER_TROUBLE, "The mail server says that the mailbox is full. We try again by ourselves.",
        code="OVERQUOTA", example="NO [OVERQUOTA] Sorry", source="RFC 5530 section 3"),
    Row(Transient, Cause.MAILBOX_DAMAGED, "The mail server says that its own data is damaged. We try again by ourselves.",
        code="CORRUPTION", example="NO [CORRUPTION] Cannot open mailbox", source="RFC 5530 section 3"),
    Row(Transient, Cause.SERVER_TROUBLE, "The mail server met a fault of its own. We try again by ourselves.",
        code="SERVERBUG", example="NO [SERVERBUG] This should not happen", source="RFC 5530 section 3, Dovecot"),
    Row(AppMisconfigured, Cause.APP_MISCONFIGURED, "The mail server found our request wrong. This is a defect of Threadline.",
        code="CLIENTBUG", example="BAD [CLIENTBUG] You do not do that", source="RFC 5530 section 3"),
    Row(AppMisconfigured, Cause.APP_MISCONFIGURED, "The mail server cannot do what we asked. This is a defect of Threadline.",
        code="CANNOT", example="NO [CANNOT] Invalid mailbox name", source="RFC 5530 section 3"),
    Row(Transient, Cause.FOLDER_GONE, "This folder is no longer in the mailbox.", code="NONEXISTENT",
        phase=Phase.COMMAND, example="NO [NONEXISTENT] Mailbox doesn't exist: Clients", source="RFC 5530 section 3, Dovecot"),
    Row(Transient, Cause.FOLDER_GONE, "This folder is no longer in the mailbox.", code="TRYCREATE",
        phase=Phase.COMMAND, example="NO [TRYCREATE] No such mailbox", source="RFC 9051 section 7.1"),
    Row(
        Transient, Cause.FOLDER_GONE, "This folder is no longer in the mailbox.", phase=Phase.COMMAND,
        text=r"(?:mailbox|folder) (?:\S+ )?(?:does not|doesn't) exist|(?:unknown|no such|nonexistent) (?:mailbox|folder)",
        example="NO [NONEXISTENT] Unknown Mailbox: Clients (Failure)", source="Gmail, Exchange, Courier",
    ),
    Row(MessageGone, Cause.MESSAGE_GONE, "This email left the mailbox before we could fetch it.", code="EXPUNGEISSUED",
        phase=Phase.COMMAND, example="NO [EXPUNGEISSUED] Some messages were expunged", source="RFC 5530 section 3"),
)  # fmt: skip

_BACKOFF = re.compile(r"suggested backoff time: (\d{1,12}) milliseconds", re.IGNORECASE)
_LONGEST_WAIT = timedelta(days=1)
_UNKNOWN = "The mail server refused what we asked and did not say why in words we know. We try again by ourselves."
_BYE = "The mail server ended the connection. We try again by ourselves."


def error_for(status: Status, phase: Phase, notices: Iterable[Status] = ()) -> ProviderError:
    """The meaning of a refusal. `notices` are untagged answers that came just before it, such as Gmail's WEBALERT."""
    row = row_for(status, phase)
    before = [(notice, found) for notice in notices if (found := row_for(notice, phase)) is not None]
    if before and (row is None or row.cause in (Cause.CREDENTIALS_REJECTED, Cause.SERVER_TROUBLE)):
        row = before[-1][1]
    answer = " / ".join([*(notice.answer for notice, _ in before), status.answer])[:1000]
    if row is None:
        bye = status.kind == "BYE"
        cause = Cause.CONNECTION_LOST if bye else Cause.UNKNOWN
        return Transient(_BYE if bye else _UNKNOWN, cause=cause, certain=False, answer=answer)
    if issubclass(row.error, Throttled):
        return Throttled(row.says, retry_after=_backoff(status.text), cause=row.cause, answer=answer)
    return row.error(row.says, cause=row.cause, certain=row.certain, answer=answer)


def row_for(status: Status, phase: Phase) -> Row | None:
    """The first row that fits, or None."""
    for row in ROWS:
        if row.phase is not None and row.phase is not phase:
            continue
        if row.code and row.code != status.code:
            continue
        if row.text and not re.search(row.text, status.text, re.IGNORECASE):
            continue
        return row
    return None


def _backoff(text: str) -> timedelta | None:
    found = _BACKOFF.search(text)
    return min(timedelta(milliseconds=int(found[1])), _LONGEST_WAIT) if found else None
