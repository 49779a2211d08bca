"""Questions to Microsoft Graph about one mailbox: one, several at once, or many in one request.

Every request asks for ids that survive a move.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import quote, urlencode, urlsplit

from threadline.domain.errors import ProviderError, Transient
from threadline.providers.graph.gate import AT_ONCE
from threadline.providers.graph.sending import TRIES, Sender
from threadline.providers.graph.wire import (
    IN_BATCH,
    MENDS,
    PAGE_BYTES,
    Answer,
    Ask,
    Json,
    concerns_all,
    lowered,
    prefer,
    worst,
)


class Client(Sender):
    """One mailbox's questions. Not thread-safe; it uses threads of its own."""

    # --- one request --------------------------------------------------------------------------------------------------

    def get(self, path: str, *, page: int = 100, **query: str) -> Json:
        """JSON from a path below `/me`."""
        return self.read(Ask(self.url(path, **query), page=page))[0]

    def me(self) -> Json:
        """Whose mailbox it is."""
        return self.read(Ask(f"{self.base}/me?$select=id,mail,userPrincipalName,userType"))[0]

    @staticmethod
    def key(remote_id: str) -> str:
        """An id as a segment of a path: ids hold "=", and may hold "/" and "+"."""
        return quote(remote_id, safe="")

    def read(self, ask: Ask) -> tuple[Json, Answer]:
        """JSON, with the answer that held it. Broken JSON is asked for again."""
        for left in reversed(range(TRIES)):
            answer = self.ask(ask)
            found = answer.json()
            if found is not None:
                return found, answer
            self.pause(TRIES - left)
        raise Transient("Microsoft 365 sent an answer that cannot be read. We try again by ourselves.")

    def pages(self, url: str, *, page: int) -> Iterator[Json]:
        """The pages of a listing, followed by its links as they are."""
        seen: set[str] = set()
        while url:
            if url in seen:
                raise Transient("Microsoft 365 sends the same page again and again. We try again by ourselves.")
            seen.add(url)
            found = self.read(Ask(self.link(url), page=page))[0]
            yield found
            url = str(found.get("@odata.nextLink") or "")

    def url(self, path: str, **query: str) -> str:
        """The address of a path below `/me`; names of the query get their `$` here."""
        said = {f"${name}": value for name, value in query.items() if value}
        return f"{self.base}/me/{path}" + (f"?{urlencode(said, quote_via=quote, safe='$,')}" if said else "")

    def link(self, url: str) -> str:
        """A link that Graph gave, or that was stored: our token goes to no other server."""
        if not self.is_ours(url):
            raise Transient("Microsoft 365 sent us to another server, which we do not follow.")
        return url

    def is_ours(self, url: str) -> bool:
        """Whether an address is on the server that this mailbox is on."""
        ours = urlsplit(self.base)
        try:
            theirs = urlsplit(url)
        except ValueError:
            return False
        return (ours.scheme, ours.netloc.lower()) == (theirs.scheme, theirs.netloc.lower())

    def stream(self, ask: Ask) -> Iterator[bytes]:
        """The answer in pieces. Whoever stops half-way closes the generator."""
        tried: set[str] = set()
        while True:
            token = self.ready()
            with self.gate.place(self.seconds(ask)), self.send(ask, token) as response:
                if response.status_code < 300:
                    yield from response.iter_bytes(64 * 1024)
                    return
                refused = Answer(response.status_code, lowered(response), response.read()[:PAGE_BYTES], token=token)
            if str(refused.status) in tried or len(tried) >= TRIES:
                raise self.meaning(refused)
            tried.add(str(refused.status))
            self.make_up_for(refused, len(tried), renewable=True)

    # --- several requests ---------------------------------------------------------------------------------------------

    def many(self, asks: Sequence[Ask]) -> Iterator[Answer | ProviderError]:
        """The answers in the order of the questions, a few under way at once.

        What concerns one question alone is handed out in its place; what concerns the mailbox is raised.
        """
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="graph") as threads:
            coming: deque[tuple[Ask, Future[Answer | Transient]]] = deque()
            waiting = deque(asks)
            while waiting or coming:
                while waiting and len(coming) < AT_ONCE:
                    one = waiting.popleft()
                    coming.append((one, threads.submit(self.attempt, one, self.ready())))
                asked, future = coming.popleft()
                yield self._of_one(asked, future.result())

    def _of_one(self, ask: Ask, first: Answer | Transient) -> Answer | ProviderError:
        try:
            return self.settled(ask, first)
        except ProviderError as error:
            if concerns_all(error):
                raise
            return error

    def batch(self, paths: Sequence[str]) -> Iterator[Json | ProviderError]:
        """JSON from paths below `/me` (with their query), up to twenty in one request; answers in the order asked."""
        for start in range(0, len(paths), IN_BATCH):
            yield from self._batch(paths[start : start + IN_BATCH])

    def _batch(self, paths: Sequence[str]) -> Iterator[Json | ProviderError]:
        found: dict[int, Answer] = {}
        left = list(range(len(paths)))
        for attempt in range(1, TRIES + 1):
            found |= self._batch_once({number: paths[number] for number in left})
            left = [n for n in left if n not in found or found[n].status in {401, 429, *MENDS}]
            if not left or attempt == TRIES:
                break
            self.make_up_for(worst([found[n] for n in left if n in found]), attempt, renewable=attempt == 1)
        for number in range(len(paths)):
            answer = found.get(number)
            body = answer.json() if answer is not None else None
            if answer is not None and answer.status < 300 and body is not None:
                yield body
                continue
            error = self.meaning(answer) if answer is not None else Transient()
            if concerns_all(error):
                raise error
            yield error

    def _batch_once(self, paths: Mapping[int, str]) -> dict[int, Answer]:
        headers = {"Prefer": prefer(100)}
        requests = [
            {"id": str(number), "method": "GET", "url": f"/me/{path}", "headers": headers}
            for number, path in paths.items()
        ]
        body = json.dumps({"requests": requests}).encode()
        whole = self.ask(Ask(f"{self.base}/$batch", method="POST", body=body))
        listed = (whole.json() or {}).get("responses")
        found: dict[int, Answer] = {}
        for one in listed if isinstance(listed, list) else []:
            number = str(one.get("id", "")) if isinstance(one, dict) else ""
            if number.isdecimal() and int(number) in paths and isinstance(one.get("status"), int):
                said = one.get("headers") if isinstance(one.get("headers"), dict) else {}
                found[int(number)] = Answer(
                    one["status"],
                    {str(name).lower(): str(value) for name, value in said.items()},
                    json.dumps(one.get("body")).encode(),
                    token=whole.token,
                )
        return found
