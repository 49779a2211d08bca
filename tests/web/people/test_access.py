"""Who may open what: an outsider finds nothing, a stranger is sent to sign in, a colleague reads no blind copies."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, BOB, World, mail, run
from threadline.services import people
from threadline.storage.models import Link, Message
from threadline.web.people.summary import profiles_summary
from threadline.web.people.urls import urlpatterns

pytestmark = pytest.mark.needs("dovecot")

OPEN_TO_ALL = {"people", "person_add"}  # they show and make only what is one's own company's


def _addresses(world: World, message: Message) -> dict[str, str]:
    values = {
        "person_id": world.anna.pk,
        "message_id": message.pk,
        "other_id": world.anna.pk,
        "conversation_id": message.conversation_id,
        "action": "refresh",
    }
    found = {}
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        assert pattern.name is not None
        names = pattern.pattern.converters
        found[pattern.name] = reverse(pattern.name, kwargs={name: values[name] for name in names})
    return found


def test_every_address_is_closed_to_outsiders_and_asks_strangers_to_sign_in(
    world: World, dovecot: Dovecot, charlie: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    before = list(Link.objects.values())
    for name, url in _addresses(world, Message.objects.get()).items():
        for stranger in (Client().get(url), Client().post(url)):
            assert stranger.status_code == 302, name
            assert stranger["Location"].startswith("/accounts/login/"), name
        if name in OPEN_TO_ALL:
            assert "Anna Berg" not in charlie.get(url).content.decode()
            continue
        assert {charlie.get(url).status_code, charlie.post(url).status_code} <= {404, 405}, name
        assert charlie.post(f"{url}?mailbox={mailbox.pk}&folder=INBOX&id=1").status_code in {404, 405}, name
    assert list(Link.objects.values()) == before


def test_another_companys_email_cannot_be_put_on_ones_own_profile(
    world: World, dovecot: Dovecot, charlie: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1))
    run(mailbox)
    theirs = people.add(world.rival, kind="contact", name="Theirs", email="anna@posten.example", door="command")
    message = Message.objects.get()
    assert charlie.post(f"/people/{theirs.pk}/why/{message.pk}/put-on/").status_code == 404
    assert not Link.objects.filter(person=theirs).exists()


def test_unlinked_mail_is_the_owners_alone(world: World, dovecot: Dovecot, alice: Client, bob: Client) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(ALICE, mail(1, sender="stranger@x.example"))
    run(mailbox)
    url = f"/people/{world.anna.pk}/why/{Message.objects.get().pk}/"
    assert alice.get(url).status_code == 200
    assert bob.get(url).status_code == 404
    assert bob.post(f"/people/{world.anna.pk}/remedy/refresh/?mailbox={mailbox.pk}").status_code == 404
    include = f"/people/{world.anna.pk}/remedy/include-folder/?mailbox={mailbox.pk}&folder=INBOX"
    assert bob.post(include).status_code == 404


def test_a_colleagues_blind_copies_are_named_on_no_page(
    world: World, dovecot: Dovecot, alice: Client, bob: Client
) -> None:
    karin = people.add(world.company, kind="contact", name="Karin Ek", email="karin@blind.example",
                       created_at=world.anna.created_at, door="command")  # fmt: skip
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    raw = mail(1, sender=ALICE, to=f"{BOB}, anna@posten.example")
    dovecot.deliver(ALICE, b"Bcc: karin@blind.example\r\n" + raw, folder="Sent")
    dovecot.deliver(BOB, raw)
    run(alices)
    run(bobs)
    message = Message.objects.get()
    for person in (karin, world.anna):
        why = bob.get(f"/people/{person.pk}/why/{message.pk}/").content.decode()
        assert "It is on the profile." in why
        assert "karin@blind.example" not in why
        assert "blind copy" not in why.lower()
    assert "In blind copy" in alice.get(f"/people/{karin.pk}/why/{message.pk}/").content.decode()
    reasons = {line["name"]: line["reason"] for line in profiles_summary(message, world.bob)}
    assert reasons["Karin Ek"] == "by a colleague’s copy"
    reasons = {line["name"]: line["reason"] for line in profiles_summary(message, world.alice)}
    assert reasons["Karin Ek"] == "in blind copy"


def test_somebody_only_a_blind_copy_concerns_is_not_named_to_a_colleague_where_it_is_not_shown(
    world: World, dovecot: Dovecot
) -> None:
    people.add(world.company, kind="contact", name="Karin Ek", email="k@x.example", secondary=["karin@blind.example"],
               door="command")  # fmt: skip
    alices = world.connect(dovecot)
    dovecot.deliver(
        ALICE, b"Bcc: karin@blind.example\r\n" + mail(1, sender=ALICE, to="anna@posten.example"), folder="Sent"
    )
    run(alices)
    message = Message.objects.get()
    assert [line["name"] for line in profiles_summary(message, world.bob)] == ["Anna Berg"]
    assert {line["name"] for line in profiles_summary(message, world.alice)} == {"Anna Berg", "Karin Ek"}


def test_a_way_back_leads_only_to_our_own_pages(alice: Client, world: World) -> None:
    url = f"/people/{world.anna.pk}/remedy/make-primary/?address=a@x.example&back="
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"):
        assert alice.post(url + elsewhere)["Location"] == f"/people/{world.anna.pk}/"
    assert alice.post(url + "/people/")["Location"] == "/people/"
