"""What is true of every answer: a strict content policy, and times in the company's zone."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from threadline.services.errors import NotFound

Handler = Callable[[HttpRequest], HttpResponseBase]

# Everything comes from here, nothing runs that is not a file of ours, and nothing may frame us but ourselves.
PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'; manifest-src 'self'"
)


def content_security_policy(handler: Handler) -> Handler:
    def handle(request: HttpRequest) -> HttpResponseBase:
        response = handler(request)
        response.headers.setdefault("Content-Security-Policy", PAGES)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        return response

    return handle


SEEN_EVERY = 300  # seconds


def last_seen(handler: Handler) -> Handler:
    """Note when and from where a session was last used; every five minutes, because each note is a write to the disk
    that the page, and whoever else wants to write, would wait for.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        key = request.session.session_key
        if key and request.user.is_authenticated:
            used = (key, *(request.META.get(name, "") for name in ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR")))
            sign = "\n".join((*used, request.META.get("HTTP_USER_AGENT", "")))
            # The fingerprint alone is kept: a cache may be looked into by others.
            if cache.add(f"seen-{blake2b(sign.encode(), digest_size=16).hexdigest()}", value=True, timeout=SEEN_EVERY):
                UserSession.objects.create_from_request(request)
        return handler(request)

    return handle


def company_time(handler: Handler) -> Handler:
    """Show times in the zone of the signed-in user's company."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            with timezone.override(request.user.company.zone):
                return handler(request)
        return handler(request)

    return handle


class NothingHere:
    """What a service does not find is a 404 with the service's own sentence, whatever page asked."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._handler(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if isinstance(error, NotFound):
            return render(request, "404.html", {"sentence": error.sentence}, status=404)
        return None
