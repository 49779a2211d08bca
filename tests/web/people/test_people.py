"""The list of people and the forms: what they show, what they refuse, and in which words."""

from __future__ import annotations

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.services.world import ANNA, World
from threadline.services import people
from threadline.storage.models import Person

FILLED = {"name": "Tom Okafor", "kind": "candidate", "email": "tom@okafor.example", "secondary": "", "created_at": ""}


def add(client: Client, **changes: str) -> str:
    response = client.post("/people/add/", FILLED | {"external_id": ""} | changes, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_shows_name_kind_address_and_how_many_emails(alice: Client) -> None:
    page = alice.get("/people/").content.decode()
    assert "Anna Berg" in page
    assert ANNA in page
    assert "none yet" in page


def test_the_list_is_searched_by_name_and_by_any_address(alice: Client, world: World) -> None:
    people.add(world.company, kind="contact", name="Jonas Lind", email="jonas@acme.test", door="command")
    for words, there, away in (("anna", "Anna Berg", "Jonas Lind"), ("home.example", "Anna Berg", "Jonas Lind")):
        page = alice.get("/people/", {"q": words}).content.decode()
        assert there in page
        assert away not in page
    page = alice.get("/people/", {"kind": "contact"}).content.decode()
    assert "Jonas Lind" in page
    assert "Anna Berg" not in page
    assert "Nobody fits" in alice.get("/people/", {"q": "zebra"}).content.decode()


def test_paging_forward_and_back_shows_everyone_once(alice: Client, world: World) -> None:
    Person.objects.bulk_create(
        Person(company=world.company, kind="candidate", name=f"Same Name {n % 7}", created_at=world.anna.created_at)
        for n in range(120)
    )
    seen: list[int] = []
    url = "/people/"
    while url:
        context = alice.get(url).context
        seen += [row["person"].pk for row in context["rows"]]
        back, url = context["earlier_url"], context["later_url"]
    assert len(seen) == len(set(seen)) == 121
    before_last = alice.get(back).context
    assert [row["person"].pk for row in before_last["rows"]] == seen[50:100]


def test_the_list_costs_the_same_for_one_person_as_for_many(alice: Client, world: World) -> None:
    alice.get("/people/")  # the first page of a session writes it down
    few = _queries(alice)
    for n in range(30):
        people.add(world.company, kind="contact", name=f"Person {n}", email=f"p{n}@x.example", door="command")
    assert _queries(alice) == few


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get("/people/")
    return len(captured)


def test_a_person_is_added_and_the_profile_opens(alice: Client, world: World) -> None:
    page = add(alice)
    assert "Tom Okafor is added" in page
    assert Person.objects.get(name="Tom Okafor").company == world.company


def test_a_second_holder_of_a_primary_address_is_asked_about_once_and_then_allowed(alice: Client) -> None:
    page = add(alice, email=f" {ANNA.upper()}")
    assert "Anna Berg has this primary address already" in page
    assert not Person.objects.filter(name="Tom Okafor").exists()
    add(alice, email=f" {ANNA.upper()}", shared_ok=ANNA)
    assert Person.objects.filter(name="Tom Okafor").exists()


def test_what_cannot_be_used_is_said_beside_its_field(alice: Client) -> None:
    for changes, sentence in (
        ({"name": " "}, "A person needs a name."),
        ({"email": "tom at okafor"}, "has no @"),
        ({"email": "a@x.example, b@x.example"}, "more than one address"),
        ({"secondary": "fine@x.example\nnot fine"}, "“not fine” has no @"),
        ({"created_at": "yesterday"}, "Expected a day and a time"),
        ({"kind": "enemy"}, "Select a valid choice"),
    ):
        page = add(alice, **changes)
        assert sentence in page
        assert 'class="error"' in page
    assert not Person.objects.filter(name="Tom Okafor").exists()


def test_an_external_id_that_is_taken_is_refused_in_words(alice: Client, world: World) -> None:
    people.edit(world.anna, external_id="C-1", door="command")
    assert "There is a person with the external id C-1 already." in add(alice, external_id="C-1")


def test_what_was_typed_with_a_stray_space_is_kept_and_shown(alice: Client) -> None:
    page = add(alice, email="tom@okafor.example ")
    assert people.primary_of(Person.objects.get(name="Tom Okafor")) == "tom@okafor.example "
    assert "tom@okafor.example␣" in page


def test_an_address_is_listed_without_what_was_typed_along(alice: Client) -> None:
    page = add(alice, email="mailto:tom@okafor.example")
    assert "typed as “mailto:tom@okafor.example”" in page
    assert page.count("mailto:") == 1
    assert "mailto:" not in alice.get("/people/").content.decode()
    assert "tom@okafor.example" in alice.get("/people/").content.decode()


def test_saving_an_untouched_form_moves_nothing(alice: Client, world: World) -> None:
    before = Person.objects.values().get(pk=world.anna.pk)
    url = f"/people/{world.anna.pk}/edit/"
    page = alice.get(url).content.decode()
    created = re.search(r'name="created_at" value="([^"]+)"', page)
    assert created is not None
    values = {"name": "Anna Berg", "kind": "candidate", "email": ANNA, "secondary": "anna@home.example"}
    assert alice.post(url, values | {"created_at": created[1], "external_id": ""}).status_code == 302
    assert Person.objects.values().get(pk=world.anna.pk) == before
    assert people.secondaries_of(world.anna) == ["anna@home.example"]


def test_two_profiles_become_one_after_being_asked(alice: Client, world: World) -> None:
    other = people.add(world.company, kind="contact", name="A. Berg", email="ab@x.example", door="command")
    url = f"/people/{world.anna.pk}/merge/"
    assert "A. Berg" in alice.get(url, {"q": "berg"}).content.decode()
    page = alice.get(url, {"with": other.pk}).content.decode()
    assert "This cannot be undone" in page
    assert "ab@x.example becomes a secondary one" in page
    alice.post(url, {"with": other.pk})
    assert "ab@x.example" in people.secondaries_of(world.anna)
    assert alice.get(f"/people/{other.pk}/").status_code == 404


def test_a_profile_is_not_merged_with_itself_or_another_companys(alice: Client, world: World) -> None:
    url = f"/people/{world.anna.pk}/merge/"
    assert "cannot be merged with themselves" in alice.post(url, {"with": world.anna.pk}, follow=True).content.decode()
    foreign = people.add(world.rival, kind="contact", name="Spy", door="command")
    assert alice.post(url, {"with": foreign.pk}).status_code == 404
