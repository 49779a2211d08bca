"""Putting an email on another profile by hand."""

from __future__ import annotations

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render

from threadline.services import access, link, people
from threadline.web.requests import SignedIn


@login_required
def add(request: SignedIn, message_id: int) -> HttpResponse:
    """Choose a person by name or address; the choice links at once."""
    message = access.message_for(request.user, message_id)
    if request.method == "POST":
        chosen = request.POST.get("person", "")
        person = access.person_for(request.user, int(chosen) if chosen.isdecimal() and len(chosen) <= 18 else 0)
        link.link_by_hand(message, person, request.user, door="pages")
        notices.success(request, f"The email is on {person.name}’s profile now.")
        return redirect("message", message_id=message.pk)
    words = request.GET.get("q", "").strip()[:100]
    found = list(people.listing(request.user.company, words=words)[:20]) if words else []
    subject = access.subject_for(request.user, message)
    context = {"section": "emails", "message": message, "subject": subject, "words": words, "found": found}
    return render(request, "emails/add.html", context)
