"""The first set-up: company and administrator, for who knows the address that the start printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages as notices
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from threadline.services import accounts
from threadline.services.errors import Conflict, Invalid

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
_OTHERS = ("Etc/", "SystemV/", "posix/", "right/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")


def zones() -> list[tuple[str, str]]:
    """The time zones by region and city, and UTC: without the old second names of the same."""
    named = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(_OTHERS))
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


class SetUpForm(forms.Form):
    company = forms.CharField(
        label="Your company",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": "Enter the name of your company."},
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=zones,
        help_text="Times are shown in it. The nearest city will do.",
    )
    name = forms.CharField(
        label="Your name",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )
    email = forms.CharField(
        label="Your email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
        help_text="You sign in with it.",
        error_messages={"required": "Enter your email address."},
    )
    password = forms.CharField(
        label="A new password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For Threadline: at least 10 characters. It has nothing to do with the one of your mailbox.",
        error_messages={"required": "Choose a password."},
    )

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        if not self.is_bound:  # the script suggests the browser's zone, but never over a choice that was made
            self.fields["timezone"].widget.attrs["data-suggest-zone"] = True


@sensitive_post_parameters("password")
@never_cache
def set_up(request: HttpRequest) -> HttpResponse:
    if not accounts.is_new():
        return redirect("home")
    token = request.POST.get("token") or request.GET.get("token", "")
    if not accounts.setup_token_is(token):
        return render(request, "start/set_up_closed.html", {"wrong": bool(token)}, status=403)
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = accounts.set_up(data["company"], data["timezone"], data["name"], data["email"], data["password"])
        except (Invalid, Conflict) as refused:
            form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        else:
            login(request, user, backend=BACKEND)
            notices.success(request, f"{user.company.name} is set up. Now connect your mailbox.")
            return redirect("connect")
    return render(request, "start/set_up.html", {"form": form, "token": token})


def home(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - what is not set up yet was led away before
    return redirect("emails")


def set_up_first(handler: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """While nobody has set this installation up, every page leads to the set-up."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        here = reverse("set_up")
        if request.path != here and not request.user.is_authenticated and accounts.is_new():
            return redirect(here)
        return handler(request)

    return handle
