"""The one server of Entra and Graph: what every request passes on its way in and out.

Log, faults and throttling are here, so that they meet a request of a batch as they meet one of its own.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import traceback
import uuid
from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from threadline.sandbox import clock
from threadline.sandbox.microsoft import batch, routes, subscriptions
from threadline.sandbox.microsoft.database import Database
from threadline.sandbox.microsoft.directory import Directory
from threadline.sandbox.microsoft.entra import Entra
from threadline.sandbox.microsoft.graph import Graph, segments
from threadline.sandbox.microsoft.jose import SigningKey
from threadline.sandbox.microsoft.odata import GraphError
from threadline.sandbox.microsoft.tokens import Access, Tokens
from threadline.sandbox.microsoft.troubles import Trouble, Troubles
from threadline.sandbox.microsoft.web import Answer, Request, WebServer, as_json

_LONGEST_LOG = 50_000


@dataclass(slots=True)
class Entry:
    """A request as the log keeps it. Those of a batch have an entry each, and `batch` is the number of theirs."""

    number: int
    at: str
    method: str
    path: str
    query: str
    prefer: str
    account: str
    status: int = 0
    sent: int = 0  # bytes of the request's body
    received: int = 0  # bytes of the answer's body
    in_flight: int = 0  # requests of this mailbox under way, this one included
    milliseconds: int = 0
    batch: int = 0
    fault: int = 0  # the trouble that was made of it


@dataclass(slots=True)
class Limits:
    """Outlook's limits per mailbox."""

    concurrent: int = 4
    requests: int = 10_000
    window: float = 600.0  # seconds
    latency: float = 0.0  # seconds each request to Graph takes at least
    retry_after: int = 10
    recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))


