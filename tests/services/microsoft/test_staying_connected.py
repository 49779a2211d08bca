"""A Microsoft mailbox over the months: it stays connected while it is used, and what ends it is said and mended."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail as outbox

from tests.services.microsoft_world import IT, SESSION, Office
from tests.services.world import ALICE, mail, run
from tests.sweep import is_long
from threadline.clock import now
from threadline.jobs.sign_ins import SignIns
from threadline.services import connect, forecast, installation, sign_ins
from threadline.services.errors import Invalid
from threadline.services.microsoft import approval, signing_in
from threadline.services.microsoft.answers import Returned
from threadline.storage.models import ConnectionEvent, Grant, GrantEnd, Mailbox, Message, SignIn


def days(number: float) -> timedelta:
    return timedelta(days=number)


def look_after() -> None:
    """What the worker does about sign-ins at one look."""
    keeper = SignIns()
    keeper.step()
    keeper.close(wait=True)


def again(mailbox: Mailbox) -> Mailbox:
    return Mailbox.objects.select_related("company", "owner").get(pk=mailbox.pk)


def test_ninety_days_unused_end_the_sign_in_and_one_click_renews_it(office: Office) -> None:
    for number in range(3):
        office.deliver(number)
    mailbox = office.connect()
    assert run(mailbox).outcome == "complete"
    office.server.set_clock(days(91))
    office.deliver(3)
    report = run(mailbox)
    assert (report.outcome, report.cause and report.cause.value) == ("failed", "unused_90_days")
    mailbox = again(mailbox)
    assert (mailbox.state, mailbox.cause, mailbox.who) == ("reauthorise", "unused_90_days", "you")
    assert office.sign_in(mailbox=mailbox).outcome == "connected"
    report = run(mailbox)
    assert (report.outcome, report.total("new")) == ("complete", 1)
    assert Message.objects.count() == 4
    assert again(mailbox).state == "connected"


def test_a_sign_in_that_nobody_uses_is_renewed_every_week_and_never_ends(office: Office) -> None:
    mailbox = office.connect()
    for day in range(0, 401, 8):
        office.server.set_clock(days(day))
        look_after()
    office.server.set_clock(days(400))
    assert run(mailbox).outcome == "complete"
    assert again(mailbox).state == "connected"
    renewals = ConnectionEvent.objects.filter(event="renewed").count()
    assert 45 <= renewals <= 51
    ahead = forecast.outlook(again(mailbox), now=now())
    assert ahead is not None
    assert not ahead.stopped


@pytest.mark.timeout(1200)  # four hundred renewals, each asked for and stored
def test_a_sign_in_that_is_used_never_ends(office: Office) -> None:
    mailbox = office.connect()
    steps = range(1, 401) if is_long() else range(8, 401, 8)  # days
    for day in steps:
        office.server.set_clock(days(day))
        if day % 100:
            sign_ins.renew(mailbox.pk)
        else:  # now and then the whole refresh
            assert run(mailbox).outcome == "complete", day
    assert again(mailbox).state == "connected"
    assert Grant.objects.get().version == 1 + len(steps)


@pytest.mark.parametrize(("state", "cause"), [("expired", "app_secret_expired"), ("replaced", "app_secret_wrong")])
def test_our_own_secret_moves_no_mailbox_and_its_retries_go_on(state: str, cause: str, office: Office) -> None:
    mailbox = office.connect()
    run(mailbox)
    office.server.set_secret(state)
    for day in (2, 3, 4):
        office.server.set_clock(days(day))
        assert run(mailbox).outcome == "failed"
    mailbox = again(mailbox)
    assert (mailbox.state, mailbox.cause, mailbox.who, mailbox.failures) == ("connected", "", "nobody", 0)
    assert mailbox.next_refresh_at is not None
    assert mailbox.next_refresh_at - now() < timedelta(minutes=15)
    fault = installation.fault()
    assert fault is not None
    assert fault.cause == cause
    office.server.set_secret("valid")
    office.register(client_secret=office.server.client_secret_now)
    office.server.set_clock(days(5))
    assert run(mailbox).outcome == "complete"
    assert installation.fault() is None


@pytest.mark.parametrize(
    ("lever", "cause"),
    [
        ("change_password", "security_change"),
        ("revoke", "security_change"),
        ("demand_mfa", "mfa_required"),
        ("withdraw_consent", "consent_withdrawn"),
    ],
)
def test_what_ends_a_sign_in_asks_its_owner_and_one_sign_in_mends_it(lever: str, cause: str, office: Office) -> None:
    mailbox = office.connect()
    run(mailbox)
    getattr(office.server, lever)(ALICE)
    office.server.set_clock(days(2))
    run(mailbox)
    mailbox = again(mailbox)
    assert (mailbox.state, mailbox.cause, mailbox.who) == ("reauthorise", cause, "you")
    password = "another" if lever == "change_password" else "secret"
    assert office.sign_in(mailbox=mailbox, password=password).outcome == "connected"
    assert run(mailbox).outcome == "complete"
    assert again(mailbox).state == "connected"


def test_an_administrators_approval_is_waited_for_and_finished_with_one_click(office: Office) -> None:
    office.server.require_admin_approval(ALICE)
    row = office.sign_in()
    assert (row.outcome, row.cause) == ("approval", "admin_approval")
    mailbox = Mailbox.objects.get()
    assert (mailbox.state, mailbox.cause, mailbox.who) == ("connecting", "admin_approval", "it_administrator")
    office.server.set_clock(timedelta(minutes=16))
    look_after()
    assert again(mailbox).cause == "admin_approval"
    office.server.grant_admin_consent(ALICE)
    office.server.set_clock(timedelta(minutes=32))
    look_after()
    mailbox = again(mailbox)
    assert (mailbox.state, mailbox.cause, mailbox.who) == ("connecting", "approval_given", "you")
    assert [letter.to for letter in outbox.outbox] == [[ALICE]]
    assert office.sign_in(mailbox=mailbox).outcome == "connected"
    assert Mailbox.objects.get().pk == mailbox.pk
    assert again(mailbox).state == "connected"


def waiting_for_approval(office: Office) -> tuple[Mailbox, SignIn, Returned]:
    """Alice's mailbox, the row of the administrator's link, and an answer of Microsoft as anybody could write it."""
    office.server.require_admin_approval(ALICE)
    office.sign_in()
    mailbox = Mailbox.objects.select_related("owner").get()
    link = approval.link(mailbox, office.world.alice)
    assert link == approval.link(mailbox, office.world.alice)  # the one that was sent stays good
    state = parse_qs(urlsplit(link).query)["state"][0]
    tenant = office.server.get("accounts")["accounts"][0]["tid"]
    returned = Returned(state=state, tenant=tenant, admin_consent=True)
    return mailbox, signing_in.found(returned), returned


def test_the_administrators_way_back_makes_us_ask_microsoft_at_once(office: Office) -> None:
    mailbox, row, _ = waiting_for_approval(office)
    back = office.server.click_through(approval.link(mailbox, office.world.alice), IT)
    look_after()
    assert again(mailbox).cause == "admin_approval"  # its turn is in a quarter of an hour
    assert approval.reported(row, office.returned(back))
    assert again(mailbox).cause == "admin_approval"
    look_after()
    assert again(mailbox).cause == "approval_given"
    assert not approval.reported(row, office.returned(back))
    assert [letter.to for letter in outbox.outbox] == [[ALICE]]


def test_whoever_has_the_link_and_no_approval_makes_us_ask_and_nothing_else(office: Office) -> None:
    mailbox, row, returned = waiting_for_approval(office)
    before = again(mailbox)
    assert approval.reported(row, returned)
    look_after()
    after = again(mailbox)
    assert (after.state, after.cause, after.who) == (before.state, before.cause, before.who)
    assert after.retry_at is not None, "the question goes on being asked"
    assert outbox.outbox == []
    for _ in range(20):  # nor does the link make us ask as often as somebody likes
        approval.reported(row, returned)
    assert approval.claim_due(now()) == []
    office.server.grant_admin_consent(ALICE)
    office.server.set_clock(timedelta(seconds=61))  # an approval that holds at Microsoft a little later
    look_after()
    assert again(mailbox).cause == "approval_given"


@pytest.mark.parametrize("tenant", ["", "00000000-0000-4000-8000-000000000000"])
def test_an_approval_of_another_organisation_is_none(tenant: str, office: Office) -> None:
    """The organisation of Alice's address is known by her colleague's sign-in."""
    bob = office.world.bob
    office.server.add_account(bob.email)
    begun = signing_in.begin(bob, bob.email, session=SESSION, door="pages")
    there = office.returned(office.server.click_through(begun.url, bob.email))
    assert signing_in.finish(signing_in.found(there), there, user=bob, session=SESSION).outcome == "connected"
    office.server.require_admin_approval(ALICE)
    office.sign_in()
    mailbox = Mailbox.objects.select_related("owner").get(address=ALICE)
    link = approval.link(mailbox, office.world.alice)
    returned = Returned(parse_qs(urlsplit(link).query)["state"][0], tenant=tenant, admin_consent=True)
    with pytest.raises(Invalid, match=f"another organisation than the one of {ALICE}. Nothing was changed"):
        approval.reported(signing_in.found(returned), returned)
    assert approval.claim_due(now()) == []


def test_a_link_that_has_expired_is_no_hint(office: Office) -> None:
    _, row, returned = waiting_for_approval(office)
    office.server.set_clock(approval.LINK_LIVES + timedelta(minutes=1))
    with pytest.raises(Invalid, match="This link has expired"):
        approval.reported(row, returned)


def test_where_a_colleague_may_connect_the_approval_is_there_for_all(office: Office) -> None:
    office.server.require_admin_approval(ALICE)
    office.sign_in()
    office.server.grant_admin_consent(ALICE)
    bob = office.world.bob
    office.server.add_account(bob.email)
    begun = signing_in.begin(bob, bob.email, session=SESSION, door="pages")
    returned = office.returned(office.server.click_through(begun.url, bob.email))
    assert signing_in.finish(signing_in.found(returned), returned, user=bob, session=SESSION).outcome == "connected"
    assert Mailbox.objects.get(address=ALICE).cause == "approval_given"


def test_an_owner_is_warned_fourteen_seven_three_and_one_days_before(office: Office) -> None:
    office.connect()
    office.server.token_error(90033, count=-1)  # renewals have stopped
    told = []
    for day in range(70, 91):
        office.server.set_clock(days(day))
        told += [day] * sign_ins.warn_owners(now())
    assert told == [76, 83, 87, 89]
    assert len(outbox.outbox) == 4


def test_the_status_says_when_the_sign_in_ends_and_on_what_that_rests(office: Office) -> None:
    mailbox = office.connect()
    expires = connect.status(mailbox)["expires"]
    assert expires["basis"] == "90 days after its last use"
    assert days(89) < expires["at"] - now() < days(91)
    for begin in (100, 69):
        GrantEnd.objects.create(
            company=mailbox.company, mailbox=mailbox, organisation=mailbox.identity.partition("/")[0],
            granted_at=now() - days(begin), ended_at=now() - days(begin - 30), cause="sign_in_frequency",
        )  # fmt: skip
    expires = connect.status(mailbox)["expires"]
    assert expires["basis"] == "the interval at which this organisation asked for a new sign-in before"
    assert days(29) < expires["at"] - now() < days(31)


def test_nothing_of_a_mailbox_is_lost_by_moving_it_away_and_back(office: Office) -> None:
    office.server.deliver(ALICE, mail(1))
    mailbox = office.connect()
    run(mailbox)
    office.server.set_user(ALICE, kind="on_premises")
    run(mailbox)
    moved = again(mailbox)
    assert (moved.state, moved.cause) == ("admin_needed", "no_mailbox")
    office.server.set_user(ALICE, kind="cloud")
    assert run(mailbox).outcome == "complete"
    assert (again(mailbox).state, Message.objects.count()) == ("connected", 1)
