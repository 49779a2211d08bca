"""What can go wrong at a mail provider, said in terms of who must act.

    ProviderError
    ├── Transient            the provider or the network; it mends itself, we try again
    │   └── Throttled        the provider named (or implied) a delay
    ├── NeedsUser            the owner of the mailbox must sign in or decide
    ├── NeedsAdmin           the owner's IT administrator must act
    ├── AppMisconfigured     this installation is at fault; never ask the user
    ├── AccountGone          the account does not exist any more
    ├── CursorLost           the place we had read up to is void: list again, fetch nothing twice
    ├── MessageGone          one message left between listing and fetching: not an error of the mailbox
    └── MessageUnreadable    one message cannot be had or read: it goes to the ledger, the next one follows

The docstring of each class is its default sentence. `answer` is the provider's own text, without secrets,
kept for "What happened"; it is never shown in place of a sentence.
"""

from __future__ import annotations

from datetime import timedelta

from threadline.domain.causes import Cause


class ThreadlineError(Exception):
    """Something did not work."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class ProviderError(ThreadlineError):
    """The mail provider did not do what we asked."""

    default_cause: Cause = Cause.UNKNOWN

    def __init__(
        self, message: str = "", *, cause: Cause | None = None, certain: bool = True, answer: str = ""
    ) -> None:
        super().__init__(message)
        self.cause = cause or self.default_cause
        self.certain = certain
        self.answer = answer


class Transient(ProviderError):
    """The mail server did not answer as it should. We try again by ourselves."""

    default_cause = Cause.SERVER_TROUBLE


class Throttled(Transient):
    """The mail server asks us to slow down. We try again by ourselves."""

    default_cause = Cause.THROTTLED

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: timedelta | None = None,
        cause: Cause | None = None,
        answer: str = "",
    ) -> None:
        super().__init__(message, cause=cause, answer=answer)
        self.retry_after = retry_after


class NeedsUser(ProviderError):
    """The mail server asks the owner of this mailbox to sign in again."""

    default_cause = Cause.CREDENTIALS_REJECTED


class NeedsAdmin(ProviderError):
    """The mail server asks for an IT administrator's decision."""

    default_cause = Cause.ACCESS_BLOCKED


class AppMisconfigured(ProviderError):
    """This installation of Threadline is not set up as the mail provider expects."""

    default_cause = Cause.APP_MISCONFIGURED


class AccountGone(ProviderError):
    """The mail server says that this account does not exist any more."""

    default_cause = Cause.ACCOUNT_GONE


class CursorLost(ProviderError):
    """The mail server has renumbered this folder. We list it again and fetch nothing twice."""

    default_cause = Cause.RENUMBERED


class MessageGone(ProviderError):
    """This email left the mailbox before we could fetch it."""

    default_cause = Cause.MESSAGE_GONE


class MessageUnreadable(ProviderError):
    """This email cannot be read as the server hands it out."""

    default_cause = Cause.MESSAGE_UNREADABLE
