"""Adding a person, changing one, and making two profiles one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from threadline.clock import now
from threadline.domain.addresses import normalise
from threadline.services import access, people
from threadline.services.errors import Conflict, Invalid
from threadline.storage.models import Person
from threadline.web.people.doors import DOOR
from threadline.web.people.forms import PersonForm
from threadline.web.people.held import links_of
from threadline.web.people.listing import found_by
from threadline.web.people.sharing import holders_of
from threadline.web.requests import SignedIn

_FIELD = {
    "email": "email",
    "secondary_emails": "secondary",
    "external_id": "external_id",
    "name": "name",
    "kind": "kind",
}


@login_required
def person_add(request: SignedIn) -> HttpResponse:
    """A new person. A primary address that somebody has already is asked about once, and then allowed."""
    user = request.user
    form = PersonForm(request.POST or None, is_new=True, use_required_attribute=False, initial=_suggested(request))
    shares: list[Person] = []
    if request.method == "POST" and form.is_valid():
        shares = _unconfirmed(request, form, user.company_id, None)
        if not shares:
            values = form.cleaned_data
            try:
                person = people.add(
                    user.company,
                    kind=values["kind"],
                    name=values["name"],
                    email=values["email"],
                    secondary=values["secondary"],
                    created_at=values["created_at"],
                    external_id=values["external_id"],
                    user=user,
                    door=DOOR,
                )
            except (Invalid, Conflict) as refused:
                form.add_error(_FIELD.get(refused.field), refused.sentence)
            else:
                messages.success(request, _added(person))
                return redirect("person", person.pk)
    context = {
        "section": "people",
        "form": form,
        "shares": shares,
        "shared_key": normalise(form.cleaned_data["email"]) if shares else "",
        "crumbs": [{"label": "People", "url": reverse("people")}, {"label": "Add a person"}],
    }
    return render(request, "people/add.html", context)


def _suggested(request: SignedIn) -> dict[str, str]:
    """Other pages may link here with what they know ("add this sender")."""
    names = ("name", "email", "kind")
    return {name: request.GET[name][:300] for name in names if request.GET.get(name)}


def _unconfirmed(request: SignedIn, form: PersonForm, company_id: int, besides: int | None) -> list[Person]:
    """Those who have this primary address, unless the reader was told about this very address."""
    email = form.cleaned_data["email"]
    if not email or request.POST.get("shared_ok") == normalise(email):
        return []
    return holders_of(company_id, email, besides=besides)


def _added(person: Person) -> str:
    count = links_of(person).count()
    if count:
        return f"{person.name} is added, with {count:,} email{'' if count == 1 else 's'} that we held already."
    return f"{person.name} is added. Emails with the primary address show here from now on."


@login_required
def person_edit(request: SignedIn, person_id: int) -> HttpResponse:
    user = request.user
    person = access.person_for(user, person_id)
    stored: dict[str, Any] = {
        "name": person.name,
        "kind": person.kind,
        "email": people.primary_of(person),
        "secondary": "\n".join(people.secondaries_of(person)),
        "created_at": timezone.localtime(person.created_at).replace(microsecond=0),
        "external_id": person.external_id or "",
    }
    form = PersonForm(request.POST or None, is_new=False, use_required_attribute=False, initial=stored)
    shares: list[Person] = []
    if request.method == "POST" and form.is_valid():
        if normalise(form.cleaned_data["email"]) != normalise(stored["email"]):
            shares = _unconfirmed(request, form, user.company_id, person.pk)
        if not shares:
            before = links_of(person).count()
            try:
                _change(request, person, form)
            except (Invalid, Conflict) as refused:
                form.add_error(_FIELD.get(refused.field), refused.sentence)
            else:
                more = links_of(person).count() - before
                text = f" {more:,} more email{' shows' if more == 1 else 's show'} now." if more > 0 else ""
                messages.success(request, f"Saved.{text}")
                return redirect("person_details", person.pk)
    context = {
        "section": "people",
        "person": person,
        "form": form,
        "shares": shares,
        "shared_key": normalise(form.cleaned_data["email"]) if shares else "",
        "crumbs": [
            {"label": "People", "url": reverse("people")},
            {"label": stored["name"], "url": reverse("person", args=[person.pk])},
            {"label": "Edit"},
        ],
        "stored_name": stored["name"],
    }
    return render(request, "people/edit.html", context)


def _change(request: SignedIn, person: Person, form: PersonForm) -> None:
    values = form.cleaned_data
    moment = values["created_at"]
    # The field shows whole seconds; saving it untouched must not move the time.
    same = moment is not None and moment == person.created_at.replace(microsecond=0)
    people.edit(
        access.person_for(request.user, person.pk),
        kind=values["kind"],
        name=values["name"],
        email=values["email"],
        secondary=values["secondary"],
        created_at=None if same else moment,
        external_id=values["external_id"],
        user=request.user,
        door=DOOR,
    )


@login_required
def person_merge(request: SignedIn, person_id: int) -> HttpResponse:
    """Choose another profile, see what happens, and make them one."""
    user = request.user
    person = access.person_for(user, person_id)
    chosen = request.POST.get("with") or request.GET.get("with", "")
    other = access.person_for(user, int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else None
    if request.method == "POST" and other is not None:
        try:
            people.merge(person, other, user=user, door=DOOR)
        except Invalid as refused:
            messages.error(request, refused.sentence)
            return redirect("person_merge", person.pk)
        messages.success(request, f"{other.name} is part of this profile now.")
        return redirect("person", person.pk)
    words = request.GET.get("q", "").strip()
    context: dict[str, Any] = {
        "section": "people",
        "person": person,
        "other": other if other is not None and other.pk != person.pk else None,
        "words": words,
        "found": _candidates(person, words) if other is None else [],
        "today": now(),
        "crumbs": [
            {"label": "People", "url": reverse("people")},
            {"label": person.name, "url": reverse("person", args=[person.pk])},
            {"label": "Merge"},
        ],
    }
    if context["other"] is not None and other is not None:
        context |= {"lost": _lost(person, other), "stays": _stays(person, other)}
    return render(request, "people/merge.html", context)


def _candidates(person: Person, words: str) -> list[Person]:
    if not words:
        return []
    people_found = found_by(person.company_id, words).exclude(pk=person.pk)
    return list(people_found.prefetch_related("addresses").order_by("name", "pk")[:20])


def _lost(person: Person, other: Person) -> list[str]:
    lost = [f"The separate profile of {other.name}. This cannot be undone."]
    if other.external_id and person.external_id:
        lost.append(f"The external id {other.external_id}; {person.external_id} stays.")
    return lost


def _stays(person: Person, other: Person) -> list[str]:
    emails = links_of(other).count()
    theirs = people.primary_of(other)
    stays = [f"{emails:,} email{'' if emails == 1 else 's'} of {other.name} move to this profile; none is lost."]
    mine = people.primary_of(person)
    if theirs and mine:
        stays.append(f"{mine.strip()} stays the primary address; {theirs.strip()} becomes a secondary one.")
    elif theirs:
        stays.append(f"{theirs.strip()} becomes the primary address.")
    if other.created_at < person.created_at:
        stays.append("The earlier creation time counts, so earlier emails may show too.")
    return stays
