"""Calling a client's own address: to prove that it is there, and to notify it."""

from __future__ import annotations

import uuid
from html import unescape
from urllib.parse import urlencode

from threadline.sandbox.microsoft.odata import GraphError
from threadline.sandbox.microsoft.representation import Json

_VALIDATE_SECONDS = 10


async def validate(url: str) -> None:
    """The address must give the token back as plain text within ten seconds. GraphError where it does not."""
    token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
    mark = "&" if "?" in url else "?"
    try:
        status, kind, said = await post(f"{url}{mark}{urlencode({'validationToken': token})}", _VALIDATE_SECONDS)
    except UnreachableError as error:
        raise _unreachable(str(error)) from None
    if status != 200 or not kind.startswith("text/plain") or unescape(said).strip() != token:
        raise _unreachable(f"Notification endpoint must respond with 200 OK to validation request ({status})")


class UnreachableError(Exception):
    """Nothing was answered."""


async def post(url: str, limit: float, body: Json | None = None) -> tuple[int, str, str]:
    """Call a client's address: status, content type and text. UnreachableError."""
    import httpx  # noqa: PLC0415  (a quarter of the time it takes to start, for what few runs need)

    try:
        # The certificate of a client under test is nobody's business here.
        async with httpx.AsyncClient(timeout=limit, verify=False, trust_env=False) as client:  # noqa: S501
            answer = await client.post(url, json=body)
    except httpx.HTTPError as error:
        raise UnreachableError(type(error).__name__) from None
    return answer.status_code, answer.headers.get("content-type", ""), answer.text


def _unreachable(why: str) -> GraphError:
    return GraphError(400, "InvalidRequest", f"Subscription validation request failed. {why}.")
