"""Connecting a mailbox, signing in again, and disconnecting.

Network first, store afterwards: nothing is stored of a sign-in that the server did not accept. The pages and the
command line share all of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause, Who
from threadline.domain.connection import Event, State
from threadline.domain.errors import NeedsUser, ProviderError
from threadline.domain.wording import said_once
from threadline.providers.address import check_address
from threadline.providers.contract import Security, ServerSettings
from threadline.services import audit, forecast, gaps, health, latest_check
from threadline.services.errors import Conflict, Invalid, NotFound
from threadline.services.refresh.ask import NOT_REFRESHABLE
from threadline.services.sessions import (
    Credentials,
    allowed_hosts,
    forget,
    keep,
    open_with,
    password_of,
    settings_from_json,
    settings_to_json,
    waiting,
)
from threadline.storage import leases
from threadline.storage.models import Company, Mailbox, User

if TYPE_CHECKING:
    from threadline.providers.detection import Detection

    Found = Detection  # the command line names it by this

MailServer = ServerSettings  # the doors name it by this
PORTS = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}
_ACTS = ("Sign in ", "Set a new one", "Wait half an hour")  # how sentences begin that say what to do
PERSONAL_TOO = frozenset({"common", "consumers"})  # settings with which personal Microsoft accounts may sign in
# Seconds: a person waits, unlike at a refresh. Dovecot holds back its answer to a wrong password for up to 17.
PATIENCE = 20.0
_TRY_AGAIN = "Try again in a few minutes."
_CHECK_THE_SERVER = "Check the host name, the port and the protection, then try again."
_CHECK_WHO = "Check the user name and the password, then try again."
# What to do, where the usual next step speaks to someone whose mailbox is connected already.
_WHILE_CONNECTING: Mapping[Cause, str] = {
    Cause.CREDENTIALS_REJECTED: _CHECK_WHO,
    Cause.PASSWORD_EXPIRED: "Set a new password with your mail provider, then try again with it.",
    Cause.APP_PASSWORD_REQUIRED: "Create an app password in the security settings of your mail account, then try again "
    "with it.",
    Cause.WEB_SIGN_IN_REQUIRED: "Sign in to your mail in a browser and confirm that it is you, then try again.",
    Cause.PLAINTEXT_REFUSED: "Choose TLS or STARTTLS as the protection, then try again.",
    Cause.HOST_UNKNOWN: "Check the host name, then try again.",
    Cause.HOST_REFUSED: _CHECK_THE_SERVER,
    Cause.HOST_SILENT: _CHECK_THE_SERVER,
    Cause.NOT_A_MAIL_SERVER: _CHECK_THE_SERVER,
    Cause.CONNECTION_LOST: _CHECK_THE_SERVER,
}


def check(address: str) -> None:
    """Raises Invalid, with what is wrong with it, for what is no address."""
    problem = check_address(address)
    if problem:
        raise Invalid(problem, field="address")


def detect(address: str) -> Detection:
    """Where this address's mailbox is, found without sending any password. Raises Invalid for what is no address."""
    from threadline.providers.detection import Detection, DetectionStep, Outcome, Source  # noqa: PLC0415  DNS, HTTP
    from threadline.providers.detection import detect as detect_servers  # noqa: PLC0415

    check(address)
    domain = address.strip().rpartition("@")[2].lower()
    if domain in settings.MICROSOFT_DOMAINS:  # this installation itself brings them: the demo's
        step = DetectionStep(Source.INSTALLATION, Outcome.FOUND, f"{domain} keeps its mail in Microsoft 365.")
        return Detection(address.strip(), domain, "graph", (), Source.INSTALLATION, (step,), protected=True, hint="")
    _check_whose(address.strip(), domain)
    return detect_servers(address, allow=allowed_hosts(), overrides=_overrides())


def _check_whose(address: str, domain: str) -> None:
    """Raises Invalid for a personal account where only those of organisations may sign in."""
    from threadline.providers.detection.known import is_personal_microsoft  # noqa: PLC0415  DNS, HTTP

    registration = settings.MICROSOFT
    if registration.complete and registration.tenant not in PERSONAL_TOO and is_personal_microsoft(domain):
        raise Invalid(
            f"{address} is a personal Microsoft account, and this installation connects accounts of organisations "
            "only. Enter the address of your work account, or ask support to allow personal ones.",
            field="address",
        )


def _overrides() -> Mapping[str, ServerSettings]:
    """Servers that this installation itself brings: the demo's."""
    found: dict[str, Any] = getattr(settings, "MAIL_SERVERS", {})
    return {domain: settings_from_json(server) for domain, server in found.items()}


