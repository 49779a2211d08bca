"""One server, emptied for each module; every test has an account, and with it a tenant, of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.servers.microsoft import MicrosoftServer

_numbers = itertools.count(1)
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(microsoft_process: MicrosoftServer) -> MicrosoftServer:
    microsoft_process.empty()
    return microsoft_process


@dataclass
class Someone:
    """An account, what its owner's client holds, and the client."""

    server: MicrosoftServer
    address: str
    tokens: dict[str, Any]
    oid: str
    tid: str

    def deliver(self, *numbers: int, folder: str = "inbox", **more: object) -> list[dict[str, Any]]:
        """Plain letters, a minute apart: number n was received n minutes after nine."""
        return [
            self.server.deliver(self.address, letter(n), folder, at=BEGIN + timedelta(minutes=n), **more)
            for n in numbers
        ]

    def get(self, path: str, *, prefer: str = 'IdType="ImmutableId"', token: str = "", **query: str) -> httpx.Response:
        """`path` below /v1.0/me, or an absolute link."""
        address = path if path.startswith("http") else f"{self.server.graph_url}/v1.0/me{path}"
        headers = {"Authorization": f"Bearer {token or self.tokens['access_token']}"}
        if prefer:
            headers["Prefer"] = prefer
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.get(address, params=query or None, headers=headers)

    def post(self, path: str, body: object, *, prefer: str = 'IdType="ImmutableId"') -> httpx.Response:
        """`path` below /v1.0."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", "Prefer": prefer}
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.post(f"{self.server.graph_url}/v1.0{path}", json=body, headers=headers)

    def pages(self, link: str = "/mailFolders/inbox/messages/delta", size: int = 10) -> list[dict[str, Any]]:
        """A whole round of the delta feed; the last page holds the delta link."""
        found = []
        while link:
            answer = self.get(link, prefer=f'IdType="ImmutableId", odata.maxpagesize={size}')
            assert answer.status_code == 200, answer.text
            found.append(answer.json())
            link = found[-1].get("@odata.nextLink", "")
        return found

    def refresh(self, **form: str) -> httpx.Response:
        return self.server.token(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"], **form)


def letter(number: int, *, to: str = "elin@northgate-365.example") -> bytes:
    return (
        f"Received: from mail.posten.example; Mon, 2 Mar 2026 09:00:00 +0000\r\n"
        f"From: Anna Berg <anna.berg@posten.example>\r\nTo: {to}\r\nSubject: Letter {number}\r\n"
        f"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <letter-{number}@posten.example>\r\n\r\n"
        f"Number {number}.\r\n"
    ).encode()


Make = Callable[..., Someone]


@pytest.fixture
def make(server: MicrosoftServer) -> Make:
    """Someone who is signed in; `form` goes into the token request. The clock is right when a test begins."""
    server.set_clock(None)

    def build(*, claims: str = "", scopes: str = "", **more: object) -> Someone:
        address = f"elin@company-{next(_numbers)}.example"
        known = server.add_account(address, **more)
        chosen = {"scopes": scopes} if scopes else {}
        form = {"claims": claims} if claims else {}
        return Someone(server, address, server.tokens(address, **chosen, **form), known["oid"], known["tid"])

    return build


@pytest.fixture
def elin(make: Make) -> Someone:
    return make()
