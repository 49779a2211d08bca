"""How the state of a connection reads: what happened, what it means for the mail, and who acts next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum

from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.connection_states import Health, State
from threadline.domain.wording import moment

PROVIDER_NAMES: Mapping[str, str] = {"imap": "the mail server", "gmail": "Google", "graph": "Microsoft"}
WHAT_TO_SEND = "your name, your company, what is wrong, and a screenshot or a recording"


class Action(Enum):
    """The button beside a state."""

    NONE = "none"
    SIGN_IN = "sign_in"
    ASK_IT = "ask_it"
    CONTACT_SUPPORT = "contact_support"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class Description:
    """What a page shows of a connection."""

    word: str
    icon: str  # the name of an icon; state is never shown by colour alone
    sentence: str  # what happened and what it means for the mail
    next_step: str
    action: Action


@dataclass(frozen=True, slots=True)
class StateText:
    word: str
    icon: str
    sentence: str  # where no cause is known
    next_step: str
    action: Action
    who: Who


STATE_TEXTS: Mapping[State, StateText] = {
    State.CONNECTING: StateText(
        "Waiting for {provider}",
        "clock",
        "The sign-in has begun and is not finished. Emails come in once {provider} has accepted it.",
        "Finish signing in.",
        Action.SIGN_IN,
        Who.YOU,
    ),
    State.CONNECTED: StateText(
        "Connected",
        "check-circle",
        "Emails come in with every refresh.",
        "Nothing needs to be done.",
        Action.NONE,
        Who.NOBODY,
    ),
    State.DELAYED: StateText(
        "Connected, catching up",
        "refresh",
        "The last refresh did not get through. New emails come in later; none is lost.",
        "Nothing needs to be done. Threadline tries again by itself.",
        Action.NONE,
        Who.NOBODY,
    ),
    State.REAUTHORISE: StateText(
        "Sign in again",
        "key",
        "{provider} no longer accepts the sign-in. No new emails come in until you sign in again; "
        "those already here stay.",
        "Sign in again. Threadline then fills the gap.",
        Action.SIGN_IN,
        Who.YOU,
    ),
    State.ADMIN_NEEDED: StateText(
        "Your IT administrator must act",
        "shield",
        "{provider} asks for a decision of your IT administrator. No new emails come in until then; "
        "those already here stay.",
        "Send the ready message to your IT administrator, then check again.",
        Action.ASK_IT,
        Who.IT_ADMIN,
    ),
    State.INTERRUPTED: StateText(
        "Connection interrupted, contact support",
        "break",
        "The connection does not work and you cannot mend it yourself. Attempts continue; emails already here stay.",
        "Contact support at {support}. Send " + WHAT_TO_SEND + ".",
        Action.CONTACT_SUPPORT,
        Who.OPERATOR,
    ),
    State.DISCONNECTED: StateText(
        "Not connected",
        "dash-circle",
        "The mailbox is not connected. No new emails come in; those already here stay.",
        "Connect it again when its emails are wanted. Threadline then fills the gap.",
        Action.CONNECT,
        Who.YOU,
    ),
}

# In these states the cause says best what to do; in the others the state does, whatever the cause.
_CAUSE_SAYS_NEXT_STEP = frozenset({State.CONNECTING, State.REAUTHORISE, State.ADMIN_NEEDED})
# Causes of a delay that trying again does not mend.
_LASTING = frozenset(
    {
        Cause.CERTIFICATE_INVALID,
        Cause.PLAINTEXT_REFUSED,
        Cause.NOT_A_MAIL_SERVER,
        Cause.HOST_NOT_ALLOWED,
        Cause.MAILBOX_DAMAGED,
        Cause.FOLDER_GONE,
        Cause.STORE_UNAVAILABLE,
    }
)
_NEAR = timedelta(hours=12)  # within it, a clock alone names one moment
_REJECTED_ONCE = "The mail server rejected the sign-in. Threadline tries once more before it asks anything of you."


def who_acts(state: State, cause: Cause | None) -> Who:
    """Who must act. A delay is nobody's task unless its cause lasts."""
    if state is State.CONNECTING and cause:
        return CAUSE_TEXTS[cause].who
    if state is State.DELAYED and cause in _LASTING:
        return CAUSE_TEXTS[cause].who
    return STATE_TEXTS[state].who


def describe(
    health: Health, *, provider: str, support_email: str, zone: tzinfo = UTC, now: datetime | None = None
) -> Description:
    """The texts of a connection. `provider` is its word (`imap`, `gmail`, `graph`) or a name to show.

    With `now`, a retry that is near is said by its clock alone.
    """
    text = STATE_TEXTS[health.state]
    name = PROVIDER_NAMES.get(provider, provider)

    def filled(sentence: str) -> str:
        said = sentence.format(provider=name, support=support_email or "the support address of your company")
        return said[:1].upper() + said[1:]

    return Description(
        word=filled(_word(health, text, zone, now)),
        icon=text.icon,
        sentence=_sentence(health) or filled(text.sentence),
        next_step=_next_step(health) or filled(text.next_step),
        action=text.action,
    )


def _word(health: Health, text: StateText, zone: tzinfo, now: datetime | None) -> str:
    if health.state is State.CONNECTING and health.who is Who.IT_ADMIN:
        return "Waiting for your administrator's approval"
    if health.state is State.CONNECTING and health.cause is Cause.APPROVAL_GIVEN:
        return "Approved, one click is left"
    if health.state is State.DELAYED and health.retry_at:
        return f"{text.word} (retry at {_retry(health.retry_at, zone, now)})"
    return text.word


def _retry(due: datetime, zone: tzinfo, now: datetime | None) -> str:
    if now is not None and abs(due - now) < _NEAR:
        return f"{due.astimezone(zone):%H:%M}"
    return moment(due, zone)


def _sentence(health: Health) -> str:
    """What the cause says; "" where there is none, or it is over."""
    if health.cause is None or health.state is State.CONNECTED:
        return ""
    if health.state is State.DELAYED and health.cause is Cause.CREDENTIALS_REJECTED:
        return _REJECTED_ONCE
    sentence = CAUSE_TEXTS[health.cause].sentence(certain=health.certain)
    if health.state is State.INTERRUPTED:  # whatever the cause meant for the mail, it has lasted too long
        what = sentence.partition(". ")[0]
        return f"{what}. You cannot mend this yourself. Attempts continue; emails already here stay."
    return sentence


def _next_step(health: Health) -> str:
    cause = health.cause
    if cause and (health.state in _CAUSE_SAYS_NEXT_STEP or (health.state is State.DELAYED and cause in _LASTING)):
        return CAUSE_TEXTS[cause].next_step
    return ""
