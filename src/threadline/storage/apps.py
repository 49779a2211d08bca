"""The store as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class StorageConfig(AppConfig):
    name = "threadline.storage"
    label = "storage"

    def ready(self) -> None:
        from threadline.storage import search  # noqa: PLC0415 - models can be imported only now

        connection_created.connect(search.attach, dispatch_uid="threadline.search.attach")
        post_migrate.connect(search.prepare, sender=self, dispatch_uid="threadline.search.prepare")
