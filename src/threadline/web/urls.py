"""The addresses of the pages, a file for each section."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("threadline.web.start.urls")),
    path("", include("threadline.web.emails.urls")),
    path("", include("threadline.web.people.urls")),
    path("", include("threadline.web.settings.urls")),
    path("", include("threadline.web.ledger.urls")),
    path("", include("threadline.web.company.urls")),
]
