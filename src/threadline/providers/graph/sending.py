"""Sending one request to Microsoft Graph, and what is done until it is answered or given up.

Bounded in time, in size, and in how many are under way at once. A rejected token is replaced once; a delay that Graph
names is kept, here where it is short, else by whoever is told `Throttled`. What breaks on the way is sent again a few
times: whoever sends what must not happen twice finds out what became of it (`subscriptions.py`).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx

from threadline.clock import now
from threadline.domain.causes import Cause
from threadline.domain.errors import NeedsUser, ProviderError, Throttled, Transient
from threadline.providers.contract import TokenSource
from threadline.providers.graph.errors import claims_of, error_for, wait_of
from threadline.providers.graph.gate import Gate
from threadline.providers.graph.wire import MENDS, Answer, Ask, lowered, prefer
from threadline.providers.guarded_http import MOST, SECONDS

LONGEST_WAIT = 20.0  # seconds that are waited here, with the mailbox's lease held
TRIES = 3
_PAUSE = 0.5  # seconds after the first failure, doubled after each other
_BROKEN = frozenset({Cause.CONNECTION_LOST, Cause.SERVER_TROUBLE})


class Sender:
    """One mailbox's. Not thread-safe but for `attempt`."""

    def __init__(
        self, base: str, http: httpx.Client, tokens: TokenSource, gate: Gate, *, timeout: float, patience: float | None
    ) -> None:
        self.base = base
        self.gate = gate
        self._http = http
        self._tokens = tokens
        self._timeout = timeout
        self._ends = time.monotonic() + patience if patience is not None else None

    def close(self) -> None:
        self._http.close()

    def ask(self, ask: Ask) -> Answer:
        """The answer, if it is what was asked for; else what it means is raised."""
        return self.settled(ask, self.attempt(ask, self.ready()))

    def settled(self, ask: Ask, first: Answer | Transient) -> Answer:
        """`first`, or a later one in its place."""
        answer, renewed = first, False
        for attempt in range(1, TRIES + 1):
            if isinstance(answer, Transient):
                if attempt == TRIES or answer.cause not in _BROKEN:
                    raise answer
                self.pause(attempt)
            elif ask.is_settled_by(answer):
                return answer
            else:
                if attempt == TRIES:
                    break
                self.make_up_for(answer, attempt, renewable=not renewed)
                renewed = renewed or answer.status == 401
            answer = self.attempt(ask, self.ready())
        if isinstance(answer, Answer) and ask.is_settled_by(answer):
            return answer
        raise answer if isinstance(answer, Transient) else self.meaning(answer)

    def meaning(self, answer: Answer) -> ProviderError:
        return error_for(answer.status, answer.headers, answer.json(), now=now())

    def make_up_for(self, answer: Answer, attempt: int, *, renewable: bool) -> None:
        """Do what lets the next attempt succeed; raises where nothing does."""
        if answer.status == 401 and renewable:
            self._tokens.renewed(answer.token, claims_of(answer.headers))
            return
        error = self.meaning(answer)
        wait: timedelta | None = wait_of(answer.headers, now=now())
        if answer.status == 429 or (wait is not None and answer.status in MENDS):
            self.gate.close_for((wait or timedelta(seconds=_PAUSE * 2**attempt)).total_seconds())
            self._wait_for_gate(error)
        elif answer.status in MENDS:
            self.pause(attempt)
        else:
            raise error

    def pause(self, attempt: int) -> None:
        wait = _PAUSE * 2 ** (attempt - 1)
        if not self._is_over(wait):
            time.sleep(wait)

    def ready(self) -> str:
        """Waits until a request may be made; the token to make it with."""
        self._wait_for_gate()
        if self._is_over():
            raise Transient("Microsoft 365 took too long to answer.", cause=Cause.HOST_SILENT)
        token = self._tokens.access_token()
        if not token:
            raise NeedsUser("This mailbox is not signed in at Microsoft. Sign in again; nothing is lost.")
        return token

    def attempt(self, ask: Ask, token: str) -> Answer | Transient:
        """One request, in whatever thread; what broke on the way is handed out."""
        try:
            with self.gate.place(self.seconds(ask)), self.send(ask, token) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if ask.cut and len(content) > ask.most:
                        return Answer(
                            response.status_code, lowered(response), bytes(content[: ask.most]), cut=True, token=token
                        )
                return Answer(response.status_code, lowered(response), bytes(content), token=token)
        except Transient as error:
            return error
        except httpx.HTTPError as error:
            return Transient("Microsoft 365 did not answer as it should. We try again.", answer=str(error)[:300])

    def send(self, ask: Ask, token: str) -> Any:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json" if not ask.cut else "*/*",
            "Prefer": prefer(ask.page),
        }
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
        return self._http.stream(
            ask.method,
            ask.url,
            headers=headers,
            content=ask.body,
            follow_redirects=False,
            extensions={SECONDS: self.seconds(ask), MOST: 2**40 if ask.cut else ask.most},
        )

    def seconds(self, ask: Ask) -> float:
        most = ask.seconds or self._timeout
        return most if self._ends is None else max(0.1, min(most, self._ends - time.monotonic()))

    def _wait_for_gate(self, error: ProviderError | None = None) -> None:
        wait = self.gate.wait()
        if not wait:
            return
        if wait > LONGEST_WAIT or self._is_over(wait):
            raise error or Throttled(
                "Microsoft asks us to slow down. We try again by ourselves.", retry_after=timedelta(seconds=wait)
            )
        time.sleep(wait)

    def _is_over(self, wait: float = 0.0) -> bool:
        return self._ends is not None and time.monotonic() + wait >= self._ends
