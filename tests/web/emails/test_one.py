"""One email: nothing of it runs or asks anything of the world, and its files are handed out as files."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.browser.letters import CV
from tests.servers.dovecot import Dovecot
from tests.services.world import ALICE, World
from tests.web.emails.conftest import ON_A_PROFILE, PLAIN, SCRIPT, UNLINKED, message_called
from tests.web.visiting import notices, words
from threadline.clock import now
from threadline.services import people
from threadline.storage.models import Body, Copy, LedgerEntry, Link, Mailbox

pytestmark = pytest.mark.needs("dovecot")

LOADED = re.compile(r"""\s(?:src|srcset|background|poster|style)=["'][^"']*//[^"']*["']""")


def of(subject: str, rest: str = "") -> str:
    return f"/messages/{message_called(subject).pk}/{rest}"


def directives(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_the_frame_may_run_fetch_and_send_nothing(mailbox: Mailbox, alice: Client) -> None:
    policy = directives(alice.get(of(ON_A_PROFILE, "body/")))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "'none'"
    assert policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert "allow-scripts" not in policy["sandbox"]
    assert "allow-forms" not in policy["sandbox"]
    assert "script-src" not in policy
    frame = re.search(r"<iframe[^>]*>", alice.get(of(ON_A_PROFILE)).content.decode())
    assert frame is not None
    assert "allow-scripts" not in frame[0]


def test_images_kept_elsewhere_are_loaded_only_when_asked_for(mailbox: Mailbox, alice: Client) -> None:
    assert not LOADED.search(alice.get(of(ON_A_PROFILE, "body/")).content.decode())
    asked = alice.get(of(ON_A_PROFILE, "body/"), {"remote": "1"})
    assert LOADED.findall(asked.content.decode()) == [' src="https://tracker.example/pixel.png"']
    assert directives(asked)["img-src"] == "https: http:"
    assert asked["Referrer-Policy"] == "no-referrer"


def test_a_hostile_email_is_inert(mailbox: Mailbox, alice: Client) -> None:
    for remote in ("", "?remote=1"):
        html = alice.get(of(ON_A_PROFILE, "body/") + remote).content.decode()
        _is_inert(html[html.index("<body>") :].lower())


def _is_inert(body: str) -> None:
    assert "thank you for the <b>pleasant</b> call" in body
    assert "https://careers.example/terms" in body
    for forbidden in ("<script", "<form", "<input", "<button", "<meta", "<base", "javascript:", "alert(", "stolen"):
        assert forbidden not in body, forbidden
    assert not re.search(r"<[^>]*\son\w+\s*=", body)
    assert not re.search(r"style=[^>]*url\(", body)
    assert all('rel="noopener' in link for link in re.findall(r"<a [^>]*href=[^>]*>", body))


def test_a_plain_text_is_shown_as_text(mailbox: Mailbox, alice: Client) -> None:
    page = alice.get(of(PLAIN)).content.decode()
    assert "A zebra &amp; a &lt;quokka&gt;" in page
    assert "<iframe" not in page


def test_an_attachment_comes_as_a_file_whatever_it_is(mailbox: Mailbox, alice: Client) -> None:
    odd = "CV%2C%20%E2%80%9CAnna%E2%80%9D%3B%20%C3%85ngstr%C3%B6m.pdf"
    for number, name, content in ((1, odd, CV), (2, "page.html", SCRIPT)):
        answer: Any = alice.get(of(ON_A_PROFILE, f"attachments/{number}/"))
        assert answer["Content-Disposition"].startswith("attachment")
        assert name in answer["Content-Disposition"]
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert directives(answer) == {"default-src": "'none'", "sandbox": ""}
        assert answer["Cache-Control"] == "private, no-store"
        assert b"".join(answer.streaming_content) == content


def test_an_attachment_that_is_not_there_is_not_found(mailbox: Mailbox, alice: Client) -> None:
    for number in (0, 3, 10**30):
        assert alice.get(of(ON_A_PROFILE, f"attachments/{number}/")).status_code == 404


def test_what_the_server_does_not_hand_out_is_said_on_a_page(mailbox: Mailbox, dovecot: Dovecot, alice: Client) -> None:
    dovecot.stop()
    for rest in ("attachments/1/", "raw/"):
        answer = alice.get(of(UNLINKED, rest))
        assert answer.status_code == 502
        assert "The mail server does not hand this out right now" in words(answer)
    assert "Buy" in alice.get(of(UNLINKED, "body/")).content.decode()
    dovecot.start()
    dovecot.expunge(ALICE, "<offer@mail.test>")
    assert alice.get(of(UNLINKED, "attachments/1/")).status_code == 502


def test_html_that_is_damaged_in_the_store_shows_as_its_text(mailbox: Mailbox, alice: Client) -> None:
    Body.objects.filter(message=message_called(UNLINKED)).update(packed_html=b"not packed at all")
    answer = alice.get(of(UNLINKED))
    assert answer.status_code == 200
    assert "Dear reader, this is about An offer." in words(answer)


def test_an_email_is_put_on_a_profile_by_hand(mailbox: Mailbox, world: World, alice: Client) -> None:
    place = of(UNLINKED, "profiles/")
    assert "Anna Berg" in words(alice.get(place, {"q": "anna"}))
    assert "Nobody found" in words(alice.get(place, {"q": "zebra"}))
    answer = alice.post(place, {"person": world.anna.pk}, follow=True)
    assert "on Anna Berg’s profile now" in notices(answer)
    link = Link.objects.get(message=message_called(UNLINKED))
    assert (link.person, link.made, link.detached) == (world.anna, "hand", False)
    assert UNLINKED in words(alice.get(f"/people/{world.anna.pk}/"))


def test_nobody_is_not_a_profile(mailbox: Mailbox, alice: Client) -> None:
    for person in ("", "0", "anna", "-1", "٣٣", str(10**30), "9" * 5000):
        assert alice.post(of(UNLINKED, "profiles/"), {"person": person}).status_code == 404
    assert not Link.objects.filter(message=message_called(UNLINKED)).exists()


def test_another_companys_person_is_nobody_here(mailbox: Mailbox, world: World, alice: Client) -> None:
    foreign = people.add(world.rival, kind="contact", name="Spy", door="command")
    assert alice.post(of(UNLINKED, "profiles/"), {"person": foreign.pk}).status_code == 404
    assert "Spy" not in words(alice.get(of(UNLINKED, "profiles/"), {"q": "spy"}))


def test_an_email_whose_text_is_on_its_way_says_so(mailbox: Mailbox, alice: Client) -> None:
    """Its heading came first; a page for it is no page of an email without text."""
    message = message_called(PLAIN)
    Copy.objects.filter(message=message).update(awaits_text=True)
    Body.objects.filter(message=message).update(text="", packed_html=b"", complete=False)
    page = words(alice.get(of(PLAIN)))
    assert "The text of this email is on its way." in page
    assert "This email has no text" not in page
    assert "Not all of this email could be read" not in page
    assert "There is another version" not in page
    copy = Copy.objects.select_related("folder").get(message=message)
    entry = LedgerEntry.objects.create(
        mailbox=mailbox, folder=copy.folder, generation=copy.generation, remote_id=copy.remote_id, first_at=now()
    )
    assert "The text of this email could not be read yet." in words(alice.get(of(PLAIN)))
    entry.delete()
    Copy.objects.filter(message=message).update(where="not_found")
    assert "It left its folder before its text was read." in words(alice.get(of(PLAIN)))
    assert "3, all kept and searchable" in words(alice.get(f"/settings/{mailbox.pk}/"))
