"""What the endpoints of lists have in common: what is selected, which part of the list, and where it goes on."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from threadline.sandbox.microsoft.graph import Call
from threadline.sandbox.microsoft.odata import bad_query


def select(call: Call) -> frozenset[str]:
    """`$select`; nothing where it was not sent."""
    return frozenset(filter(None, (one.strip() for one in call.request.query.get("$select", "").split(","))))


def window(call: Call) -> tuple[int, int]:
    """`$top` and `$skip`."""
    query = call.request.query
    top, skip = query.get("$top", ""), query.get("$skip") or query.get("$skiptoken") or "0"
    if (top and not top.isdecimal()) or not skip.isdecimal():
        raise bad_query("Invalid value for $top or $skip: a number is expected.")
    size = int(top) if top else call.page_size or 10
    if not 1 <= size <= 1000:
        raise bad_query("The limit of '1000' for Top query has been exceeded.")
    return size, int(skip)


def next_link(call: Call, top: int, skip: int) -> str:
    """`@odata.nextLink`: the same address, further on."""
    query = {name: value for name, value in call.request.query.items() if name not in ("$skip", "$skiptoken", "$top")}
    if "$top" in call.request.query:
        query["$top"] = str(top)
    query["$skiptoken" if "$search" in query else "$skip"] = str(skip + top)
    path = call.request.target.partition("?")[0]
    return f"{call.request.base}{path}?{urlencode(query, quote_via=quote, safe='$,')}"


def applied(call: Call) -> dict[str, str]:
    """`Preference-Applied`, which names what was honoured."""
    applied = ['IdType="ImmutableId"'] if call.immutable else []
    if call.page_size:
        applied.append(f"odata.maxpagesize={call.page_size}")
    return {"Preference-Applied": ", ".join(applied)} if applied else {}
