"""Every address of the product."""

from __future__ import annotations

from django.urls import include, path, re_path
from django.views.generic import RedirectView

# A user's address is the administrator's word: nobody claims another one, by whatever page the library brings.
CLOSED = RedirectView.as_view(url="/", permanent=False)

urlpatterns = [
    path("accounts/email/", CLOSED, name="account_email"),
    path("accounts/confirm-email/", CLOSED, name="account_email_verification_sent"),
    re_path(r"^accounts/confirm-email/.*$", CLOSED),
    re_path(r"^accounts/(signup|3rdparty|social)(/.*)?$", CLOSED),
    path("accounts/", include("allauth.urls")),
    path("", include("threadline.web.urls")),
]
