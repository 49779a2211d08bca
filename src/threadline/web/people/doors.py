"""What every view of this section needs: safe ways back, and where other sections are."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from threadline.web.requests import SignedIn

DOOR = "pages"


def with_query(url: str, **values: object) -> str:
    return f"{url}?{urlencode({name: value for name, value in values.items() if value not in ('', None)})}"


def wants_a_part(request: SignedIn) -> bool:
    """Whether htmx asks for the part it swaps; going back in the history it asks for the whole page again."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def back_to(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Where the form said to go on, if that is a page of ours."""
    wanted = request.GET.get("back", "")
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return redirect(wanted if ours else otherwise)


def policy_url() -> str:
    """Where an administrator relaxes a condition, with a preview."""
    return reverse("company_policy")
