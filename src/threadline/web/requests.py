"""Types of what views are given."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from threadline.storage.models import User


class SignedIn(HttpRequest):
    """A request behind `login_required`: the user is one of ours, and htmx says whether a part of a page will do."""

    user: User
    htmx: HtmxDetails
