"""Faults on demand: which requests they meet, how often, and what becomes of the answer."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field

from threadline.sandbox.microsoft.web import Answer, Fault, Request

ACTIONS = ("answer", "truncate", "break_json", "hang", "delay", "drop", "cut")
_DEFAULT_CODES = {
    400: "BadRequest", 401: "InvalidAuthenticationToken", 403: "ErrorAccessDenied", 404: "ErrorItemNotFound",
    410: "SyncStateNotFound", 429: "ApplicationThrottled", 500: "generalException", 503: "serviceNotAvailable",
    504: "gatewayTimeout",
}  # fmt: skip


@dataclass(slots=True)
class Trouble:
    """A fault and the requests it is for."""

    id: int
    action: str
    path: str = ""  # a regular expression, searched in the path and query
    method: str = ""
    account: str = ""
    count: int = 1  # how many requests it meets; -1 all of them
    skip: int = 0  # how many it lets pass first
    status: int = 503
    code: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    delay: float = 0.0
    each: bool = False  # meets every address once, so that everything has to be asked twice
    met: set[str] = field(default_factory=set)

    @property
    def instead(self) -> bool:
        """Whether the request is not carried out at all."""
        return self.action in ("answer", "hang", "drop")

    def meets(self, request: Request, account: str) -> bool:
        """Whether this request is one of those."""
        if not self.count or (self.method and self.method != request.method):
            return False
        if (self.account and self.account.lower() != account.lower()) or (self.each and _key(request) in self.met):
            return False
        return re.search(self.path, request.target) is not None or re.search(self.path, request.path) is not None

    def apply(self, answer: Answer) -> Answer:
        """What the client gets."""
        match self.action:
            case "answer":
                answer = self._answer()
            case "truncate":
                answer.body = answer.body[: len(answer.body) // 2]  # a whole HTTP answer with half of the JSON
            case "break_json":
                answer.body = answer.body.replace(b":", b";", 1)
        answer.fault = Fault(
            delay=self.delay, hang=self.action == "hang", drop=self.action == "drop", cut=self.action == "cut"
        )
        return answer

    def _answer(self) -> Answer:
        if self.body is not None:
            return Answer(self.status, self.body.encode(), {"Content-Type": "application/json", **self.headers})
        error = {
            "code": self.code or _DEFAULT_CODES.get(self.status, "generalException"),
            "message": self.message or "The sandbox was asked to answer so.",
            "innerError": {"date": "2026-01-01T00:00:00", "request-id": "0", "client-request-id": "0"},
        }
        body = json.dumps({"error": error}).encode()
        return Answer(self.status, body, {"Content-Type": "application/json", **self.headers})


class Troubles:
    """All that were asked for."""

    def __init__(self) -> None:
        self.list: list[Trouble] = []
        self._ids = itertools.count(1)

    def add(self, trouble: Trouble) -> Trouble:
        """From now on. Its id is given here."""
        trouble.id = next(self._ids)
        self.list.append(trouble)
        return trouble

    def clear(self, wanted: int = 0) -> None:
        """Take one back, or all."""
        self.list = [one for one in self.list if wanted and one.id != wanted]

    def meet(self, request: Request, account: str, *, batched: bool = False) -> Trouble | None:
        """The first trouble that meets this request, counted. One of a batch can only be answered otherwise."""
        for one in self.list:
            if (one.action == "answer" or not batched) and one.meets(request, account):
                if one.skip:
                    one.skip -= 1
                    continue
                if one.count > 0:
                    one.count -= 1
                one.met.add(_key(request))
                return one
        return None


def _key(request: Request) -> str:
    return f"{request.method} {request.target}"
