"""The addresses of the pages, a file for each section; and the two that are no pages."""

from __future__ import annotations

from django.urls import include, path

from threadline.services.microsoft.subscriptions import LIFECYCLE_PATH, PATH
from threadline.web import notifications

urlpatterns = [
    path("", include("threadline.web.start.urls")),
    path("", include("threadline.web.emails.urls")),
    path("", include("threadline.web.people.urls")),
    path("", include("threadline.web.settings.urls")),
    path("", include("threadline.web.ledger.urls")),
    path("", include("threadline.web.company.urls")),
    path(PATH.lstrip("/"), notifications.told, name="microsoft_notifications"),
    path(LIFECYCLE_PATH.lstrip("/"), notifications.told, name="microsoft_lifecycle"),
]
