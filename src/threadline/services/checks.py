"""System checks (`manage.py check`, and at every start): what of the settings will not do, or not for long."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning, register  # noqa: A004 - the framework's name
from django.db import DatabaseError

from threadline.services.microsoft import standing


@register()
def microsoft(app_configs: Any, **more: Any) -> list[CheckMessage]:  # noqa: ARG001 - the framework's arguments
    """The registration with Microsoft: incomplete, refused, expired or about to expire."""
    try:
        found = standing.concerns()
    except DatabaseError:  # the store is not made yet; what depends on it is checked when it is
        found = standing.of_the_settings()
    return [
        # A warning in either case: nothing else of this installation is to be stopped by it.
        Warning(concern.detail, hint=concern.remedy, id="threadline.W002" if concern.urgent else "threadline.W001")
        for concern in found
    ]
