"""How people sign in: with an account that an administrator made. Nobody makes their own."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class ClosedDoor(DefaultAccountAdapter):  # type: ignore[misc]  # ships no types
    """No sign-up; everything else as allauth does it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in the mail names the address people use, whatever host the request named."""
        url: str = super().get_reset_password_from_key_url(key)
        if not settings.BASE_URL:
            return url
        return urljoin(settings.BASE_URL, urlsplit(url).path)