def server(host: str, port: int | None, security: str, username: str) -> ServerSettings:
    """Settings as a person gives them. Raises Invalid naming what is wrong."""
    try:
        protection = Security(security)
    except ValueError:
        raise Invalid(f"{security!r} is no protection; expected tls, starttls or none.", field="security") from None
    host = host.strip().rstrip(".").lower()
    if not host or " " in host or "/" in host or "@" in host:
        raise Invalid(f"{host!r} is no server name; expected one such as imap.northgate.example.", field="host")
    port = PORTS[protection] if port is None else port
    if not 0 < port < 65536:
        raise Invalid(f"{port} is no port; expected a number from 1 to 65535.", field="port")
    return ServerSettings(host, port, protection, username)


def add(
    address: str,
    owner: User,
    server: ServerSettings,
    credentials: Credentials,
    *,
    door: str,
) -> Mailbox:
    """Sign in and connect a mailbox. Raises the provider's errors with nothing stored. Does not refresh."""
    key = normalise(address)
    problem = check_address(address)
    if problem or key is None:
        raise Invalid(problem or f"{address!r} is no email address.", field="address")
    existing = Mailbox.objects.filter(company=owner.company, address_key=key).first()
    if existing is not None:
        return _connect_existing(existing, owner, server, credentials, door=door)
    identity = _sign_in(server, credentials, by_operator=door == "command")
    moment = now()
    with transaction.atomic():
        mailbox = Mailbox.objects.create(
            company=owner.company,
            owner=owner,
            address=address.strip(),
            address_key=key,
            settings={**settings_to_json(server), "by_operator": door == "command"},
            identity=identity,
            created_at=moment,
            since=moment,
            next_refresh_at=moment,
        )
        keep(mailbox, credentials)
        health.move(mailbox, Event.AUTHORISED, now=moment, text="Connected")
        audit.record(owner.company_id, owner, door, "mailbox connected", address, {"host": server.host})
    return mailbox


def _connect_existing(
    mailbox: Mailbox, owner: User, server: ServerSettings, credentials: Credentials, *, door: str
) -> Mailbox:
    if mailbox.owner_id != owner.pk:
        raise Conflict(f"{mailbox.address} is connected by {mailbox.owner} already.", field="address")
    if mailbox.state in {State.CONNECTED.value, State.DELAYED.value}:
        raise Conflict(f"{mailbox.address} is connected already.", field="address")
    return reconnect(mailbox, credentials, server=server, user=owner, door=door)


def reconnect(
    mailbox: Mailbox,
    credentials: Credentials | None = None,
    *,
    server: ServerSettings | None = None,
    user: User | None,
    door: str,
) -> Mailbox:
    """Sign in again, in place: cursors stay, the gap is filled by the next refresh, nothing comes twice.

    Without credentials the stored ones are tried. Another account than before is refused.
    """
    server = server or settings_from_json(mailbox.settings)
    try:
        credentials = credentials or password_of(mailbox)
    except NeedsUser:
        raise Invalid(f"{mailbox.address} has no stored password any more. Give it again.", field="password") from None
    by_operator = door == "command" or (mailbox.settings.get("by_operator", False) and _is_as_before(mailbox, server))
    identity = _sign_in(server, credentials, by_operator=by_operator)
    if mailbox.identity and identity != mailbox.identity:
        raise Conflict(
            f"This sign-in is for another account ({_named(identity)}) than the one connected before "
            f"({_named(mailbox.identity)}). Sign in as before, or connect the other account as a mailbox of its own."
        )
    moment = now()
    with transaction.atomic():
        keep(mailbox, credentials)
        mailbox.settings = {**settings_to_json(server), "by_operator": by_operator}
        mailbox.identity = identity
        mailbox.save(update_fields=["settings", "identity"])
        resume(mailbox, moment, again=True)
        audit.record(mailbox.company_id, user, door, "mailbox reconnected", mailbox.address)
    return mailbox


def resume(mailbox: Mailbox, moment: datetime, *, again: bool) -> None:
    """A sign-in was accepted: earlier failures count no more, and the next refresh comes at once."""
    mailbox.failures, mailbox.first_failed_at, mailbox.last_failed_at, mailbox.rejected_at = 0, None, None, None
    mailbox.retry_at, mailbox.next_refresh_at = None, moment
    said = "Connected" if mailbox.state == State.DISCONNECTED.value or not again else "Signed in"
    if mailbox.state != State.CONNECTED.value and again:
        health.move(mailbox, Event.BEGUN, now=moment, text="Sign-in begun")
    health.move(mailbox, Event.AUTHORISED, now=moment, text=f"{said} again" if again else said)
    # All ids are compared before the cursors count again: whatever happened meanwhile is found.
    mailbox.folders.update(cursor=None)


def _is_as_before(mailbox: Mailbox, server: ServerSettings) -> bool:
    """The operator allowed one host and port, not whatever a user names later."""
    before = settings_from_json(mailbox.settings)
    return (before.host, before.port) == (server.host, server.port)


def _named(identity: str) -> str:
    host, _, username = identity.partition("/")
    return f"{username} at {host}"


def _sign_in(server: ServerSettings, credentials: Credentials, *, by_operator: bool) -> str:
    """Sign in once and open the folder list; returns who the server says we are."""
    with (
        waiting(),
        open_with("imap", server, credentials, by_hand=by_operator, timeout=PATIENCE, patience=PATIENCE) as session,
    ):
        session.folders()
        return session.identity().subject


