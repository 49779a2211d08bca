"""One question to Microsoft Graph, and what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import MessageGone, ProviderError
from threadline.providers.graph.errors import wait_of

PAGE_BYTES = 32 * 2**20  # of one answer in JSON
IN_BATCH = 20
MENDS = frozenset({500, 502, 503, 504, 509})  # statuses of trouble that passes
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A GET of a path below `/me`, or of a link that Graph gave; anything else by its `method`."""

    url: str
    page: int = 100  # messages in one page
    most: int = PAGE_BYTES
    cut: bool = False  # a longer answer is cut at `most` instead of being refused
    seconds: float | None = None
    method: str = "GET"
    body: bytes | None = None  # JSON
    settles: frozenset[int] = frozenset()  # statuses that answer the question as well as a success does

    def is_settled_by(self, answer: Answer) -> bool:
        return answer.status < 300 or answer.status in self.settles


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. `cut`: there was more of it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    token: str = ""  # that it was asked with

    def json(self) -> Json | None:
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def date(self) -> datetime:
        """The server's time; ours where it does not say."""
        try:
            moment = parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, IndexError, OverflowError):
            return now()
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def prefer(page: int) -> str:
    """Ids that survive a move, and so many messages in a page: asked for with every question."""
    return f'IdType="ImmutableId", odata.maxpagesize={page}'


def lowered(response: httpx.Response) -> Mapping[str, str]:
    """The headers by their names in lower case."""
    return {name.lower(): value for name, value in response.headers.items()}


def worst(answers: Sequence[Answer]) -> Answer:
    """The one that decides what is done before all of them are asked for again."""
    if not answers:
        return Answer(503)
    waits = {id(one): wait_of(one.headers, now=now()) or timedelta(0) for one in answers}
    return max(answers, key=lambda one: (one.status == 401, waits[id(one)]))


def concerns_all(error: ProviderError) -> bool:
    """Whether the next question would be answered in the same way."""
    return not isinstance(error, MessageGone) and error.cause is not Cause.UNKNOWN
