"""How this installation stands with Microsoft: registered, accepted, and for how long. For whoever operates it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cryptography import x509
from django.conf import settings

from threadline.clock import now
from threadline.domain.cause_texts import CAUSE_TEXTS
from threadline.domain.causes import Cause
from threadline.domain.connection import State
from threadline.domain.errors import AppMisconfigured
from threadline.providers.oauth import microsoft
from threadline.services import installation
from threadline.services.microsoft import subscriptions
from threadline.services.microsoft.app import app
from threadline.storage.models import Company, Mailbox, Subscription

SOON = timedelta(days=30)
LASTING = 3  # failures in a row: until then it is nobody's concern


@dataclass(frozen=True, slots=True)
class Concern:
    """Something for the operator. `urgent`: mailboxes do not sync because of it."""

    urgent: bool
    detail: str
    remedy: str
    cause: Cause
    title: str = "Soon to be done by the operator."


def concerns() -> list[Concern]:
    """What is known without asking anybody: refused, expired, about to expire, incomplete."""
    return sorted([*_refused(), *of_the_settings()], key=lambda concern: not concern.urgent)


def of_the_settings() -> list[Concern]:
    """Those that can be told without the store."""
    return [*_half_set_up(), *_expiring(now())]


def not_watched(company: Company) -> Concern | None:
    """What keeps Microsoft from telling us of this company's new mail, once it has lasted a while."""
    rows = Subscription.objects.filter(mailbox__company=company, failures__gte=LASTING)
    row = rows.order_by("-failures").first()
    if row is None or not subscriptions.address():
        return None
    count = rows.values("mailbox").distinct().count()
    what = f"{count} mailbox{'' if count == 1 else 'es'}"
    detail = f"New mail of {what} is fetched by schedule only. {row.problem.rstrip('.')}"
    return Concern(False, detail, remedy_of(row), Cause(row.cause), "Microsoft does not tell us of new mail.")


def remedy_of(row: Subscription) -> str:
    """What helps a folder that Microsoft does not watch for us."""
    if row.cause == Cause.APP_MISCONFIGURED.value:
        return f"The operator checks that {row.address} is reached from the internet. We go on trying; no mail is lost."
    return "We go on trying; no mail is lost."


def try_it() -> Concern | None:
    """Ask the token endpoint whether it accepts this installation; None where it does. Raises Transient."""
    try:
        _ask()
    except AppMisconfigured as error:
        if error.cause is not Cause.APP_NOT_SET_UP:
            installation.refused(error, now=now())
        return _concern(error.cause, str(error))
    installation.works()
    return None


def is_certain() -> bool:
    """Whether Microsoft can be asked about the client ID too."""
    return _connected() is not None


def _connected() -> Mailbox | None:
    return Mailbox.objects.filter(provider="graph", state=State.CONNECTED.value).exclude(identity="").first()


def _ask() -> None:
    """An organisation that has a connected mailbox knows our client ID; without one, only the secret can be told."""
    connected = _connected()
    if connected is None:
        microsoft.check_app(app())
        return
    tid = connected.identity.partition("/")[0]
    if not microsoft.is_known_to(app(), tenant=tid):
        raise AppMisconfigured(
            f"Microsoft does not know this client ID in the organisation of {connected.address}, which is connected.",
            cause=Cause.APP_SECRET_WRONG,
        )


def _concern(cause: Cause, detail: str = "") -> Concern:
    text = CAUSE_TEXTS[cause]
    clause = text.clause[:1].upper() + text.clause[1:]
    return Concern(True, (detail or clause).rstrip("."), text.next_step, cause)


def _refused() -> list[Concern]:
    fault = installation.fault()
    return [_concern(Cause(fault.cause))] if fault is not None else []


def _half_set_up() -> list[Concern]:
    known = settings.MICROSOFT
    if known.complete or not (known.client_id or known.client_secret or known.certificate_file):
        return []
    missing = "THREADLINE_MICROSOFT_CLIENT_ID"
    if known.client_id:
        missing = "THREADLINE_MICROSOFT_CLIENT_SECRET (or _CERTIFICATE_FILE)"
    detail = f"The registration with Microsoft is not complete: {missing} is missing"
    return [Concern(True, detail, CAUSE_TEXTS[Cause.APP_NOT_SET_UP].next_step, Cause.APP_NOT_SET_UP)]


def _expiring(moment: datetime) -> list[Concern]:
    ends = secret_expires()
    if ends is None or ends - moment.date() > SOON:
        return []
    what = "certificate" if settings.MICROSOFT.certificate_file else "client secret"
    left = (ends - moment.date()).days
    over = left < 0
    detail = f"The {what} of this installation {'expired' if over else 'expires'} on {ends:%d %B %Y}"
    if not over:
        detail += f", in {left} day{'' if left == 1 else 's'}"
    remedy = f"Make a new {what} in the registration, set it here, and restart. Nobody has to sign in again."
    return [Concern(over, detail, remedy, Cause.APP_SECRET_EXPIRED)]


def secret_expires() -> date | None:
    """The last day of the secret, as the operator noted it; of a certificate, as it says itself."""
    known = settings.MICROSOFT
    if known.certificate_file is None:
        noted: date | None = known.secret_expires
        return noted
    certificates = x509.load_pem_x509_certificates(_certificates(known.certificate_file.read_bytes()))
    return certificates[0].not_valid_after_utc.date()


def _certificates(pem: bytes) -> bytes:
    return pem[pem.index(b"-----BEGIN CERTIFICATE-----") :]
