"""Connecting a mailbox by the pages: against a real server, and with everything one can get wrong."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, PASSWORD, World
from tests.web.visiting import words
from threadline.storage.models import Mailbox
from threadline.web.settings import attempts


@pytest.fixture
def server(dovecot: Dovecot, world: World, settings: Any) -> Dovecot:
    """A mail server that this installation knows and allows, as the demo's is."""
    dovecot.add_user(ALICE, PASSWORD)
    ports = (dovecot.port, dovecot.tls_port, dovecot.expired_tls_port)
    settings.ALLOW_MAIL_HOSTS = frozenset(f"127.0.0.1:{port}" for port in ports)
    known = {"host": "127.0.0.1", "port": dovecot.port, "security": "none", "username": "%EMAILADDRESS%"}
    settings.MAIL_SERVERS = {"acme.example": known}
    return dovecot


def typed(server: Dovecot, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "security": "none", "username": ALICE, **more}


def begin(alice: Client, **more: Any) -> Any:
    return alice.post(reverse("connect"), {"address": ALICE, **more}, follow=True)


def test_three_steps_lead_from_the_address_to_a_connected_mailbox(server: Dovecot, alice: Client) -> None:
    page = words(begin(alice))
    assert f"Server 127.0.0.1 Port {server.port}" in page
    assert page.index("127.0.0.1") < page.index("Password of this mailbox")
    response = alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD), follow=True)
    mailbox = Mailbox.objects.get()
    assert response.redirect_chain[-1][0] == reverse("mailbox", args=[mailbox.pk])
    assert mailbox.state == "connected"
    assert mailbox.refresh_requested_at is not None
    assert "The refresh starts in a moment" in words(response)


def test_a_wrong_password_keeps_everything_typed_except_the_password(server: Dovecot, alice: Client) -> None:
    begin(alice)
    response = alice.post(reverse("connect_sign_in"), typed(server, password="wrong secret"))
    html = response.content.decode()
    assert "does not accept this user name and password" in words(response)
    assert 'id="id_password_error"' in html
    assert "wrong secret" not in html
    assert f'value="{server.port}"' in html
    assert "wrong secret" not in str(dict(alice.session))
    assert not Mailbox.objects.exists()


def test_the_password_is_never_kept_between_the_steps(server: Dovecot, alice: Client) -> None:
    begin(alice)
    alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD, host="not a host"))
    assert PASSWORD not in str(dict(alice.session))
    html = alice.get(reverse("connect_sign_in")).content.decode()
    assert PASSWORD not in html
    assert 'autocomplete="off"' in html


def test_an_expired_certificate_is_said_beside_the_server(server: Dovecot, alice: Client) -> None:
    begin(alice)
    data = typed(server, security="tls", port=server.expired_tls_port, password=PASSWORD)
    response = alice.post(reverse("connect_sign_in"), data)
    assert "certificate" in words(response)
    assert 'id="id_host_error"' in response.content.decode()
    assert not Mailbox.objects.exists()


def test_a_server_that_is_not_there_is_said_beside_the_server(server: Dovecot, alice: Client) -> None:
    begin(alice)
    server.stop()
    response = alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD))
    assert 'id="id_host_error"' in response.content.decode()
    assert "does not take connections on this port" in words(response)


def test_a_private_address_is_not_reached_from_the_pages(server: Dovecot, alice: Client) -> None:
    begin(alice)
    response = alice.post(reverse("connect_sign_in"), typed(server, host="10.1.2.3", port=993, password=PASSWORD))
    assert "connects only to servers on the public internet" in words(response)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("host", "", "Enter the name of the mail server"),
        ("host", "imap acme", "is no server name"),
        ("port", "0", "from 1 to 65535"),
        ("port", "imap", "The port is a number"),
        ("security", "magic", "Select a valid choice"),
        ("username", "", "Enter the user name"),
        ("password", "", "Enter the password"),
    ],
)
def test_what_is_wrong_with_a_field_stands_beside_it(
    field: str, value: str, said: str, server: Dovecot, alice: Client
) -> None:
    begin(alice)
    response = alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD) | {field: value})
    assert said in words(response)
    assert f'id="id_{field}_error"' in response.content.decode()
    assert not Mailbox.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "Enter an email address"),
        ("sofia", "The @ is missing"),
        ("sofia@northgate", "needs a dot"),
        ("a@b.example, c@d.example", "spaces"),
    ],
)
def test_a_bad_address_is_refused_before_anything_is_looked_up(given: str, said: str, alice: Client) -> None:
    for more in ({}, {"by_hand": "1"}):
        response = alice.post(reverse("connect"), {"address": given, **more})
        assert response.status_code == 200
        assert said in words(response)


def test_the_server_can_always_be_entered_by_hand(server: Dovecot, alice: Client) -> None:
    page = words(begin(alice, by_hand="1"))
    assert "you enter the server yourself" in page
    assert "can be read by everyone on the way" in page
    alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD))
    assert Mailbox.objects.get().settings["host"] == "127.0.0.1"


def test_a_microsoft_address_asks_for_no_password_and_says_what_is_missing(alice: Client) -> None:
    page = words(alice.post(reverse("connect"), {"address": "anna@outlook.com"}, follow=True))
    assert "Continue with Microsoft" in page
    assert "This installation is not set up for Microsoft 365 yet" in page
    assert "Your mail is on a server of your own, or with another host? Enter it" in page


def test_google_says_which_password_it_takes_and_where_it_goes(alice: Client) -> None:
    page = words(alice.post(reverse("connect"), {"address": "anna@gmail.com"}, follow=True))
    assert "app password" in page
    assert "Server imap.gmail.com Port 993 Protection TLS" in page


def test_a_mailbox_that_a_colleague_connected_is_not_taken_over(server: Dovecot, world: World, bob: Client) -> None:
    world.connect(server)
    bob.post(reverse("connect"), {"address": ALICE})
    response = bob.post(reverse("connect_sign_in"), typed(server, password=PASSWORD))
    assert "connected by Alice already" in words(response)


def test_htmx_gets_the_steps_alone_and_is_led_on_after_connecting(server: Dovecot, alice: Client) -> None:
    response = alice.post(reverse("connect"), {"address": ALICE}, headers={"HX-Request": "true"}, follow=True)
    assert "<html" not in response.content.decode()
    assert response.headers["HX-Push-Url"] == reverse("connect_sign_in")
    response = alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD), headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == reverse("mailbox", args=[Mailbox.objects.get().pk])


def test_the_last_step_without_the_first_begins_at_the_first(alice: Client) -> None:
    assert alice.get(reverse("connect_sign_in")).headers["Location"] == reverse("connect")


def test_trying_passwords_ends_before_the_mail_server_locks_the_account(
    server: Dovecot, world: World, alice: Client
) -> None:
    begin(alice)
    for _ in range(attempts.MOST):
        attempts.count(world.alice)
    response = alice.post(reverse("connect_sign_in"), typed(server, password=PASSWORD))
    assert "Wait ten minutes" in words(response)
    assert not Mailbox.objects.exists()
    attempts.count(world.bob)  # others go on
