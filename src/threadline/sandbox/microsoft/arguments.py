"""Reading the arguments of a control verb; ProblemError with a sentence for what cannot be understood."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from threadline.sandbox import clock
from threadline.sandbox.http import Json, ProblemError


def objects(value: object) -> list[dict[str, object]]:
    """The objects of a list, none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(body: Json, name: str, otherwise: str) -> str:
    """Text, `otherwise` where it is empty or left out."""
    value = body.get(name, otherwise)
    if value is None or value == "":
        return otherwise
    if not isinstance(value, str):
        raise ProblemError(f"{name} must be text")
    return value


def number(body: Json, name: str, otherwise: int, most: int) -> int:
    """A whole number from 0 to `most`."""
    value = body.get(name, otherwise)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ProblemError(f"{name} must be a number from 0 to {most}")
    return value


def count(body: Json) -> int:
    """How often; -1 is for ever."""
    return -1 if body.get("count", 1) == -1 else number(body, "count", 1, 10**9)


def one_of(body: Json, name: str, otherwise: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words."""
    value = text(body, name, otherwise)
    if value not in allowed:
        raise ProblemError(f"{value!r} is no {name}; expected {', '.join(allowed)}")
    return value


def moment(body: Json) -> datetime:
    """`at`: `now`, or an RFC 3339 time with an offset."""
    given = text(body, "at", "now")
    if given == "now":
        return clock.now()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ProblemError(f'at is {given!r}; expected "now" or an RFC 3339 time with an offset')
    return moment


def mime(body: Json) -> bytes:
    """The message that was sent, from `mime` (text) or `mime_base64`."""
    if "mime_base64" in body:
        try:
            return base64.b64decode(text(body, "mime_base64", ""), validate=True)
        except binascii.Error:
            raise ProblemError("mime_base64 is not base64") from None
    given = text(body, "mime", "")
    if not given:
        raise ProblemError("mime or mime_base64 must hold the message")
    return given.encode("utf-8", "surrogateescape")
