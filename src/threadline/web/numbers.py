"""Numbers in addresses: what no store can hold is an address that is not there."""

from __future__ import annotations

from django.urls.converters import IntConverter


class Number(IntConverter):
    """The number of something stored, `<number:person_id>`. SQLite and PostgreSQL end at 19 digits; 18 always fit."""

    regex = "[0-9]{1,18}"
