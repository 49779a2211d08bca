"""What is true of every answer: a strict content policy, and times in the company's zone."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

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
