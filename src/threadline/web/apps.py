"""Makes the pages' templates, tags, static files and the numbers in their addresses known to Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.urls import register_converter

from threadline.web.numbers import Number


class WebConfig(AppConfig):
    name = "threadline.web"
    label = "web"

    def ready(self) -> None:
        from threadline.services import checks  # noqa: F401, PLC0415 - it registers itself; models exist only now

        register_converter(Number, "number")
