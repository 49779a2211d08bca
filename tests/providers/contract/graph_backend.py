"""Microsoft 365 behind the levers of the contract: the sandbox, which is held to Microsoft's own client libraries."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.servers.graph_tokens import LOOPBACK, Tokens, settings_of
from tests.servers.microsoft import MicrosoftServer
from threadline.domain.causes import Cause
from threadline.providers.contract import Session
from threadline.providers.graph import open_session

OWNER = "anna@acme.test"
_NAMES = {"INBOX": "inbox"}


class GraphBackend:
    """One account. Other programs are the control API, and a client that shares no code with the product."""

    inbox_name = "Inbox"
    refusal_cause = Cause.SECURITY_CHANGE

    def __init__(self, server: MicrosoftServer) -> None:
        self.server = server
        server.add_account(OWNER)
        self.tokens = Tokens(server, OWNER)

    def open(self) -> Session:
        return open_session(settings_of(self.server, OWNER), self.tokens, allow=LOOPBACK, timeout=20)

    def open_refused(self) -> Session:
        self.server.revoke(OWNER)
        return self.open()

    def secrets(self) -> tuple[str, ...]:
        return self.tokens.secrets()

    def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        for raw in raws:
            self.server.deliver(OWNER, raw, _NAMES.get(folder, folder))

    def let_time_pass(self) -> None:
        """Graph's times are whole seconds."""
        time.sleep(1.1)

    def ids(self, folder: str = "INBOX") -> list[str]:
        return [one["immutable_id"] for one in reversed(self.server.messages(OWNER, _NAMES.get(folder, folder)))]

    def gone_id(self) -> str:
        """An id that there was once."""
        found = self.server.deliver(OWNER, b"Subject: soon gone\r\n\r\n")
        self.server.delete(OWNER, found["immutable_id"])
        return str(found["immutable_id"])

    def snapshot(self) -> dict[str, Any]:
        """Everything that anybody could change, as another client sees it."""
        found: dict[str, Any] = {}
        fields = "changeKey,lastModifiedDateTime,isRead,parentFolderId,categories,flag"
        with self._other_client() as client:
            for folder in self.server.folders(OWNER):
                url = f"/v1.0/me/mailFolders/{folder['id']}/messages?$top=1000&$select={fields}"
                answer = client.get(url)
                assert answer.status_code == 200, answer.text
                counts = folder["totalItemCount"], folder["unreadItemCount"]
                found[folder["path"]] = counts, answer.json()["value"]
        return found

    def flag(self, key: str, flag: str, folder: str = "INBOX") -> None:
        assert flag == "\\Seen"
        del folder
        self.server.mark_read(OWNER, key)

    def remove(self, *keys: str, folder: str = "INBOX") -> None:
        del folder
        for key in keys:
            self.server.delete(OWNER, key)

    def move(self, key: str, to: str, folder: str = "INBOX") -> None:
        del folder
        self.server.move(OWNER, key, _NAMES.get(to, to))

    def raw(self, key: str, folder: str = "INBOX") -> bytes:
        del folder
        with self._other_client() as client:
            answer = client.get(f"/v1.0/me/messages/{key}/$value")
            assert answer.status_code == 200, answer.text
            return answer.content

    def _other_client(self) -> httpx.Client:
        token = self.tokens.secrets()[0]
        headers = {"Authorization": f"Bearer {token}", "Prefer": 'IdType="ImmutableId"'}
        return httpx.Client(base_url=self.server.graph_url, headers=headers, trust_env=False, timeout=30)