def disconnect(mailbox: Mailbox, *, user: User | None, door: str) -> None:
    """Stop access and forget the credentials; emails, profiles and people stay as they are."""
    if mailbox.provider == "graph":
        from threadline.services.microsoft import subscriptions  # noqa: PLC0415  brings HTTP

        subscriptions.withdraw(mailbox)
    with transaction.atomic():
        forget(mailbox)
        mailbox.refresh_from_db()
        mailbox.next_refresh_at = mailbox.retry_at = None
        mailbox.refresh_requested_at = mailbox.verification_requested_at = None
        mailbox.save(update_fields=["refresh_requested_at", "verification_requested_at"])
        health.move(
            mailbox,
            Event.DISCONNECTED,
            now=now(),
            cause=Cause.DISCONNECTED_BY_USER,
            text="Disconnected by a person",
        )
        audit.record(mailbox.company_id, user, door, "mailbox disconnected", mailbox.address)


def sentence_of(error: ProviderError) -> str:
    """What went wrong with a connected mailbox, and what to do."""
    return _with_next_step(str(error).rstrip(), CAUSE_TEXTS[error.cause].next_step)


def sentence_while_connecting(error: ProviderError) -> str:
    """What went wrong, and what to do, for the person who is connecting: nothing is tried again by itself yet."""
    text = CAUSE_TEXTS[error.cause]
    usual = _TRY_AGAIN if text.who is Who.NOBODY else text.next_step
    said = str(error).replace("We try again by ourselves.", "").rstrip()
    return _with_next_step(said, _WHILE_CONNECTING.get(error.cause, usual))


def _with_next_step(said: str, step: str) -> str:
    """What is to be done is said once, also where the provider's own sentence ends with it."""
    last = said.rstrip(".").rpartition(". ")[2]
    return said if step in said or last.startswith(_ACTS) else f"{said_once(said, step)} {step}"


def mailbox_named(address: str, company: Company | None = None) -> Mailbox:
    """A mailbox by its address. Raises NotFound, or Invalid where several companies have it."""
    if not address.strip():
        raise Invalid("The address of the mailbox is empty. Give it as robin@example.com.", field="address")
    key = normalise(address) or address
    found = Mailbox.objects.select_related("company", "owner").filter(address_key=key)
    if company is not None:
        found = found.filter(company=company)
    mailboxes = list(found[:2])
    if not mailboxes:
        raise NotFound(f"There is no mailbox {address}. Connect it first.", field="address")
    if len(mailboxes) > 1:
        raise Invalid(f"Several companies have {address}. Name one with --company NAME.", field="company")
    return mailboxes[0]


def status(mailbox: Mailbox) -> dict[str, Any]:
    """The mailbox in the shape of the command line's contract."""
    latest = mailbox.verifications.order_by("-checked_at").first()
    doubt = latest_check.doubt(mailbox, latest) if latest else ""
    ahead = forecast.outlook(mailbox, now=now())
    return {
        "address": mailbox.address,
        "provider": mailbox.provider,
        "owner": mailbox.owner.email,
        "state": mailbox.state,
        "cause": mailbox.cause or None,
        "certain": mailbox.certain,
        "who": mailbox.who,
        "since": mailbox.since,
        "retry_at": mailbox.retry_at,
        "history": {**history(mailbox), "gaps": gaps.sentences(mailbox)},
        "last_refresh": mailbox.last_refresh_at,
        "next_refresh": mailbox.next_refresh_at,
        # A password does not expire by itself as far as IMAP tells.
        "expires": ahead.as_json() if ahead and mailbox.state not in NOT_REFRESHABLE else None,
        "completeness": {
            # A check that found all says nothing of what came while refreshes failed.
            "complete": latest.complete if latest and not (doubt and latest.complete) else None,
            "current": not doubt if latest else None,
            "doubt": doubt or None,
            "on_server": latest.on_server if latest else None,
            "accounted_for": latest.accounted_for if latest else None,
            "checked_at": latest.checked_at if latest else None,
        },
    }


def history(mailbox: Mailbox) -> dict[str, Any]:
    """How much of the mailbox's past is here: not_started, loading (n of m), complete (as of), gap (from, to)."""
    if mailbox.gap_since is not None:
        return {"state": "gap", "from": mailbox.gap_since, "to": None}
    if mailbox.history_complete_at is not None:
        return {"state": "complete", "as_of": mailbox.last_refresh_at}
    run = mailbox.refreshes.exclude(trigger="verify").order_by("-started_at").first()
    if run is None:
        return {"state": "not_started"}
    folders = run.progress.get("folders", [])
    return {
        "state": "loading",
        "done": mailbox.copies.count(),
        "of": sum(folder.get("total") or 0 for folder in folders) or None,
        "running": leases.is_held(mailbox),
    }
