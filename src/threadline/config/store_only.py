"""Django's settings for commands that work on the store and know nothing of pages and of sign-in.

What belongs to those, in the store too, is not loaded: such a command must not delete users, whose sessions and second
factors would stay behind, and leaves making the tables to a process of the whole program (`services.store`).
"""

from __future__ import annotations

from threadline.config.settings import *  # noqa: F403

INSTALLED_APPS = ["threadline.storage"]
