"""Signing in at Microsoft: who comes back, as whom, and what is stored of it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.services.microsoft_world import SESSION, Office
from tests.services.world import ALICE, BOB, World
from threadline.services import connect
from threadline.services.errors import Conflict, Invalid, NotTheirs, Refused
from threadline.services.microsoft import signing_in
from threadline.storage.models import AuditEntry, Grant, Mailbox, SignIn

# What Microsoft named, and no more.
NOT_THERE = "Likely this mailbox is inactive, deleted, or on a server of your company. Ask your IT administrator where"


def test_the_way_to_microsoft_asks_for_reading_and_nothing_that_writes(office: Office) -> None:
    begun = signing_in.begin(office.world.alice, ALICE, session=SESSION, door="pages")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    permissions = {scope.rpartition("/")[2] for scope in asked["scope"].split()}
    assert permissions == {"openid", "email", "offline_access", "User.Read", "Mail.Read"}
    assert (asked["prompt"], asked["login_hint"], asked["response_type"]) == ("select_account", ALICE, "code")
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert asked["redirect_uri"].endswith("/oauth/microsoft/callback")
    assert asked["state"] not in str(SignIn.objects.values().get())


def test_a_sign_in_connects_the_mailbox_and_seals_its_tokens(office: Office) -> None:
    mailbox = office.connect()
    assert (mailbox.provider, mailbox.state, mailbox.address) == ("graph", "connected", ALICE)
    account = office.server.get("accounts")["accounts"][0]
    assert mailbox.identity == f"{account['tid']}/{account['oid']}"
    grant = Grant.objects.get(mailbox=mailbox)
    assert b"ey" not in bytes(grant.access_token)[:4]
    assert AuditEntry.objects.filter(action="mailbox connected", subject=ALICE).exists()


def test_a_sign_in_is_for_one_use(office: Office) -> None:
    begun = signing_in.begin(office.world.alice, ALICE, session=SESSION, door="pages")
    back = office.server.click_through(begun.url, ALICE)
    office.come_back(back)
    with pytest.raises(Invalid, match="finished already"):
        office.come_back(back)
    assert Mailbox.objects.count() == 1


def test_a_sign_in_ends_where_it_was_begun(office: Office) -> None:
    begun = signing_in.begin(office.world.alice, ALICE, session=SESSION, door="pages")
    back = office.server.click_through(begun.url, ALICE)
    with pytest.raises(NotTheirs, match="in another browser or by somebody else"):
        office.come_back(back, session="another browser")
    assert not Mailbox.objects.exists()
    assert office.come_back(back).outcome == "connected"  # who refused has not used it up


def test_a_state_that_nobody_gave_out_is_refused(office: Office) -> None:
    with pytest.raises(Refused, match="belongs to no sign-in"):
        office.come_back("http://127.0.0.1/oauth/microsoft/callback?code=stolen&state=guessed")


def test_a_sign_in_that_takes_too_long_is_begun_again(office: Office) -> None:
    begun = signing_in.begin(office.world.alice, ALICE, session=SESSION, door="pages")
    back = office.server.click_through(begun.url, ALICE)
    office.server.set_clock(timedelta(minutes=16))
    with pytest.raises(Invalid, match="took too long"):
        office.come_back(back)


def test_who_declines_is_told_what_that_means(office: Office) -> None:
    row = office.sign_in(consent="cancel")
    assert (row.outcome, row.cause) == ("refused", "consent_declined")
    assert "declined" in row.sentence
    assert not Mailbox.objects.exists()


def test_another_account_than_typed_is_asked_about_and_connected_when_confirmed(office: Office) -> None:
    office.server.add_account("alice.berg@acme.example")
    row = office.sign_in(as_="alice.berg@acme.example")
    assert row.outcome == "other_account"
    assert "alice.berg@acme.example" in row.sentence
    assert ALICE in row.sentence
    assert not Mailbox.objects.exists()
    mailbox = signing_in.confirm(row)
    assert (mailbox.address, mailbox.state) == ("alice.berg@acme.example", "connected")
    with pytest.raises(Refused, match="answered already"):
        signing_in.confirm(SignIn.objects.get(pk=row.pk))


def test_reconnecting_with_another_account_is_refused_and_names_both(office: Office) -> None:
    mailbox = office.connect()
    office.server.add_account(BOB)
    row = office.sign_in(mailbox=mailbox, as_=BOB)
    assert row.outcome == "refused"
    assert f"You signed in as {BOB}" in row.sentence
    assert f"belongs to {ALICE}. Nothing was changed" in row.sentence
    assert Mailbox.objects.get().identity == mailbox.identity


@pytest.mark.parametrize(
    ("kind", "cause", "says"),
    [
        ("on_premises", "no_mailbox", NOT_THERE),
        ("soft_deleted", "no_mailbox", NOT_THERE),
        ("unlicensed", "no_mailbox", NOT_THERE),
        (
            "guest",
            "guest_account",
            "a guest in the organisation it signed in to, and a guest has no mailbox there. Sign",
        ),
    ],
)
def test_an_account_without_a_mailbox_is_told_why_and_not_connected(
    kind: str, cause: str, says: str, office: Office
) -> None:
    office.server.set_user(ALICE, kind=kind)
    row = office.sign_in()
    assert (row.outcome, row.cause, says in row.sentence) == ("refused", cause, True), row.sentence
    assert not Mailbox.objects.exists()


def test_a_shared_mailbox_has_no_sign_in_and_its_reader_is_told_so(office: Office) -> None:
    """Its reader signs in as herself: with her own mailbox not connected yet, and afterwards."""
    shared = "jobs@acme.example"
    office.server.add_account(shared, kind="shared")
    row = office.sign_in(shared, as_=ALICE)
    assert (row.outcome, f"If {shared} is a shared mailbox" in row.sentence) == ("other_account", True)
    assert signing_in.confirm(row).address == ALICE
    row = office.sign_in(shared, as_=ALICE)
    assert row.outcome == "refused"
    assert row.sentence.startswith(f"The account {ALICE} is connected already, as {ALICE}. If {shared} is a shared")
    with pytest.raises(AssertionError, match="AADSTS50057"):
        office.sign_in(shared)
    assert [mailbox.address for mailbox in Mailbox.objects.all()] == [ALICE]


@pytest.mark.parametrize("address", ["eva@outlook.com", "eva@HOTMAIL.SE", "eva@live.com"])
def test_a_personal_account_is_refused_at_once_where_only_organisations_may_sign_in(
    office: Office, address: str
) -> None:
    with pytest.raises(Invalid, match="is a personal Microsoft account") as refused:
        connect.detect(address)
    assert refused.value.field == "address"


@pytest.mark.parametrize("tenant", ["common", "consumers"])
def test_a_personal_account_goes_to_microsoft_where_the_operator_allows_them(office: Office, tenant: str) -> None:
    office.register(tenant=tenant)
    assert connect.detect("eva@outlook.com").provider == "graph"


def test_disconnecting_forgets_the_tokens_and_connecting_again_needs_the_same_account(office: Office) -> None:
    mailbox = office.connect()
    connect.disconnect(mailbox, user=office.world.alice, door="pages")
    assert not Grant.objects.exists()
    assert Mailbox.objects.get().state == "disconnected"
    row = office.sign_in()
    assert row.outcome == "connected"
    assert Mailbox.objects.get().state == "connected"


def test_a_colleagues_mailbox_is_not_connected_a_second_time(office: Office, world: World) -> None:
    office.connect()
    with pytest.raises(Conflict, match="connected by Alice already"):
        signing_in.begin(world.bob, ALICE, session=SESSION, door="pages")
