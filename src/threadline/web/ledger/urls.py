"""The addresses of the ledger."""

from __future__ import annotations

from django.urls import path

from threadline.web.ledger import entries

urlpatterns = [
    path("ledger/", entries.listing, name="ledger"),
    path("ledger/<number:entry_id>/retry/", entries.retry, name="ledger_retry"),
    path("ledger/<number:entry_id>/raw/", entries.raw, name="ledger_raw"),
]
