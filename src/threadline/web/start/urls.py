"""The addresses of this section: where one begins, and where one gets help."""

from __future__ import annotations

from django.conf import settings
from django.urls import path

from threadline.web.parts import parts
from threadline.web.start import demo, helping, set_up

urlpatterns = [
    path("", set_up.home, name="home"),
    path("setup/", set_up.set_up, name="set_up"),
    path("support/", helping.support, name="support"),
    path("help/", helping.help_page, name="help"),
    path("help/microsoft/", helping.microsoft_page, name="help_microsoft"),
    path("demo/", demo.panel, name="demo"),
    path("demo/<slug:trouble>/", demo.make, name="demo_make"),
]
if settings.DEMO or settings.TESTING:
    urlpatterns.append(path("parts/", parts, name="parts"))
