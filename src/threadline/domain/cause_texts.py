"""What each cause means to a recruiter: what happened, what it means for the mail, and who acts next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from threadline.domain.causes import Cause, Who


@dataclass(frozen=True, slots=True)
class CauseText:
    """`clause` is what happened, as it stands after "because" or "likely"; the other texts are sentences."""

    clause: str
    meaning: str  # for the mail
    who: Who  # by default; the state can say otherwise
    next_step: str

    def happened(self, *, certain: bool = True) -> str:
        """What happened, as the beginning of a sentence. "Likely" where the provider did not say so."""
        return self.clause[0].upper() + self.clause[1:] if certain else f"Likely {self.clause}"

    def sentence(self, *, certain: bool = True) -> str:
        """What happened and what it means."""
        return f"{self.happened(certain=certain)}. {self.meaning}"


_WAITS = "New emails come in later; none is lost."
_STOPS = "No new emails come in until this is mended; those already here stay."
_ONE = "All other emails come in as usual."
_NOTHING = "Nothing needs to be done. Threadline tries again by itself."
_SIGN_IN_ONCE = "Sign in once, and we catch up by ourselves. Nothing is lost, nothing comes twice."
_ASK_IT = "Send the ready message to your IT administrator, then check again."

CAUSE_TEXTS: Mapping[Cause, CauseText] = {
    Cause.CREDENTIALS_REJECTED: CauseText(
        "the mail server rejected the user name or password",
        _STOPS,
        Who.YOU,
        "Sign in again with the current password.",
    ),
    Cause.PASSWORD_EXPIRED: CauseText(
        "the password of this account has expired",
        _STOPS,
        Who.YOU,
        "Set a new password with your mail provider, then sign in again here.",
    ),
    Cause.APP_PASSWORD_REQUIRED: CauseText(
        "the mail provider wants an app password instead of your usual one",
        _STOPS,
        Who.YOU,
        "Create an app password in the security settings of your mail account, then sign in again with it.",
    ),
    Cause.WEB_SIGN_IN_REQUIRED: CauseText(
        "the mail provider wants you to sign in on its own web page first",
        _STOPS,
        Who.YOU,
        "Sign in to your mail in a browser and confirm that it is you, then sign in again here.",
    ),
    Cause.SECURITY_CHANGE: CauseText(
        "the mail provider ended our access after a security change, such as a new password or a sign-out everywhere",
        _STOPS,
        Who.YOU,
        _SIGN_IN_ONCE,
    ),
    Cause.UNUSED_90_DAYS: CauseText(
        "Microsoft ended our access because it had not been used for 90 days",
        _STOPS,
        Who.YOU,
        _SIGN_IN_ONCE,
    ),
    Cause.SIGN_IN_EXPIRED: CauseText(
        "the mail provider does not accept the earlier sign-in any more", _STOPS, Who.YOU, _SIGN_IN_ONCE
    ),
    Cause.SIGN_IN_FREQUENCY: CauseText(
        "a policy of your organisation asks for a new sign-in from time to time", _STOPS, Who.YOU, _SIGN_IN_ONCE
    ),
    Cause.MFA_REQUIRED: CauseText(
        "your organisation wants the sign-in confirmed by a second step, such as a code or an app on your phone",
        _STOPS,
        Who.YOU,
        "Sign in once and confirm it as you are asked to. We catch up by ourselves.",
    ),
    Cause.CONSENT_WITHDRAWN: CauseText(
        "the permission to read this mailbox was withdrawn",
        _STOPS,
        Who.YOU,
        "Sign in again and allow it. If you are told that an administrator has to, the next page has a message ready.",
    ),
    Cause.CONSENT_DECLINED: CauseText(
        "the permission to read this mailbox was declined",
        "No emails come in without it.",
        Who.YOU,
        "Sign in again and press Accept, if the emails of this mailbox are wanted.",
    ),
    Cause.PERMISSION_WITHHELD: CauseText(
        "the sign-in worked, but without the permission to read mail",
        "No emails come in without it.",
        Who.YOU,
        "Sign in again and allow everything that is asked for.",
    ),
    Cause.ACCOUNT_LOCKED: CauseText(
        "the account is locked for now, usually after too many attempts to sign in",
        _STOPS,
        Who.YOU,
        "Wait half an hour, then sign in again. If that does not help, ask your IT administrator.",
    ),
    Cause.IMAP_DISABLED: CauseText(
        "access by IMAP is switched off for this account",
        _STOPS,
        Who.IT_ADMIN,
        "Switch IMAP on in the settings of your mail account, or have your IT do it, then check again.",
    ),
    Cause.ADMIN_APPROVAL: CauseText(
        "your organisation lets only an administrator allow Threadline to read mail",
        "No emails come in until then.",
        Who.IT_ADMIN,
        "Send the ready message to your IT administrator. We notice the approval and tell you.",
    ),
    Cause.APPROVAL_GIVEN: CauseText(
        "your administrator has allowed Threadline to read mail",
        "Emails come in after one more click; nothing has to be entered again.",
        Who.YOU,
        "Press “Finish connecting”.",
    ),
    Cause.NOT_ASSIGNED: CauseText(
        "your organisation lets only chosen people use Threadline, and this account is not among them",
        _STOPS,
        Who.IT_ADMIN,
        _ASK_IT,
    ),
    Cause.APP_DISABLED: CauseText("your organisation has switched Threadline off", _STOPS, Who.IT_ADMIN, _ASK_IT),
    Cause.DEVICE_REQUIRED: CauseText(
        "a policy of your organisation lets only managed devices read mail, and a server cannot be one",
        _STOPS,
        Who.IT_ADMIN,
        "Send the ready message to your IT administrator, who can exempt Threadline from that policy.",
    ),
    Cause.ACCOUNT_DISABLED: CauseText(
        "this account is switched off in your organisation", _STOPS, Who.IT_ADMIN, _ASK_IT
    ),
    Cause.NO_MAILBOX: CauseText(
        "this mailbox is inactive, deleted, or on a server of your company",
        _STOPS,
        Who.IT_ADMIN,
        "Ask your IT administrator where this mailbox is. If it is on a server of your company, connect it by IMAP.",
    ),
    Cause.GUEST_ACCOUNT: CauseText(
        "this account is a guest in that organisation, and a guest has no mailbox there",
        "No emails come in from there.",
        Who.YOU,
        "Sign in with the account that the mailbox belongs to.",
    ),
    Cause.ACCESS_BLOCKED: CauseText("a policy of your organisation blocks this access", _STOPS, Who.IT_ADMIN, _ASK_IT),
    Cause.ACCOUNT_GONE: CauseText(
        "this account does not exist any more",
        "No new emails come in; those already here stay.",
        Who.IT_ADMIN,
        "Ask your IT administrator whether the account was closed or moved. If closed, disconnect it.",
    ),
    Cause.ADMIN_CONTACT: CauseText(
        "the mail server asks you to contact its administrator", _STOPS, Who.IT_ADMIN, _ASK_IT
    ),
    Cause.PLAINTEXT_REFUSED: CauseText(
        "the mail server refuses to sign in without encryption",
        _STOPS,
        Who.YOU,
        "Choose TLS or STARTTLS in the settings of this connection.",
    ),
    Cause.CERTIFICATE_INVALID: CauseText(
        "the mail server could not prove its identity: its certificate is not valid",
        "No password was sent to it. No new emails come in until the certificate is replaced.",
        Who.IT_ADMIN,
        "Ask the administrator of the mail server to renew its certificate, or check the host name.",
    ),
    Cause.HOST_UNKNOWN: CauseText(
        "the mail server's name was not found",
        _WAITS,
        Who.YOU,
        "Check the host name in the settings of this connection.",
    ),
    Cause.HOST_REFUSED: CauseText(
        "the mail server refused the connection",
        _WAITS,
        Who.YOU,
        "If this lasts, check the host name and the port in the settings of this connection.",
    ),
    Cause.HOST_SILENT: CauseText(
        "the mail server did not answer in time",
        _WAITS,
        Who.NOBODY,
        "Nothing needs to be done. If this lasts, check the host name and the port.",
    ),
    Cause.HOST_NOT_ALLOWED: CauseText(
        "the mail server's address belongs to a private network, which this installation does not connect to",
        _STOPS,
        Who.OPERATOR,
        "Check the host name. If it is right, ask the operator of this installation to allow it.",
    ),
    Cause.NOT_A_MAIL_SERVER: CauseText(
        "what answered there is not a mail server",
        "No emails come in from there.",
        Who.YOU,
        "Check the host name, the port and the security setting of this connection.",
    ),
    Cause.CONNECTION_LOST: CauseText("the connection to the mail server broke off", _WAITS, Who.NOBODY, _NOTHING),
    Cause.SERVER_TROUBLE: CauseText("the mail server has trouble of its own", _WAITS, Who.NOBODY, _NOTHING),
    Cause.THROTTLED: CauseText("the mail provider asks us to slow down", _WAITS, Who.NOBODY, _NOTHING),
    Cause.TOO_MANY_CONNECTIONS: CauseText(
        "too many programs and devices are connected to this mailbox at once", _WAITS, Who.NOBODY, _NOTHING
    ),
    Cause.MAILBOX_BUSY: CauseText("another program keeps the mailbox busy", _WAITS, Who.NOBODY, _NOTHING),
    Cause.MAILBOX_DAMAGED: CauseText(
        "the mail server says that the mailbox is damaged",
        "Some emails may not come in until it is repaired.",
        Who.IT_ADMIN,
        "Ask the administrator of the mail server to repair the mailbox.",
    ),
    Cause.RENUMBERED: CauseText(
        "the mail server renumbered a folder",
        "Threadline lists it again and fetches nothing twice.",
        Who.NOBODY,
        "Nothing needs to be done.",
    ),
    Cause.FOLDER_RESTS: CauseText(
        "the mail server renumbers one of this mailbox's folders again and again",
        "New emails in that folder are not fetched until tomorrow; everything here stays.",
        Who.NOBODY,
        "Nothing needs to be done. Threadline reads the folder again by itself.",
    ),
    Cause.FOLDER_GONE: CauseText(
        "a folder that was synced is not there any more",
        "No new emails come in from it; those already here stay.",
        Who.YOU,
        "Choose the folder anew in the settings of this connection, if it was renamed.",
    ),
    Cause.MESSAGE_GONE: CauseText(
        "the email left the mailbox before it could be fetched", _ONE, Who.NOBODY, "Nothing needs to be done."
    ),
    Cause.MESSAGE_UNREADABLE: CauseText(
        "the mail server does not hand this email out in a form that can be read", _ONE, Who.NOBODY, _NOTHING
    ),
    Cause.APP_MISCONFIGURED: CauseText(
        "this installation of Threadline is not set up as the mail provider expects",
        _STOPS,
        Who.OPERATOR,
        "The operator of this installation has to correct its settings. Your password is not the matter.",
    ),
    Cause.APP_SECRET_WRONG: CauseText(
        "Microsoft does not accept the client secret of this installation",
        _WAITS,
        Who.OPERATOR,
        "The operator of this installation has to correct its client id or secret. Nobody has to sign in again.",
    ),
    Cause.APP_SECRET_EXPIRED: CauseText(
        "the client secret of this installation has expired",
        _WAITS,
        Who.OPERATOR,
        "The operator of this installation has to make a new client secret. Nobody has to sign in again.",
    ),
    Cause.APP_NOT_SET_UP: CauseText(
        "this installation of Threadline is not set up for Microsoft 365 yet",
        "Its mailboxes cannot be connected until then.",
        Who.OPERATOR,
        "The operator of this installation has to register it with Microsoft; the guide says how.",
    ),
    Cause.STORE_UNAVAILABLE: CauseText(
        "Threadline's own store could not be written",
        _WAITS,
        Who.OPERATOR,
        "The operator of this installation has to look at its disk and database.",
    ),
    Cause.DISCONNECTED_BY_USER: CauseText(
        "the mailbox was disconnected by hand",
        "No new emails come in; those already here stay.",
        Who.YOU,
        "Connect it again when its emails are wanted. Threadline then fills the gap.",
    ),
    Cause.RETRIES_EXHAUSTED: CauseText(
        "every attempt to refresh has failed for a day",
        _STOPS,
        Who.OPERATOR,
        "Contact support. Attempts continue.",
    ),
    Cause.UNKNOWN: CauseText(
        "the mail server gave an answer that Threadline does not know", _WAITS, Who.NOBODY, _NOTHING
    ),
}


def cause_clause(word: str, *, certain: bool = True) -> str:
    """What happened, by a cause's word; the word itself where it is no cause. "likely" where it is not certain."""
    try:
        clause = CAUSE_TEXTS[Cause(word)].clause
    except ValueError:
        clause = word
    return clause if certain else f"likely {clause}"
