"""Being one of many values: `filter(pk__in=among(ids))`.

As one parameter. A list would be a placeholder for each value, which Django prepares one by one (a tenth of the time of
a first load), and of which a statement of SQLite takes only so many.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from django.db import connection
from django.db.models.expressions import RawSQL

_encode_json = msgspec.json.Encoder().encode


def among(ids: Collection[int]) -> Any:
    """These numbers, as a subquery."""
    return _among(ids, "bigint")


def among_texts(texts: Collection[str]) -> Any:
    """These texts, as a subquery."""
    return _among(texts, "text")


def _among(values: Collection[int] | Collection[str], kind: str) -> RawSQL:
    given = list(values)
    if connection.vendor == "sqlite":
        return RawSQL("SELECT value FROM json_each(%s)", (_encode_json(given).decode(),))
    return RawSQL(f"SELECT unnest(%s::{kind}[])", (given,))  # noqa: S611
