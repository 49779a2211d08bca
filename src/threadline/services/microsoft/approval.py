"""Waiting for an administrator: where an organisation lets nobody else allow the access.

The mailbox waits as `connecting`. The approval is noticed when a colleague of the same domain connects, or by asking
Microsoft: now and then, and at once when an administrator comes back from its page. Whoever holds the link of that page
can say so too, so the way back is a hint and no more. The owner is told, and finishes with one click.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.domain.causes import Cause
from threadline.domain.connection import Event, State
from threadline.providers.oauth import microsoft
from threadline.services import audit, health, notify, serving
from threadline.services.errors import Invalid
from threadline.services.microsoft.answers import Returned
from threadline.services.microsoft.app import app, redirect_uri, server_of
from threadline.services.microsoft.states import digest_of, new_word
from threadline.services.sealed import opened, sealed
from threadline.storage.models import Mailbox, SignIn, User

LINK_LIVES = timedelta(days=30)
PROBED_EVERY = timedelta(minutes=15)
# After a hint: Microsoft may take some minutes until an approval holds everywhere.
PROBED_AFTER_A_HINT_EVERY = timedelta(minutes=1)
A_HINT_LASTS = timedelta(minutes=15)
HINTS_AT_MOST_EVERY = timedelta(seconds=10)  # however often somebody opens the link
_WAITING = Q(cause=Cause.ADMIN_APPROVAL.value, state__in=[State.CONNECTING.value, State.ADMIN_NEEDED.value])


def wait(user: User, address: str, *, mailbox: Mailbox | None, door: str, answer: str = "") -> Mailbox:
    """Note that this mailbox waits for an administrator; one that is new is made, as `connecting`."""
    moment = now()
    with transaction.atomic():
        if mailbox is None:
            mailbox = Mailbox.objects.create(
                company=user.company,
                owner=user,
                address=address.strip(),
                address_key=normalise(address) or address,
                provider="graph",
                settings=server_of(address),
                created_at=moment,
                since=moment,
            )
        begun = mailbox.state in {State.CONNECTING.value, State.DISCONNECTED.value}
        health.move(
            mailbox,
            Event.BEGUN if begun else Event.ADMIN_NEEDED,
            now=moment,
            cause=Cause.ADMIN_APPROVAL,
            text="An administrator has to allow it first",
            answer=answer,
        )
        Mailbox.objects.filter(pk=mailbox.pk).update(retry_at=moment + PROBED_EVERY)
        audit.record(mailbox.company_id, user, door, "mailbox waits for approval", mailbox.address)
    return mailbox


def link(mailbox: Mailbox, user: User) -> str:
    """Where an administrator allows the access for the whole organisation; the same for a month."""
    moment = now()
    known = SignIn.objects.filter(mailbox=mailbox, purpose=SignIn.Purpose.APPROVE, expires_at__gt=moment).first()
    if known is None:
        state = new_word()
        known = SignIn.objects.create(
            state=digest_of(state),
            purpose=SignIn.Purpose.APPROVE,
            user=user,
            mailbox=mailbox,
            address=mailbox.address,
            door="pages",
            redirect_uri=redirect_uri(),
            sealed=sealed(state, context=f"approval of mailbox {mailbox.pk}"),
            created_at=moment,
            expires_at=moment + LINK_LIVES,
        )
    state = opened(known.sealed, context=f"approval of mailbox {mailbox.pk}")
    return microsoft.admin_consent_url(
        app(), tenant=_domain(mailbox.address_key), redirect_uri=known.redirect_uri, state=state
    )


def reported(row: SignIn, returned: Returned) -> bool:
    """Somebody came back from the page of the administrator, and Microsoft is asked at once whether it is so.

    False where nothing waits for it any more. Raises Invalid for a link that has expired and for an answer of another
    organisation than the mailbox's.
    """
    moment, mailbox = now(), row.mailbox
    if row.expires_at <= moment or mailbox is None:
        raise Invalid("This link has expired. Whoever sent it finds a new one in Threadline. Nothing was changed.")
    if not waits(mailbox):
        return False
    organisations = _organisations_of(mailbox)
    if not returned.tenant or (organisations and returned.tenant.lower() not in organisations):
        raise Invalid(
            f"Microsoft's answer is about another organisation than the one of {mailbox.address}. Nothing was changed: "
            f"open the link again and sign in as an administrator of the organisation of {mailbox.address}."
        )
    lately = Q(used_at__gt=moment - HINTS_AT_MOST_EVERY)
    if SignIn.objects.filter(~lately | Q(used_at=None), pk=row.pk).update(used_at=moment):
        Mailbox.objects.filter(_WAITING, pk=mailbox.pk).update(retry_at=moment)
    return True


def waits(mailbox: Mailbox) -> bool:
    """Whether it still waits for an administrator, and Microsoft has not said yet that it may be read."""
    return Mailbox.objects.filter(_WAITING, pk=mailbox.pk).exists()


def _organisations_of(mailbox: Mailbox) -> set[str]:
    """The ids of its organisation, as sign-ins have told them: its own, or those of colleagues with the same domain."""
    if mailbox.identity:
        return {_organisation(mailbox.identity)}
    same_domain = Q(address_key__endswith=f"@{_domain(mailbox.address_key)}")
    colleagues = Mailbox.objects.filter(same_domain, company_id=mailbox.company_id, provider="graph")
    return {_organisation(identity) for identity in colleagues.exclude(identity="").values_list("identity", flat=True)}


def _organisation(identity: str) -> str:
    return identity.partition("/")[0].lower()


def arrived(mailbox: Mailbox) -> list[Mailbox]:
    """The organisation of this mailbox allows it now: everybody of the company who waits there is told."""
    domain = _domain(mailbox.address_key)
    told = []
    for one in Mailbox.objects.filter(_WAITING, company_id=mailbox.company_id).select_related("owner", "company"):
        if _domain(one.address_key) != domain or one.provider != "graph":
            continue
        with transaction.atomic():
            one.since = now()  # it waits for somebody else from here on, although its state is the same
            health.move(one, Event.BEGUN, now=now(), cause=Cause.APPROVAL_GIVEN, text="An administrator has allowed it")
            Mailbox.objects.filter(pk=one.pk).update(retry_at=None)
        notify.tell(
            one.owner,
            f"You can finish connecting {one.address}",
            f"your administrator has allowed Threadline to read {one.address}. One click finishes it, and nothing has "
            f"to be entered again:\n\n{serving.address()}/settings/{one.pk}/",
        )
        told.append(one)
    return told


def claim_due(moment: datetime) -> list[Mailbox]:
    """Those for which Microsoft is to be asked again; each is handed out once, and again after a while."""
    due = list(Mailbox.objects.filter(_WAITING, provider="graph", retry_at__lte=moment).order_by("retry_at")[:20])
    hints = SignIn.objects.filter(mailbox__in=due, purpose=SignIn.Purpose.APPROVE, used_at__gt=moment - A_HINT_LASTS)
    hinted = set(hints.values_list("mailbox_id", flat=True)) if due else set()

    def claimed(mailbox: Mailbox) -> bool:
        again = moment + (PROBED_AFTER_A_HINT_EVERY if mailbox.pk in hinted else PROBED_EVERY)
        return bool(Mailbox.objects.filter(pk=mailbox.pk, retry_at=mailbox.retry_at).update(retry_at=again))

    return [mailbox for mailbox in due if claimed(mailbox)]


def probe(mailbox_id: int) -> bool:
    """Ask Microsoft whether the organisation knows us by now; tells everybody who waits if it does."""
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    if not microsoft.is_known_to(app(), tenant=_domain(mailbox.address_key)):
        return False
    return bool(arrived(mailbox))


def _domain(address_key: str) -> str:
    return address_key.rpartition("@")[2]
