"""What the sign-in library brings and Threadline does not offer: addresses users claim, accounts they make."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from tests.services.world import BOB, CHARLIE, World, make_world
from threadline.services import accounts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def bob(world: World) -> Client:
    client = Client()
    client.force_login(world.bob)
    return client


@pytest.mark.parametrize("address", ["email/", "signup/", "confirm-email/abc/", "confirm-email/"])
def test_no_page_lets_a_user_claim_an_address_or_make_an_account(bob: Client, address: str) -> None:
    assert bob.get(f"/accounts/{address}").status_code == 302


def test_an_address_of_another_company_cannot_be_claimed(bob: Client, world: World) -> None:
    bob.post("/accounts/email/", {"action_add": "", "email": CHARLIE})
    bob.post("/accounts/email/", {"action_primary": "", "email": CHARLIE})
    assert not EmailAddress.objects.filter(email=CHARLIE).exclude(user=world.charlie).exists()
    world.bob.refresh_from_db()
    assert world.bob.email == BOB


def test_the_link_of_a_password_reset_names_the_address_people_use(
    world: World, settings: pytest.FixtureRequest
) -> None:
    settings.BASE_URL = "https://threadline.acme.example"  # type: ignore[attr-defined]
    Client().post("/accounts/password/reset/", {"email": BOB}, headers={"host": "localhost:9999"})
    assert "https://threadline.acme.example/accounts/password/reset/key/" in mail.outbox[0].body
    assert "localhost" not in mail.outbox[0].body


def test_a_user_who_is_stopped_is_signed_out_for_good(world: World) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": BOB, "password": "an honest secret"})
    assert client.get("/people/").status_code == 200
    accounts.change_user(world.bob, role="member", active=False, by=world.alice, door="pages")
    accounts.change_user(world.bob, role="member", active=True, by=world.alice, door="pages")
    assert client.get("/people/").status_code == 302
