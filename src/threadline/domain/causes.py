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
    SECURITY_CHANGE = "security_change"  # a new password, a sign-out everywhere: providers rarely say which
    UNUSED_90_DAYS = "unused_90_days"
    SIGN_IN_EXPIRED = "sign_in_expired"
    SIGN_IN_FREQUENCY = "sign_in_frequency"  # a policy asks for a new sign-in every so often
    MFA_REQUIRED = "mfa_required"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_DECLINED = "consent_declined"
    PERMISSION_WITHHELD = "permission_withheld"  # signed in, but fewer permissions granted than asked for
    ACCOUNT_LOCKED = "account_locked"
    IMAP_DISABLED = "imap_disabled"
    ADMIN_APPROVAL = "admin_approval"  # nobody but an administrator may allow the access
    APPROVAL_GIVEN = "approval_given"  # the administrator has, and the owner has not come back yet
    NOT_ASSIGNED = "not_assigned"  # the organisation lets only chosen people use Threadline
    APP_DISABLED = "app_disabled"  # the organisation has switched Threadline off
    DEVICE_REQUIRED = "device_required"  # a policy asks for a managed device, which a server never is
    ACCOUNT_DISABLED = "account_disabled"
    NO_MAILBOX = "no_mailbox"  # inactive, deleted, or on a server of the company
    GUEST_ACCOUNT = "guest_account"
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
    FOLDER_RESTS = "folder_rests"  # renumbered so often that it is left alone for a day
    FOLDER_GONE = "folder_gone"
    MESSAGE_GONE = "message_gone"
    MESSAGE_UNREADABLE = "message_unreadable"
    APP_MISCONFIGURED = "app_misconfigured"
    APP_SECRET_WRONG = "app_secret_wrong"  # noqa: S105 - the name of a cause
    APP_SECRET_EXPIRED = "app_secret_expired"  # noqa: S105 - the name of a cause
    APP_NOT_SET_UP = "app_not_set_up"  # no client id and secret were given to this installation
    STORE_UNAVAILABLE = "store_unavailable"
    DISCONNECTED_BY_USER = "disconnected_by_user"
    RETRIES_EXHAUSTED = "retries_exhausted"
    UNKNOWN = "unknown"
