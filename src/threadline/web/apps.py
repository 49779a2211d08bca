"""Makes the pages' templates, tags and static files known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "threadline.web"
    label = "web"
