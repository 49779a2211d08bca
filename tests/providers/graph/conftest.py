"""A mailbox at the sandbox of Microsoft 365, and its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.providers.contract import mails
from tests.providers.contract.engine import Engine, inbox
from tests.servers.graph_tokens import LOOPBACK, Tokens, settings_of
from tests.servers.microsoft import MicrosoftServer
from threadline.providers.graph.session import GraphSession, open_session

ANNA = "anna@acme.test"


@dataclass
class Box:
    """One account."""

    server: MicrosoftServer
    address: str
    tokens: Tokens

    def open(self, *, timeout: float = 20.0, patience: float | None = None) -> GraphSession:
        return open_session(
            settings_of(self.server, self.address), self.tokens, allow=LOOPBACK, timeout=timeout, patience=patience
        )

    def deliver(self, count: int) -> None:
        for number in range(count):
            self.server.deliver(self.address, mails.small(number))

    def held(self, session: GraphSession) -> Engine:
        engine = Engine()
        engine.refresh(session, inbox(session))
        return engine


def box_of(server: MicrosoftServer, address: str = ANNA) -> Box:
    server.add_account(address)
    return Box(server, address, Tokens(server, address))


@pytest.fixture
def box(microsoft: MicrosoftServer) -> Box:
    return box_of(microsoft)
