"""Signing in at Microsoft: begun here, done in a browser, finished by the callback.

A sign-in is a row with one use. Its state is bound to the user who began it and to that browser's session; one that a
command printed is bound to whoever holds the link, and only ever connects the very address that was typed. Nothing is
stored of a sign-in that Microsoft or the mailbox did not accept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, NeedsAdmin, ProviderError
from threadline.providers.oauth import microsoft
from threadline.services import installation
from threadline.services.connect import sentence_while_connecting
from threadline.services.errors import Conflict, Invalid, NotTheirs, Refused
from threadline.services.microsoft import approval, storing
from threadline.services.microsoft.answers import Returned
from threadline.services.microsoft.app import app, redirect_uri
from threadline.services.microsoft.states import challenge_of, digest_of, new_word
from threadline.services.sealed import opened, sealed
from threadline.storage.models import Mailbox, SignIn, User

LIVES = timedelta(minutes=15)
LIVES_FOR_A_COMMAND = timedelta(hours=1)  # the link may have to reach somebody first
_UNCHANGED = "Nothing was changed."  # where to begin again, the door says: a page, or a command
_BEGIN_AGAIN = f"{_UNCHANGED} Begin again in Settings."


@dataclass(frozen=True, slots=True)
class Begun:
    """`url` is where the browser goes, and is shown to nobody else."""

    row: SignIn
    url: str


def begin(user: User, address: str, *, mailbox: Mailbox | None = None, session: str = "", door: str) -> Begun:
    """Begin a sign-in for this address; with `mailbox`, for one that is known. Raises AppMisconfigured, Conflict."""
    known_app = app()
    if mailbox is None:
        mailbox = storing.known(user, address)
    moment = now()
    state, nonce, verifier = new_word(), new_word(), new_word()
    row = SignIn.objects.create(
        state=digest_of(state),
        user=user,
        mailbox=mailbox,
        address=address.strip(),
        door=door,
        session=digest_of(session) if session else "",
        redirect_uri=redirect_uri(),
        sealed=sealed({"nonce": nonce, "verifier": verifier}, context=f"sign-in {digest_of(state)}"),
        created_at=moment,
        expires_at=moment + (LIVES if session else LIVES_FOR_A_COMMAND),
    )
    url = microsoft.authorisation_url(
        known_app,
        redirect_uri=row.redirect_uri,
        state=state,
        nonce=nonce,
        challenge=challenge_of(verifier),
        login_hint=address.strip(),
    )
    return Begun(row, url)


def found(returned: Returned) -> SignIn:
    """The sign-in that a callback belongs to, used or not. Raises Invalid with a sentence."""
    row = SignIn.objects.select_related("user__company", "mailbox").filter(state=digest_of(returned.state)).first()
    if row is None or not returned.state:
        raise Invalid(f"This answer of Microsoft belongs to no sign-in that was begun here. {_UNCHANGED}")
    return row


def finish(row: SignIn, returned: Returned, *, user: User | None, session: str) -> SignIn:
    """Take Microsoft's answer, once; the row then says how it ended.

    Raises Invalid where it was used or has expired, and NotTheirs; nothing is changed then.
    """
    _check_who(row, user, session)
    _use_up(row)
    try:
        _take(row, returned)
    except Refused as refused:
        _ended(row, SignIn.Outcome.REFUSED, sentence=refused.sentence)
    except ProviderError as error:
        _failed(row, error)
    return row


def confirm(row: SignIn) -> Mailbox:
    """Connect the account that was signed in, although another address was typed. Raises Refused."""
    if row.outcome != SignIn.Outcome.OTHER_ACCOUNT or row.expires_at <= now():
        raise Invalid(f"This sign-in took too long or was answered already. {_BEGIN_AGAIN}")
    answer = storing.kept(row)
    if not SignIn.objects.filter(pk=row.pk, outcome=SignIn.Outcome.OTHER_ACCOUNT).update(
        outcome=SignIn.Outcome.CONNECTED, sealed=b""
    ):
        raise Invalid(f"This sign-in was answered already. {_BEGIN_AGAIN}")
    signed_in = answer.account.address
    mailbox = storing.known(row.user, signed_in) or row.mailbox
    return _connected(row, answer, mailbox, signed_in)


def _check_who(row: SignIn, user: User | None, session: str) -> None:
    if not row.session:
        return  # a command's: whoever was given the link
    if user is None or row.user_id != user.pk or row.session != digest_of(session):
        raise NotTheirs(f"This sign-in was begun in another browser or by somebody else. {_UNCHANGED}")


def _use_up(row: SignIn) -> None:
    moment = now()
    unused = SignIn.objects.filter(pk=row.pk, used_at=None)
    if not unused.filter(expires_at__gt=moment).update(used_at=moment):
        late = unused.exists()
        said = "This sign-in took too long." if late else "This sign-in was finished already."
        raise Invalid(f"{said} {_UNCHANGED}")


def _take(row: SignIn, returned: Returned) -> None:
    if returned.error or not returned.code:
        raise microsoft.meaning_of(returned.error or "server_error", returned.description, subcode=returned.subcode)
    words = opened(row.sealed, context=f"sign-in {row.state}")
    answer = microsoft.redeem(
        app(), code=returned.code, redirect_uri=row.redirect_uri, verifier=words["verifier"], nonce=words["nonce"]
    )
    installation.works()
    mailbox, account = row.mailbox, answer.account
    if mailbox is not None and mailbox.identity:
        storing.must_be_as_before(mailbox, account)
        storing.try_mailbox(answer)
        _connected(row, answer, mailbox, mailbox.address)
    elif storing.is_of(account, row.address):
        storing.must_be_free(row.user, account, mailbox)
        storing.try_mailbox(answer)
        _connected(row, answer, mailbox, row.address)
    else:
        _other_account(row, answer)


def _other_account(row: SignIn, answer: microsoft.Grant) -> None:
    account = answer.account
    signed_in = account.address
    # Nobody was asked at a command, and in a colleague's place nobody decides whose mailbox it becomes.
    if not row.session or (row.mailbox is not None and row.mailbox.owner_id != row.user_id):
        raise Conflict(storing.not_as_typed(signed_in, row.address))
    storing.must_be_free(row.user, account, row.mailbox, typed=row.address)
    storing.try_mailbox(answer)
    storing.keep_for_confirmation(row, answer)
    row.expires_at = now() + LIVES
    _ended(row, SignIn.Outcome.OTHER_ACCOUNT, sentence=storing.not_as_typed(signed_in, row.address))


def _connected(row: SignIn, answer: microsoft.Grant, mailbox: Mailbox | None, address: str) -> Mailbox:
    connected = storing.connect(row, answer, mailbox, address)
    row.mailbox = connected
    _ended(row, SignIn.Outcome.CONNECTED, sentence=f"{connected.address} is connected.")
    approval.arrived(connected)  # where one may, the organisation allows it
    return connected


def _failed(row: SignIn, error: ProviderError) -> None:
    if isinstance(error, AppMisconfigured):
        installation.refused(error, now=now())
    if isinstance(error, NeedsAdmin) and error.cause is Cause.ADMIN_APPROVAL:
        row.mailbox = approval.wait(row.user, row.address, mailbox=row.mailbox, door=row.door, answer=error.answer)
        said = f"Your organisation lets only an administrator allow this. {row.address} waits for the approval."
        _ended(row, SignIn.Outcome.APPROVAL, error, sentence=said)
        return
    cancelled = error.cause is Cause.CONSENT_DECLINED  # on purpose, as far as we know: nothing is advised
    said = str(error) if cancelled else sentence_while_connecting(error)
    _ended(row, SignIn.Outcome.REFUSED, error, sentence=said)


def _ended(row: SignIn, outcome: SignIn.Outcome, error: ProviderError | None = None, *, sentence: str) -> None:
    row.outcome, row.sentence = outcome, sentence
    row.cause, row.answer = (error.cause.value, error.answer[:2000]) if error else ("", "")
    if outcome != SignIn.Outcome.OTHER_ACCOUNT:
        row.sealed = b""
    row.save(update_fields=["outcome", "sentence", "cause", "answer", "mailbox", "sealed", "expires_at"])


def forget_stale(moment: datetime) -> int:
    """Take away what was begun and never finished, a day after it went stale."""
    return SignIn.objects.filter(expires_at__lt=moment - timedelta(days=1)).delete()[0]
