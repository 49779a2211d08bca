"""What is true of every answer: a strict content policy, and times in the company's zone."""

from __future__ import annotations

from collections.abc import Callable

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
