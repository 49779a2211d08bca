"""The named causes behind a connection's state, each with who must act and a sentence for a recruiter.

A cause says what happened; `certain` beside it says whether the provider said so or we infer it ("likely").
"""

from __future__ import annotations

from enum import Enum


class Who(Enum):
    """Who must act. The value is the word in the API and on the command line."""

    NOBODY = "nobody"
    YOU = "you"
    IT_ADMIN = "it_administrator"
    OPERATOR = "operator"


class Cause(Enum):
    """Why a connection is in its state. The value is the word in the API and on the command line."""

    CREDENTIALS_REJECTED = "credentials_rejected"
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 - the name of a cause
    APP_PASSWORD_REQUIRED = "app_password_required"  # noqa: S105 - the name of a cause
    WEB_SIGN_IN_REQUIRED = "web_sign_in_required"
    IMAP_DISABLED = "imap_disabled"
    ACCESS_BLOCKED = "access_blocked"
    ACCOUNT_GONE = "account_gone"
    ADMIN_CONTACT = "admin_contact"
    PLAINTEXT_REFUSED = "plaintext_refused"
    CERTIFICATE_INVALID = "certificate_invalid"
    HOST_UNKNOWN = "host_unknown"
    HOST_REFUSED = "host_refused"
    HOST_SILENT = "host_silent"
    HOST_NOT_ALLOWED = "host_not_allowed"
    NOT_A_MAIL_SERVER = "not_a_mail_server"
    CONNECTION_LOST = "connection_lost"
    SERVER_TROUBLE = "server_trouble"
    THROTTLED = "throttled"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    MAILBOX_BUSY = "mailbox_busy"
    MAILBOX_DAMAGED = "mailbox_damaged"
    RENUMBERED = "renumbered"
    FOLDER_GONE = "folder_gone"
    MESSAGE_GONE = "message_gone"
    MESSAGE_UNREADABLE = "message_unreadable"
    APP_MISCONFIGURED = "app_misconfigured"
    STORE_UNAVAILABLE = "store_unavailable"
    DISCONNECTED_BY_USER = "disconnected_by_user"
    RETRIES_EXHAUSTED = "retries_exhausted"
    UNKNOWN = "unknown"
