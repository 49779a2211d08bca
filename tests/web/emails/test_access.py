"""Whose mail it is: one's own is whole, a colleague's is what a profile shows of it, an outsider finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from tests.browser.letters import letter
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, BOB, PASSWORD, World, run
from tests.web.emails.conftest import HIDDEN, ON_A_PROFILE, SENT, SENT_AT, UNLINKED, message_called
from tests.web.visiting import words
from threadline.services import connect
from threadline.services.sessions import Credentials
from threadline.storage.models import Copy, Link, Mailbox, Message
from threadline.web.emails.urls import urlpatterns

pytestmark = pytest.mark.needs("dovecot")

POST_ONLY = {"refresh"}


def _addresses(mailbox: Mailbox, subject: str) -> dict[str, str]:
    message = message_called(subject)
    copy = Copy.objects.get(message=message, mailbox=mailbox)
    values = {
        "mailbox_id": mailbox.pk,
        "message_id": message.pk,
        "copy_id": copy.pk,
        "role": "inbox",
        "number": 1,
    }
    found = {}
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        assert pattern.name is not None
        names = pattern.pattern.converters or pattern.pattern.regex.groupindex
        found[pattern.name] = reverse(pattern.name, kwargs={name: values[name] for name in names})
    return found


def test_an_outsider_finds_nothing_and_a_stranger_is_asked_to_sign_in(mailbox: Mailbox, charlie: Client) -> None:
    before = (list(Link.objects.values()), Mailbox.objects.values().get())
    for name, url in _addresses(mailbox, ON_A_PROFILE).items():
        for answer in (Client().get(url), Client().post(url)):
            assert answer.status_code == 302, name
            assert answer["Location"].startswith("/accounts/login/"), name
        if name == "emails":
            assert ON_A_PROFILE not in words(charlie.get(url))
            continue
        assert charlie.get(url).status_code in ({404, 405} if name in POST_ONLY else {404}), name
        assert charlie.post(url).status_code == 404, name
    assert (list(Link.objects.values()), Mailbox.objects.values().get()) == before


def test_a_colleague_reads_what_is_on_a_profile_and_nothing_else(mailbox: Mailbox, bob: Client) -> None:
    linked, unlinked = _addresses(mailbox, ON_A_PROFILE), _addresses(mailbox, UNLINKED)
    of_an_email = ("message", "message_body", "conversation", "attachment", "message_add")
    assert {name: bob.get(linked[name]).status_code for name in of_an_email} == dict.fromkeys(of_an_email, 200)
    assert {name: bob.get(unlinked[name]).status_code for name in of_an_email} == dict.fromkeys(of_an_email, 404)
    for name in ("folder", "opened", "progress", "message_raw"):
        assert bob.get(linked[name]).status_code == 404, name
    assert bob.post(linked["refresh"]).status_code == 404


def test_only_the_owner_sees_the_blind_copies_and_the_whole_email(mailbox: Mailbox, alice: Client, bob: Client) -> None:
    url = _addresses(mailbox, SENT)["message"]
    assert f"blind copies to {HIDDEN}" in words(alice.get(url))
    page = bob.get(url).content.decode()
    assert HIDDEN not in page
    assert "Download the whole email" not in page
    assert "Alice’s Sent items" in words(bob.get(url))
    raw: Any = alice.get(_addresses(mailbox, SENT)["message_raw"])
    assert f"Bcc: {HIDDEN}".encode() in b"".join(raw.streaming_content)


def test_a_recipients_own_copy_does_not_carry_the_senders_blind_copies(
    mailbox: Mailbox, world: World, dovecot: Dovecot, alice: Client, bob: Client
) -> None:
    url = _addresses(mailbox, SENT)["message"]
    dovecot.add_user(BOB, PASSWORD)
    settings = connect.server("127.0.0.1", dovecot.port, "none", BOB)
    theirs = connect.add(BOB, world.bob, settings, Credentials(PASSWORD), door="command")
    dovecot.deliver_many(BOB, [letter("sent", ALICE, ANNA, subject=SENT, at=SENT_AT)])
    run(theirs)
    assert Message.objects.filter(subject=SENT).count() == 1
    assert bob.get(url).context["reading"]["where"] == "Inbox"
    assert HIDDEN not in bob.get(url).content.decode()
    assert HIDDEN in alice.get(url).content.decode()