class Microsoft:
    """The simulated service."""

    def __init__(self, data_dir: Path, tls: ssl.SSLContext | None = None) -> None:
        self._folder = data_dir / "microsoft"
        self._furnish()
        self.server = WebServer(self._handle, tls)

    def _furnish(self) -> None:
        folder = self._folder
        self.db = Database(folder)
        self.directory = Directory(self.db)
        self.key = SigningKey(folder / "signing-key.pem")
        self.tokens = Tokens(self.db, self.directory, self.key, clock.now)
        self.entra = Entra(self.directory, self.tokens, self.key, clock.now)
        self.subscriptions = subscriptions.Subscriptions(self.db, self.directory, clock.now)
        self.graph = Graph(self.db, self.directory, self.tokens, clock.now, self.subscriptions.changed)
        self.troubles = Troubles()
        self.limits = Limits()
        self.log: deque[Entry] = deque(maxlen=_LONGEST_LOG)
        self._numbers = 0
        self._in_flight: dict[str, int] = defaultdict(int)

    @property
    def now(self) -> datetime:
        return clock.now()

    def empty(self) -> None:
        """Be as new: no organisation, no mail, another application. The signing key stays."""
        self.subscriptions.stop()
        self.db.close()
        for path in self._folder.glob("*.sqlite3*"):
            path.unlink()
        self._furnish()

    def stop(self) -> None:
        """Stop listening, end what is under way."""
        self.server.stop()
        self.subscriptions.stop()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    async def _handle(self, request: Request) -> Answer:
        entry = self._entry(request)
        started = time.monotonic()
        try:
            answer = await self._answer(request, entry)
        except Exception:  # noqa: BLE001  (a mistake of the sandbox is said as one, and the connection stays)
            traceback.print_exc()
            answer = as_json({"error": {"code": "generalException", "message": "The sandbox made a mistake."}}, 500)
        finally:
            entry.milliseconds = int((time.monotonic() - started) * 1000)
        entry.status, entry.received = answer.status, len(answer.body)
        return answer

    def _entry(self, request: Request, batch_number: int = 0) -> Entry:
        self._numbers += 1
        query = request.target.partition("?")[2]
        entry = Entry(
            self._numbers, self.now.isoformat(), request.method, request.path, query,
            request.headers.get("prefer", ""), "", sent=len(request.body), batch=batch_number,
        )  # fmt: skip
        self.log.append(entry)
        return entry

    async def _answer(self, request: Request, entry: Entry) -> Answer:
        if segments(request.path)[:1] not in (("v1.0",), ("beta",)):
            return self._entra(request, entry)
        try:
            access = self.graph.caller(request)
        except GraphError as problem:
            trouble = self.troubles.meet(request, "")
            return _with_ids(_made(trouble, entry, self.graph.refusal(problem, request)), request)
        entry.account = access.user["upn"]
        mailbox = access.user["oid"]
        self._in_flight[mailbox] += 1
        entry.in_flight = self._in_flight[mailbox]
        try:
            if self.limits.latency:
                await asyncio.sleep(self.limits.latency)
            answer = await self._graph(request, access, entry)
            if answer.fault and answer.fault.delay:
                await asyncio.sleep(answer.fault.delay)  # counted as under way while it is held back
                answer.fault.delay = 0
        finally:
            self._in_flight[mailbox] -= 1
        return _with_ids(answer, request)

    def _entra(self, request: Request, entry: Entry) -> Answer:
        trouble = self.troubles.meet(request, "")
        if trouble is not None and trouble.instead:
            return _made(trouble, entry, Answer())
        answer = self.entra.answer(request)
        if answer is None:
            answer = as_json({"error": "not_found"}, 404)
        return _made(trouble, entry, answer)

    async def _graph(self, request: Request, access: Access, entry: Entry) -> Answer:
        try:
            self._check_limits(access, entry)
            if request.method == "POST" and segments(request.path)[1:] == ("$batch",):
                trouble = self.troubles.meet(request, access.user["upn"])
                if trouble is not None and trouble.instead:
                    return _made(trouble, entry, Answer())
                return _made(trouble, entry, batch.answer(request, lambda inner: self._inner(inner, access, entry)))
            return await self._single(request, access, entry)
        except GraphError as problem:
            return self.graph.refusal(problem, request)

    async def _single(self, request: Request, access: Access, entry: Entry) -> Answer:
        trouble = self.troubles.meet(request, access.user["upn"])
        if trouble is not None and trouble.instead:
            return _made(trouble, entry, Answer())
        path = segments(request.path)[1:]
        if path[:1] == ("subscriptions",):
            answer = await self.subscriptions.answer(request, access, path[1:], self.graph)
        else:
            answer = routes.answer(self.graph, self.graph.call(request, access))
        return _made(trouble, entry, answer)

    def _inner(self, request: Request, access: Access, outer: Entry) -> Answer:
        """A request of a batch."""
        entry = self._entry(request, outer.number)
        entry.account = access.user["upn"]
        try:
            trouble = self.troubles.meet(request, access.user["upn"], batched=True)
            if trouble is not None:
                answer = _made(trouble, entry, Answer())
            else:
                self._check_limits(access, entry)
                answer = routes.answer(self.graph, self.graph.call(request, access))
        except GraphError as problem:
            answer = self.graph.refusal(problem, request)
        entry.status, entry.received = answer.status, len(answer.body)
        return answer

    def _check_limits(self, access: Access, entry: Entry) -> None:
        limits, mailbox = self.limits, access.user["oid"]
        recent = limits.recent[mailbox]
        now = time.monotonic()
        while recent and recent[0] <= now - limits.window:
            recent.popleft()
        recent.append(now)  # what is refused counts too
        if limits.concurrent and entry.in_flight > limits.concurrent:
            raise _throttled("Application is over its MailboxConcurrency limit.", limits.retry_after)
        if limits.requests and len(recent) > limits.requests:
            wait = int(recent[0] + limits.window - now) + 1
            raise _throttled("Application is over its request limit.", wait)


def _throttled(sentence: str, seconds: int) -> GraphError:
    return GraphError(429, "ApplicationThrottled", sentence, headers={"Retry-After": str(seconds)})


def _made(trouble: Trouble | None, entry: Entry, answer: Answer) -> Answer:
    """The answer after the trouble."""
    if trouble is None:
        return answer
    entry.fault = trouble.id
    return trouble.apply(answer)


def _with_ids(answer: Answer, request: Request) -> Answer:
    """The headers Graph puts on everything."""
    answer.headers.setdefault("request-id", str(uuid.uuid4()))
    answer.headers.setdefault("client-request-id", request.headers.get("client-request-id", str(uuid.uuid4())))
    return answer


def entry_json(entry: Entry) -> dict[str, object]:
    """An entry as the control API shows it."""
    return asdict(entry)


__all__ = ["Microsoft", "entry_json"]
