"""Company: all mailboxes, the policy with its preview, users, the people import and the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.servers.dovecot import Dovecot
from tests.services.world import ANNA, BOB, World, mail, run
from tests.web.visiting import browser_of, mailbox_of, notices, words
from threadline.clock import now
from threadline.services import accounts, audit, people
from threadline.storage.models import AuditEntry, Company, Person, Refresh, User, Verification
from threadline.web.company.audit import line

POLICY = {"refresh_interval_minutes": "1440", "blocklist": ""}


# --- mailboxes


def test_an_administrator_sees_every_mailbox_and_a_member_only_their_own(
    world: World, alice: Client, bob: Client
) -> None:
    mailbox_of(world.alice)
    mailbox_of(world.bob)
    assert world.bob.email in words(alice.get(reverse("company")))
    page = words(bob.get(reverse("company")))
    assert world.bob.email in page
    assert world.alice.email not in page
    assert "These are your own mailboxes" in page


def test_support_sees_every_connection_and_can_change_none(world: World) -> None:
    mailbox = mailbox_of(world.alice, state="reauthorise", who="you")
    hedda = accounts.add_user("hedda@acme.example", world.company, name="Hedda", role="support", door="command")
    client = browser_of(hedda)
    assert world.alice.email in words(client.get(reverse("company")))
    page = words(client.get(reverse("mailbox", args=[mailbox.pk])))
    assert "Disconnect" not in page
    for name in ("mailbox_disconnect", "mailbox_sign_in", "mailbox_refresh"):
        assert client.post(reverse(name, args=[mailbox.pk])).status_code == 404


def test_the_filters_add_up_and_what_needs_someone_comes_first(world: World, alice: Client) -> None:
    mailbox_of(world.alice, "fine@acme.example")
    mailbox_of(world.bob, "act@acme.example", "reauthorise", who="you", cause="password_expired")
    mailbox_of(world.bob, "coming@acme.example", "delayed", cause="throttled")
    mailbox_of(world.bob, "gone@acme.example", "disconnected", who="you")
    page = words(alice.get(reverse("company")))
    assert "All 4 Someone must act 1 On its way 1 Nothing to do 2" in page
    assert page.index("act@") < page.index("coming@") < page.index("fine@")
    assert "The password of this account has expired" in page
    only = words(alice.get(reverse("company"), {"show": "coming"}))
    assert "coming@" in only
    assert "act@" not in only


def test_the_next_step_is_the_owners_and_a_reminder_for_the_administrator(
    world: World, alice: Client, bob: Client
) -> None:
    mailbox_of(world.bob, state="reauthorise", who="you")
    html = alice.get(reverse("company")).content.decode()
    assert "Remind Bob…" in html
    assert f"mailto:{BOB}" in html
    assert "Sign in again" in words(bob.get(reverse("company")))


def fill(owner: User, numbers: range) -> None:
    for number in numbers:
        mailbox = mailbox_of(owner, f"box{number}@acme.example", lease_until=now() + timedelta(minutes=1))
        Verification.objects.create(
            mailbox=mailbox, checked_at=now(), complete=True, on_server=5, accounted_for=5, folders=[]
        )
        Refresh.objects.create(mailbox=mailbox, trigger="schedule", fence=1, started_at=now(), finished_at=now())
        Refresh.objects.create(mailbox=mailbox, trigger="schedule", fence=1, started_at=now())


def test_the_page_asks_the_store_as_often_for_50_mailboxes_as_for_3(world: World, alice: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert alice.get(reverse("company")).status_code == 200
        return len(captured)

    fill(world.bob, range(3))
    alice.get(reverse("company"))
    few = queries()
    fill(world.bob, range(3, 50))
    assert queries() == few


# --- policy


def test_a_member_reads_the_policy_and_cannot_change_it(world: World, bob: Client) -> None:
    page = words(bob.get(reverse("company_policy")))
    assert "It is from or to the person’s primary email address." in page
    assert "An administrator of your company can change the policy" in page
    response = bob.post(reverse("company_policy"), POLICY | {"earlier_mail": "on", "apply": "1"})
    assert response.status_code == 403
    assert "Only an administrator" in words(response)
    world.company.refresh_from_db()
    assert world.company.policy == {}


def test_the_preview_counts_emails_and_profiles_and_changes_nothing_before_apply(
    world: World, dovecot: Dovecot, alice: Client
) -> None:
    mailbox = world.connect(dovecot)
    dovecot.deliver(world.alice.email, mail(1, sender="anna@home.example"))
    dovecot.deliver(world.alice.email, mail(2, sender=ANNA))
    run(mailbox)
    data = POLICY | {"secondary_addresses": "on"}
    page = words(alice.post(reverse("company_policy"), data))
    assert "emails come onto profiles 1 emails leave profiles 0" in page
    assert "Anna Berg 1 0" in page
    world.company.refresh_from_db()
    assert world.company.policy == {}
    response = alice.post(reverse("company_policy"), data | {"apply": "1"}, follow=True)
    assert "in the background" in notices(response)
    company = Company.objects.get(pk=world.company.pk)
    assert company.policy["secondary_addresses"] is True
    assert company.relink_requested_at is not None
    assert "It is from or to any address of the person. changed by your company" in words(response)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("refresh_interval_minutes", "4", "The shortest interval is 5 minutes"),
        ("refresh_interval_minutes", "1441", "The longest interval is 1440 minutes"),
        ("refresh_interval_minutes", "often", "a whole number"),
        ("blocklist", "nonsense", "cannot be blocked"),
    ],
)
def test_a_policy_that_cannot_be_says_why_beside_the_field(
    field: str, value: str, said: str, world: World, alice: Client
) -> None:
    response = alice.post(reverse("company_policy"), POLICY | {field: value, "apply": "1"})
    assert said in words(response)
    world.company.refresh_from_db()
    assert world.company.policy == {}


# --- users


def test_a_new_user_is_added_and_told_how_to_get_a_password(world: World, alice: Client) -> None:
    data = {"name": "Nadia Haddad", "email": "Nadia@Acme.example", "role": "member"}
    response = alice.post(reverse("company_users"), data, follow=True)
    assert "Forgot your password" in notices(response)
    nadia = User.objects.get(email="nadia@acme.example")
    assert not nadia.has_usable_password()
    assert AuditEntry.objects.filter(action="user added", user=world.alice).exists()


@pytest.mark.parametrize(
    ("email", "said"), [("nobody", "is no email address"), (BOB, "already"), ("", "Enter an email address")]
)
def test_a_user_that_cannot_be_added_says_why(email: str, said: str, alice: Client) -> None:
    response = alice.post(reverse("company_users"), {"name": "N", "email": email, "role": "member"})
    assert said in words(response)


def test_a_member_sees_no_users_and_adds_none(world: World, bob: Client) -> None:
    assert bob.get(reverse("company_users")).status_code == 403
    data = {"name": "N", "email": "n@acme.example", "role": "admin"}
    assert bob.post(reverse("company_users"), data).status_code == 403
    assert bob.post(reverse("company_user", args=[world.bob.pk]), {"role": "admin"}).status_code == 403
    world.bob.refresh_from_db()
    assert world.bob.role == "member"


def test_a_role_changes_and_a_sign_in_ends_at_once(world: World, alice: Client, bob: Client) -> None:
    url = reverse("company_user", args=[world.bob.pk])
    alice.post(url, {"role": "admin"})
    assert bob.get(reverse("company_users")).status_code == 200
    response = alice.post(url, {"act": "stop"}, follow=True)
    assert "cannot sign in any more" in notices(response)
    assert bob.get(reverse("settings")).status_code == 302
    alice.post(url, {"act": "allow"})
    world.bob.refresh_from_db()
    assert world.bob.is_active


def test_nobody_changes_their_own_role_so_an_administrator_remains(world: World, alice: Client) -> None:
    url = reverse("company_user", args=[world.alice.pk])
    for data in ({"role": "member"}, {"act": "stop"}):
        assert "cannot change your own role" in notices(alice.post(url, data, follow=True))
    world.alice.refresh_from_db()
    assert world.alice.is_admin
    assert world.alice.is_active


# --- people import

PEOPLE = b"""kind,name,email,secondary_emails,created_at,external_id
candidate,Ida Holm,ida@holm.example,,2026-01-02,c-1
cand,Ole Dahl,ole@dahl.example,,,c-2
contact,Kim Lee,kim@lee.example,,yesterday,c-3
"""


def upload(data: bytes) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("people.csv", data, "text/csv")}


def test_the_import_is_tried_first_with_every_mistake_by_line_and_then_done(world: World, alice: Client) -> None:
    response = alice.post(reverse("people_import"), upload(PEOPLE))
    page = words(response)
    assert "people.csv: what the import would do" in page
    assert "Line 3 kind cand candidate or contact" in page
    assert "Line 4 created_at yesterday a time such as" in page
    assert not Person.objects.filter(name="Ida Holm").exists()
    page = words(alice.post(reverse("people_import"), {"tried": response.context["tried"]}))
    assert "people.csv is imported" in page
    assert Person.objects.filter(name="Ida Holm", company=world.company).exists()
    assert AuditEntry.objects.filter(action="people imported", user=world.alice).exists()


def test_a_tried_file_is_only_taken_from_who_tried_it(world: World, alice: Client, charlie: Client) -> None:
    tried = alice.post(reverse("people_import"), upload(PEOPLE)).context["tried"]
    for value in (tried, tried + "x", "", "nonsense"):
        response = charlie.post(reverse("people_import"), {"tried": value}, follow=True)
        assert "nothing was imported" in notices(response)
    assert not Person.objects.filter(name="Ida Holm").exists()


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "The file is empty"), (b"name;mail\n", "expected"), (b"x" * 5_000_001, "larger than 5 MB")]
)
def test_a_file_that_cannot_be_imported_says_why(data: bytes, said: str, world: World, alice: Client) -> None:
    assert said in words(alice.post(reverse("people_import"), upload(data)))


def test_a_member_imports_nothing(world: World, bob: Client) -> None:
    assert bob.post(reverse("people_import"), upload(PEOPLE)).status_code == 403


# --- audit


def test_the_audit_says_who_did_what_newest_first(world: World, alice: Client) -> None:
    audit.record(world.company.pk, world.alice, "pages", "mailbox connected", "jobs@acme.example")
    audit.record(world.company.pk, world.bob, "pages", "policy set", "earlier_mail", {"earlier_mail": True})
    page = words(alice.get(reverse("company_audit")))
    assert "Alice connected the mailbox jobs@acme.example" in page
    assert page.index("Bob changed the policy: earlier mail count") < page.index("Alice connected")


def test_the_audit_is_paged(world: World, alice: Client) -> None:
    for number in range(60):
        audit.record(world.company.pk, world.alice, "pages", "link", f"Mail {number} on Anna")
    first = alice.get(reverse("company_audit"))
    assert "Older" in words(first)
    assert "Mail 59 on" in words(first)
    second = alice.get(reverse("company_audit"), {"page": 2})
    assert "Newer" in words(second)
    assert "Mail 59 on" not in words(second)


def test_the_audit_is_for_administrators_and_support(bob: Client) -> None:
    assert bob.get(reverse("company_audit")).status_code == 403


def test_what_people_do_reads_as_a_sentence(world: World) -> None:
    """Every action that the services write down has words of its own."""
    people.add(world.company, kind="contact", name="Jonas", user=world.alice, door="pages")
    accounts.change_user(world.bob, role="support", active=True, by=world.alice, door="pages")
    for entry in AuditEntry.objects.all():
        assert f"{entry.action}:" not in line(entry)["text"], entry.action
