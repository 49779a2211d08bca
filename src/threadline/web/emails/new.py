"""An open list asks now and then whether there is new mail, and says so without moving what is being read."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from threadline.domain.folders import Role
from threadline.services import access, new_in_list
from threadline.storage.models import User

UNCHANGED = 204  # htmx leaves the page as it is
SIGNED_OUT = 401


@never_cache
def new(request: HttpRequest, mailbox_id: int, role: str) -> HttpResponse:
    """204 where the page says already what there is to say (`said` emails); else what it shall say.

    An empty list is loaded anew instead: there is nothing in it that anybody could be reading.
    """
    if not isinstance(request.user, User):
        return _stranger(request)
    mailbox = access.mailbox_for(request.user, mailbox_id)
    if not request.headers.get("HX-Request"):
        return redirect("folder", mailbox_id=mailbox.pk, role=role)
    since = request.GET.get("since", "")
    count = new_in_list.count(mailbox, Role(role), since)
    if str(count) == request.GET.get("said", "0"):
        return HttpResponse(status=UNCHANGED)
    if since == new_in_list.NOTHING_SHOWN:
        response = HttpResponse(status=UNCHANGED)
        response["HX-Trigger"] = "list-changed"
        return response
    most = new_in_list.MOST_COUNTED
    context = {
        "mailbox": mailbox,
        "role": role,
        "since": since,
        "count": count,
        "counted": f"more than {most}" if count > most else str(count),
    }
    return render(request, "emails/new.html", context)


def _stranger(request: HttpRequest) -> HttpResponse:
    """Signed out meanwhile: a sign-in page has no place in the middle of a list."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=SIGNED_OUT)
    return redirect_to_login(request.get_full_path())
