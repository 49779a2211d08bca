"""What views are given: its type, and what stands in its address."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from threadline.storage.models import User


class SignedIn(HttpRequest):
    """A request behind `login_required`: the user is one of ours, and htmx says whether a part of a page will do."""

    user: User
    htmx: HtmxDetails


def number(request: SignedIn, name: str, default: int) -> int:
    """A number from 1 on, such as that of a page."""
    text = request.GET.get(name, "")
    return max(1, int(text)) if text.isdecimal() and len(text) < 10 else default
