"""One Message-ID, sender and time, and another subject or text: each owner sees what is in the own mailbox."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, ANNA, BOB, World, mail, run
from tests.web.visiting import words
from threadline.domain.folders import Role
from threadline.services import access, link, live, messages, missing
from threadline.storage import search
from threadline.storage.models import AuditEntry, Body, Copy, Mailbox, Message, Participant

pytestmark = pytest.mark.needs("dovecot")
TRUE, FORGED = "Realsubject", "Fakesubject"
NAMES = {TRUE: "Anna Trueberg", FORGED: "Mallory Fakeberg"}


@dataclass
class Forged:
    """A true email in Alice's mailbox, a forgery of it in Bob's."""

    world: World
    alices: Mailbox
    bobs: Mailbox
    message: Message

    def copy(self, mailbox: Mailbox) -> Copy:
        return Copy.objects.select_related("message", "body", "folder").get(mailbox=mailbox)


def letter(subject: str, text: str) -> bytes:
    return mail(1, sender=f"{NAMES[subject]} <{ANNA}>", subject=subject, text=text)


@pytest.fixture(params=["another text", "the same text"])
def texts(request: pytest.FixtureRequest) -> dict[str, str]:
    same = request.param == "the same text"
    return {TRUE: "Pay account 1.", FORGED: "Pay account 1." if same else "Pay account 666."}


@pytest.fixture(params=["forged first", "true first"])
def forged(request: pytest.FixtureRequest, world: World, dovecot: Dovecot, texts: dict[str, str]) -> Forged:
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    arrivals = [(BOB, bobs, FORGED), (ALICE, alices, TRUE)]
    for address, mailbox, subject in arrivals if request.param == "forged first" else arrivals[::-1]:
        dovecot.deliver(address, letter(subject, texts[subject]))
        assert run(mailbox).outcome == "complete"
    search.catch_up()
    return Forged(world, alices, bobs, Message.objects.get())


def assert_only(page: str, shown: str) -> None:
    other = FORGED if shown == TRUE else TRUE
    assert shown in page
    assert other not in page
    assert NAMES[other] not in page


def test_each_page_shows_its_owner_the_subject_and_the_name_of_the_own_copy(
    forged: Forged, alice: Client, bob: Client
) -> None:
    anna, message = forged.world.anna, forged.message
    for client, mailbox, subject in ((alice, forged.alices, TRUE), (bob, forged.bobs, FORGED)):
        copy = forged.copy(mailbox)
        for place in (
            reverse("folder", args=[mailbox.pk, "inbox"]),
            reverse("opened", args=[mailbox.pk, "inbox", copy.pk]),
            reverse("message", args=[message.pk]),
            reverse("conversation", args=[message.pk]),
            reverse("message_add", args=[message.pk]),
            reverse("person", args=[anna.pk]),
            reverse("verdict", args=[anna.pk, message.pk]),
            reverse("take_off", args=[anna.pk, message.pk]),
            reverse("person_conversation", args=[anna.pk, message.conversation_id]),
        ):
            answer = client.get(place)
            assert answer.status_code == 200, place
            assert_only(words(answer), subject)
            assert (FORGED if subject == TRUE else TRUE) not in answer.content.decode(), place


def test_a_search_finds_the_own_subject_and_not_that_of_another_mailbox(forged: Forged, alice: Client) -> None:
    for mailbox, own, other in ((forged.alices, TRUE, FORGED), (forged.bobs, FORGED, TRUE)):
        for rebuilt in (False, True):
            if rebuilt:
                search.rebuild()
            assert _found(mailbox, own) == 1
            assert _found(mailbox, other) == 0
        wanted = missing.among_held(mailbox, missing.Wanted(subject=own[:6]))
        assert wanted.count() == 1
        assert not missing.among_held(mailbox, missing.Wanted(subject=other[:6])).exists()


def _found(mailbox: Mailbox, text: str) -> int:
    query = messages.search_in(mailbox, text)
    return messages.count_found(mailbox, Role.INBOX, query)


def test_the_command_line_and_the_reasons_name_the_own_subject(forged: Forged) -> None:
    for mailbox, subject in ((forged.alices, TRUE), (forged.bobs, FORGED)):
        (copy,) = messages.for_export(mailbox)
        row = messages.copy_as_json(copy)
        assert (row["subject"], row["from"]["name"]) == (subject, NAMES[subject])
        (found,) = live.explain_message_id(mailbox, "m1@posten.example", forged.world.anna, offline=True)
        assert found.subject == subject
    link.unlink(forged.message, forged.world.anna, forged.world.alice, door="pages")
    assert AuditEntry.objects.get(action="unlink").subject.startswith(f"{TRUE} off ")


def test_what_is_listed_again_makes_no_further_version(forged: Forged, dovecot: Dovecot) -> None:
    before = (Message.objects.count(), Body.objects.count(), Copy.objects.count(), Participant.objects.count())
    assert before[:3] == (1, 2, 2)
    for address, mailbox in ((ALICE, forged.alices), (BOB, forged.bobs)):
        dovecot.change_uidvalidity(address)
        assert run(mailbox).outcome == "complete"
    after = (Message.objects.count(), Body.objects.count(), Copy.objects.count(), Participant.objects.count())
    assert after == before


def test_what_was_stored_before_versions_had_subjects_keeps_its_messages_and_is_not_doubled(
    world: World, dovecot: Dovecot
) -> None:
    """Such a row has no subject of its own; the same email in another mailbox is the same version."""
    alices, bobs = world.connect(dovecot), world.connect(dovecot, world.bob)
    dovecot.deliver(ALICE, letter(TRUE, "Hello"))
    run(alices)
    body = Body.objects.get()
    assert (body.subject, body.sender_name) == (None, None)
    dovecot.deliver(BOB, letter(TRUE, "Hello").replace(b"Realsubject", b"=?utf-8?q?Realsubject?="))
    run(bobs)
    assert Body.objects.count() == 1
    shown = access.copy_for(world.bob, Message.objects.get())
    assert shown is not None
    assert shown.subject == TRUE
