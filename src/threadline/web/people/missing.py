"""An email is missing on a profile: look for it, among what is held and in the live account, and say why.

Looking is reading, so the form is a GET: a search can be repeated, linked and come back to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from threadline.domain.errors import ProviderError
from threadline.domain.folders import Role
from threadline.services import access, live, missing
from threadline.services.connect import sentence_of
from threadline.services.diagnose import Diagnosis, Place
from threadline.services.errors import NotFound
from threadline.services.live import Search
from threadline.services.missing import Wanted
from threadline.storage.models import Mailbox, Message, Person, User
from threadline.web.people.doors import wants_a_part, with_query
from threadline.web.people.forms import MissingForm
from threadline.web.people.judging import judge, shown_to
from threadline.web.people.summary import short_reason
from threadline.web.requests import SignedIn

MOST = 25
_SYNCED = frozenset({Role.INBOX, Role.SENT})


@login_required
def missing_email(request: SignedIn, person_id: int) -> HttpResponse:
    """The form, and with something in it the results."""
    user = request.user
    person = access.person_for(user, person_id)
    mailboxes = access.own_mailboxes(user)
    asked = bool(request.GET)
    form = MissingForm(request.GET if asked else None, mailboxes=mailboxes)
    context: dict[str, Any] = {
        "section": "people",
        "person": person,
        "form": form,
        "mailboxes": mailboxes.count(),
        "crumbs": [
            {"label": "People", "url": reverse("people")},
            {"label": person.name, "url": reverse("person", args=[person.pk])},
            {"label": "Missing email"},
        ],
    }
    if asked and form.is_valid():
        context |= _look(user, person, form.cleaned_data["mailbox"], form.wanted())
    elif wants_a_part(request):
        return HttpResponseClientRedirect(request.get_full_path())  # what is wrong stands beside the fields
    template = "people/_missing_results.html" if wants_a_part(request) else "people/missing.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _look(user: User, person: Person, mailbox: Mailbox, wanted: Wanted) -> dict[str, Any]:
    """What is held is there whatever the server says; what only the server has comes beside it."""
    held = list(missing.among_held(mailbox, wanted)[: MOST + 1])
    trouble, asked = "", Search([], more=False)
    try:
        asked = missing.in_account(mailbox, wanted, person, at_most=MOST)
    except ProviderError as error:
        trouble = sentence_of(error)
    except NotFound:
        pass  # nothing has this Message-ID: an empty answer, and no trouble
    results = [_held(user, person, message) for message in held[:MOST]]
    known = {message.pk for message in held}
    others = [found for found in asked.diagnoses if found.message is None or found.message.pk not in known]
    results += [_found(user, person, mailbox, found) for found in others]
    results.sort(key=lambda result: (result["shown"], -(result["at"].timestamp() if result["at"] else 0)))
    return {
        "looked": True,
        "mailbox": mailbox,
        "trouble": trouble,
        "results": results,
        "more": len(held) > MOST or asked.more,
    }


def _held(user: User, person: Person, message: Message) -> dict[str, Any]:
    return _result(judge(user, message, person), reverse("verdict", args=[person.pk, message.pk]))


def _found(user: User, person: Person, mailbox: Mailbox, found: Diagnosis) -> dict[str, Any]:
    if found.message is not None and access.messages_of(user).filter(pk=found.message.pk).exists():
        url = reverse("verdict", args=[person.pk, found.message.pk])
    else:
        place = found.found_in[0]
        url = found_url(person, mailbox, place.folder, place.remote_id)
    return _result(found, url)


def found_url(person: Person, mailbox: Mailbox, folder: str, remote_id: str) -> str:
    """The page that judges an email of the live account anew, by its place."""
    return with_query(reverse("found", args=[person.pk]), mailbox=mailbox.pk, folder=folder, id=remote_id)


def _result(diagnosis: Diagnosis, url: str) -> dict[str, Any]:
    verdict = diagnosis.verdict
    count = len(verdict.reasons)
    short = short_reason(diagnosis).removeprefix("not shown: ")
    return {
        "subject": diagnosis.subject,
        "sender": diagnosis.sender,
        "at": diagnosis.at,
        "shown": verdict.shown,
        "short": short + (f", and {count - 1} more" if count > 1 else ""),
        "where": ", ".join(dict.fromkeys(map(_folder, diagnosis.found_in))) or "in no mailbox any more",
        "not_held": "" if diagnosis.message is not None else _not_held(diagnosis),
        "url": url,
        "email_url": reverse("message", args=[diagnosis.message.pk]) if verdict.linked and diagnosis.message else "",
    }


def _not_held(diagnosis: Diagnosis) -> str:
    """Only what lies in a folder that is synced comes with a refresh."""
    synced = any(copy.included or copy.role in _SYNCED for copy in diagnosis.facts.copies)
    return "not held yet" if synced else "not held: its folder is not synced"


def _folder(place: Place) -> str:
    """Servers write INBOX (RFC 9051 section 5.1), people do not."""
    return "Inbox" if place.folder.upper() == "INBOX" else place.folder


@login_required
def found(request: SignedIn, person_id: int) -> HttpResponse:
    """The full verdict on an email that only the live account has, judged again each time it is opened.

    Once it is held, it has a page of its own.
    """
    user = request.user
    person = access.person_for(user, person_id)
    number = request.GET.get("mailbox", "")
    if not number.isdecimal() or len(number) > 18:
        raise NotFound("There is no such mailbox here.")
    mailbox = access.mailbox_for(user, int(number))
    context: dict[str, Any] = {"section": "people", "person": person, "message_url": "", "link": "", "sharing": []}
    try:
        diagnosis = _judged(request, mailbox, person)
    except ProviderError as error:
        context |= {"trouble": sentence_of(error), "again": request.get_full_path()}
        return render(request, "people/not_asked.html", context)
    if (held := diagnosis.message) is not None and access.messages_of(user).filter(pk=held.pk).exists():
        return redirect("verdict", person.pk, held.pk)  # a refresh has brought it since
    context |= {
        "email": {"subject": diagnosis.subject},
        "sender": diagnosis.sender,
        "at": diagnosis.at,
        **shown_to(user, diagnosis, person, request.get_full_path()),
    }
    return render(request, "people/verdict.html", context)


def _judged(request: SignedIn, mailbox: Mailbox, person: Person) -> Diagnosis:
    """By place, or by Message-ID where that is what is known."""
    message_id = request.GET.get("message_id", "")
    if not message_id:
        return live.explain_remote(mailbox, request.GET.get("folder", ""), request.GET.get("id", ""), person)
    found: Sequence[Diagnosis] = live.explain_message_id(mailbox, message_id[:998], person)
    return found[0]
