"""The tokens of a mailbox: one renewal however many need it, stored before it is used, and nothing lost to a kill."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests.services.microsoft.processes import end_what_it_asked_of_the_store, go, needy, nobody_can_write, said
from tests.services.microsoft_world import Office
from tests.services.test_leases import together
from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import AppMisconfigured, NeedsUser, Transient
from threadline.services import installation, sessions, tokens
from threadline.services.sealed import opened
from threadline.storage.models import Grant, GrantEnd, InstallationFault, Mailbox
from threadline.storage.sealing import SealBroken

LATER = timedelta(days=2)  # tokens of continuous access evaluation live for 28 hours


def let_claims_run_out() -> None:
    """As when the time has passed for which a killed process had claimed it; its time is the database's."""
    moment = {"sqlite": "datetime('now', '-1 seconds')", "postgresql": "now() - interval '1 second'"}
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE storage_grant SET claimed_until = {moment[connection.vendor]}")


def refresh_token(mailbox: Mailbox) -> str:
    return str(opened(Grant.objects.get().refresh_token, context=f"grant of mailbox {mailbox.pk}"))


def test_a_token_that_is_good_is_used_without_asking(office: Office) -> None:
    mailbox = office.granted()
    assert tokens.access_token(mailbox.pk) == tokens.access_token(mailbox.pk)
    assert office.token_requests() == []


@pytest.mark.invariant("I6")
def test_a_renewal_stores_the_new_refresh_token_and_counts_the_version_up(office: Office) -> None:
    mailbox = office.granted()
    before, token = refresh_token(mailbox), tokens.access_token(mailbox.pk)
    office.server.set_clock(LATER)
    assert tokens.access_token(mailbox.pk) != token
    grant = Grant.objects.get()
    assert (grant.version, refresh_token(mailbox) != before) == (2, True)
    assert now() - grant.used_at < timedelta(minutes=1)


def test_where_no_new_refresh_token_comes_the_old_one_is_kept(office: Office) -> None:
    mailbox = office.granted()
    before, issued = refresh_token(mailbox), Grant.objects.get().issued_at
    office.server.post("rotation", on=False)
    office.server.set_clock(LATER)
    tokens.access_token(mailbox.pk)
    grant = Grant.objects.get()
    assert (refresh_token(mailbox), grant.issued_at) == (before, issued)
    assert grant.used_at > issued


def test_sixteen_that_need_a_token_in_four_processes_make_one_request(office: Office) -> None:
    mailbox = office.granted()
    office.server.set_clock(LATER)
    office.server.throttle(latency_ms=200)
    processes = [needy(office, mailbox, threads=4) for _ in range(4)]
    for process in processes:
        go(process)
    handed_out = [line for process in processes for line in said(process)]
    assert len(handed_out) == 16
    assert len(set(handed_out)) == 1, set(handed_out)
    assert len(office.token_requests()) == 1
    assert Grant.objects.get().version == 2


@pytest.mark.invariant("I6")
def test_a_process_killed_between_the_answer_and_the_store_loses_nothing(office: Office) -> None:
    mailbox = office.granted()
    before = refresh_token(mailbox)
    office.server.set_clock(LATER)
    office.server.fault("oauth2/v2.0/token", action="delay", delay_ms=1500)
    process = needy(office, mailbox)
    go(process)
    while Grant.objects.get().claimed_until is None:
        time.sleep(0.01)
    with nobody_can_write():
        time.sleep(2.5)
        process.kill()  # it has the answer, and waits to store it
        process.communicate()
        end_what_it_asked_of_the_store()
    assert len(office.token_requests()) == 1
    grant = Grant.objects.get()
    assert (grant.version, refresh_token(mailbox)) == (1, before)
    let_claims_run_out()
    assert tokens.access_token(mailbox.pk)
    assert (Grant.objects.get().version, refresh_token(mailbox) != before) == (2, True)


def test_those_who_wait_hear_what_the_one_who_asked_was_told(office: Office) -> None:
    mailbox = office.granted()
    office.server.revoke(mailbox.address)
    office.server.set_clock(LATER)
    office.server.fault("oauth2/v2.0/token", action="delay", delay_ms=700)
    raised = together(*[lambda: tokens.access_token(mailbox.pk)] * 6)
    assert [type(error) for error in raised] == [NeedsUser] * 6
    assert {error.cause for error in raised if isinstance(error, NeedsUser)} == {Cause.SECURITY_CHANGE}
    assert len(office.token_requests()) <= 2  # somebody may have come when it was over


def test_a_rejected_token_is_replaced_once_and_its_claims_are_replayed(office: Office) -> None:
    mailbox = office.granted()
    rejected = tokens.access_token(mailbox.pk)
    source = tokens.GrantTokens(mailbox.pk)
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    renewed = source.renewed(rejected, claims)
    assert renewed != rejected
    assert source.renewed(rejected, claims) == renewed  # somebody else has seen to it
    assert len(office.token_requests()) == 1


@pytest.mark.parametrize(
    ("state", "cause"), [("expired", Cause.APP_SECRET_EXPIRED), ("replaced", Cause.APP_SECRET_WRONG)]
)
def test_a_secret_that_is_refused_is_the_installations_matter(state: str, cause: Cause, office: Office) -> None:
    mailbox = office.granted()
    office.server.set_secret(state)
    office.server.set_clock(LATER)
    with pytest.raises(AppMisconfigured) as refused:
        tokens.access_token(mailbox.pk)
    assert refused.value.cause is cause
    fault = installation.fault()
    assert fault is not None
    assert fault.cause == cause.value
    with pytest.raises(AppMisconfigured):
        tokens.access_token(mailbox.pk)
    assert len(office.token_requests()) == 1  # a thousand mailboxes would all hear the same
    again = installation.fault()
    assert again is not None
    assert again.seen_at == fault.seen_at  # else those who are held back would hold each other back for ever
    assert not GrantEnd.objects.exists()
    office.register(client_secret=office.server.client_secret_now)
    if state == "expired":
        office.server.set_secret("valid")
        office.register(client_secret=office.server.client_secret_now, tenant="common")
    assert tokens.access_token(mailbox.pk)
    assert not InstallationFault.objects.exists()


def test_new_keys_open_what_was_granted_under_the_old_ones(office: Office, settings: Any) -> None:
    mailbox = office.granted()
    token = tokens.access_token(mailbox.pk)
    old, new = settings.SECRETS[0], "a new key, with which everything is sealed anew"
    settings.SECRETS = (new, old)
    assert sessions.reseal_all() == 1
    settings.SECRETS = (new,)
    assert tokens.access_token(mailbox.pk) == token
    settings.SECRETS = (old,)
    with pytest.raises(SealBroken):
        tokens.access_token(mailbox.pk)


def test_trouble_at_microsoft_is_nobodys_sign_in_to_repeat(office: Office) -> None:
    mailbox = office.granted()
    office.server.token_error(90033)
    office.server.set_clock(LATER)
    with pytest.raises(Transient):
        tokens.access_token(mailbox.pk)
    assert tokens.access_token(mailbox.pk)


def test_what_ended_a_sign_in_and_after_how_long_is_remembered(office: Office) -> None:
    mailbox = office.granted()
    office.server.set_clock(timedelta(days=30))
    office.server.token_error(70043)
    with pytest.raises(NeedsUser):
        tokens.access_token(mailbox.pk)
    end = GrantEnd.objects.get()
    assert (end.cause, end.organisation) == ("sign_in_frequency", mailbox.identity.partition("/")[0])
    assert timedelta(days=29) < end.ended_at - end.granted_at < timedelta(days=31)
