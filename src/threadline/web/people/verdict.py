"""Why a held email is, or is not, on a profile; putting it on, taking it off, moving it to somebody else."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from threadline.services import access, link
from threadline.services.errors import NotFound
from threadline.storage.models import Link, Message, Person, User
from threadline.web.people.blind import hidden_from
from threadline.web.people.doors import DOOR, back_to
from threadline.web.people.judging import judge, shown_to
from threadline.web.people.sharing import sharing_with
from threadline.web.requests import SignedIn


def _both(request: SignedIn, person_id: int, message_id: int) -> tuple[Person, Message]:
    user = request.user
    return access.person_for(user, person_id), access.message_for(user, message_id)


@login_required
def verdict(request: SignedIn, person_id: int, message_id: int) -> HttpResponse:
    """The question, the answer, and a row for each condition."""
    user = request.user
    person, message = _both(request, person_id, message_id)
    copy = access.copy_for(user, message)
    name = copy.sender_name if copy else message.sender_name
    context = {
        "section": "people",
        "person": person,
        "email": {"pk": message.pk, "subject": copy.subject if copy else message.subject},
        "sender": name or message.sender_address,
        "message_url": reverse("message", args=[message.pk]),
        "at": message.at,
        **shown_to(user, judge(user, message, person), person, request.path),
        "link": _link_story(user, message, person),
        "sharing": sharing_with(person),
    }
    return render(request, "people/verdict.html", context)


def _link_story(user: User, message: Message, person: Person) -> str:
    """Why it is there, in a sentence; "" where it is not."""
    held = Link.objects.filter(message=message, person=person, detached=False).select_related("made_by").first()
    if held is None:
        return ""
    if held.made == Link.Made.HAND:
        return f"{held.made_by or 'Somebody'} put it there by hand."
    hidden = hidden_from(user, message)
    blind = held.role == "bcc" and person.addresses.filter(address__key__in=hidden.keys).exists()
    roles = {"from": "They sent it.", "to": "It went to them.", "cc": "They are in copy.", "bcc": "In blind copy."}
    how = "A colleague’s copy shows it." if blind else roles.get(held.role, "By an address it had before.")
    return f"The conditions are met. {how}"


@login_required
@require_POST
def put_on(request: SignedIn, person_id: int, message_id: int) -> HttpResponse:
    person, message = _both(request, person_id, message_id)
    link.link_by_hand(message, person, request.user, door=DOOR)
    messages.success(request, f"It is on the profile of {person.name} now. Everyone in your company can see it there.")
    return back_to(request, reverse("verdict", args=[person.pk, message.pk]))


@login_required
def take_off(request: SignedIn, person_id: int, message_id: int) -> HttpResponse:
    """Asked first: the rules will not put it back."""
    person, message = _both(request, person_id, message_id)
    if not Link.objects.filter(message=message, person=person, detached=False).exists():
        raise NotFound("This email is not on that profile.")
    if request.method == "POST":
        link.unlink(message, person, request.user, door=DOOR)
        subject = access.subject_for(request.user, message) or "(no subject)"
        messages.success(request, f"“{subject}” is off the profile of {person.name}.")
        return redirect("person", person.pk)
    others = Link.objects.filter(message=message, detached=False).exclude(person=person).count()
    lost = [
        f"It is gone from {person.name}’s profile, for everyone in your company.",
        "The rules will not put it back.",
    ]
    if not others:
        lost.append("It is on no other profile, so only those whose mailbox has it can still read it.")
    stays = ["The email stays in the mailbox, untouched, and in the Emails list.", "You can put it back by hand."]
    crumbs = [
        {"label": "People", "url": reverse("people")},
        {"label": person.name, "url": reverse("person", args=[person.pk])},
        {"label": "Why here", "url": reverse("verdict", args=[person.pk, message.pk])},
        {"label": "Take it off"},
    ]
    context = {
        "section": "people",
        "person": person,
        "email": {"pk": message.pk, "subject": access.subject_for(request.user, message)},
        "lost": lost,
        "stays": stays,
        "crumbs": crumbs,
    }
    return render(request, "people/take_off.html", context)


@login_required
@require_POST
def move(request: SignedIn, person_id: int, message_id: int, other_id: int) -> HttpResponse:
    """From one profile to another of somebody with the same address."""
    user = request.user
    person, message = _both(request, person_id, message_id)
    other = access.person_for(user, other_id)
    link.link_by_hand(message, other, user, door=DOOR)
    link.unlink(message, person, user, door=DOOR)
    messages.success(request, f"Moved to the profile of {other.name}. The rules will not put it back on this one.")
    return redirect("person", person.pk)
