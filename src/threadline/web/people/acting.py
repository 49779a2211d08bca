"""The one-click remedies of a verdict. Each does one thing and says what happens next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from threadline.domain.addresses import normalise, readings
from threadline.services import access, folders, missing, people
from threadline.services.errors import Conflict, Invalid, NotFound, Refused
from threadline.services.refresh import ask_for
from threadline.storage.models import Person
from threadline.web import times
from threadline.web.people.doors import DOOR, back_to
from threadline.web.requests import SignedIn

SOON = "A refresh was asked for and starts within seconds; then check again."


@login_required
@require_POST
def remedy(request: SignedIn, person_id: int, action: str) -> HttpResponse:
    """Do it, say so, and go back to the verdict."""
    person = access.person_for(request.user, person_id)
    act = ACTS.get(action)
    if act is None:
        raise NotFound("There is no such remedy.")
    try:
        messages.success(request, act(request, person))
    except NotFound:
        raise
    except Refused as refused:
        messages.error(request, refused.sentence)
    return back_to(request, reverse("person", args=[person.pk]))


def _make_primary(request: SignedIn, person: Person) -> str:
    address = _address(request)
    people.make_primary(person, address, user=request.user, door=DOOR)
    return f"{address} is the primary address of {person.name} now. Emails with the earlier one stay on the profile."


def _add_address(request: SignedIn, person: Person) -> str:
    address = _address(request)
    people.add_address(person, address, user=request.user, door=DOOR)
    return f"{address} is a secondary address of {person.name} now. Only the primary one decides what is shown."


def _fix_address(request: SignedIn, person: Person) -> str:
    """Replace the stored address that may be read as this one; a space or `mailto:` is what was wrong."""
    address = _address(request)
    key = normalise(address)
    primary, secondary = people.primary_of(person), people.secondaries_of(person)
    if key in readings(primary):
        people.edit(person, email=address, user=request.user, door=DOOR)
    else:
        kept = [address if key in readings(text) else text for text in secondary]
        people.edit(person, secondary=kept, user=request.user, door=DOOR)
    return f"The address of {person.name} is {address} now."


def _count_from(request: SignedIn, person: Person) -> str:
    moment = _moment(request)
    if moment >= person.created_at:
        return "The profile counts from then on already."
    people.edit(person, created_at=moment, user=request.user, door=DOOR)
    return f"The profile of {person.name} counts as created {times.dated(moment, moment)} now; emails since then show."


def _include_folder(request: SignedIn, _person: Person) -> str:
    user = request.user
    mailbox = access.mailbox_for(user, _number(request, "mailbox"))
    folder = folders.folder_named(mailbox, request.GET.get("folder", ""))
    folders.override(folder, "include", user, door=DOOR)
    included = f"{folder.name} counts beside the Inbox and Sent items from now on."
    try:
        ask_for(mailbox, user)
    except Conflict as not_connected:
        return f"{included} {not_connected.sentence}"
    return f"{included} {SOON}"


def _refresh(request: SignedIn, _person: Person) -> str:
    user = request.user
    mailbox = access.connection_for(user, _number(request, "mailbox"))
    ask_for(mailbox, user)
    return SOON


def _fetch(request: SignedIn, _person: Person) -> str:
    user = request.user
    mailbox = access.mailbox_for(user, _number(request, "mailbox"))
    missing.fetch_again(mailbox, request.GET.get("folder", ""), request.GET.get("id", ""), user)
    return f"The folder will be listed again and the email fetched. {SOON}"


ACTS: dict[str, Callable[[SignedIn, Person], str]] = {
    "make-primary": _make_primary,
    "add-address": _add_address,
    "fix-address": _fix_address,
    "count-from": _count_from,
    "include-folder": _include_folder,
    "refresh": _refresh,
    "fetch": _fetch,
}


def _address(request: SignedIn) -> str:
    address = request.GET.get("address", "").strip()
    if normalise(address) is None:
        raise Invalid(f"{address!r} is no email address.")
    return address


def _number(request: SignedIn, name: str) -> int:
    text = request.GET.get(name, "")
    if not text.isdecimal() or len(text) > 18:
        raise NotFound("There is no such mailbox here.")
    return int(text)


def _moment(request: SignedIn) -> datetime:
    try:
        moment = datetime.fromisoformat(request.GET.get("at", ""))
    except ValueError:
        raise Invalid("That is no time we can read.") from None
    if moment.tzinfo is None:
        raise Invalid("That is no time we can read.")
    return moment
