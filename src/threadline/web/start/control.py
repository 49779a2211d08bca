"""Speaks to the sandbox of the demo: a few verbs over HTTP on loopback, behind its token (docs/guides/demo.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

SECONDS = 10.0


class SandboxRefused(Exception):
    """The sandbox did not do what was asked; the message is a sentence."""


class Sandbox:
    """The sandbox named in the ready file. Raises SandboxRefused when there is none."""

    def __init__(self) -> None:
        ready_file: Path = settings.SANDBOX_READY_FILE
        try:
            ready = json.loads(ready_file.read_text(encoding="utf-8"))
            token = Path(ready["token_path"]).read_text(encoding="ascii").strip()
        except (OSError, ValueError, KeyError):
            raise SandboxRefused(
                "The demo’s mail server is not running. It starts with: threadline serve --demo"
            ) from None
        self.accounts: list[dict[str, Any]] = ready["accounts"]
        self.has_microsoft = "microsoft" in ready
        self._base = f"http://{ready['host']}:{ready['control_port']}/v1"
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, verb: str, **query: str) -> dict[str, Any]:
        return self._ask("GET", verb, params=query)

    def post(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self._ask("POST", verb, json=arguments)

    def _ask(self, method: str, verb: str, **more: Any) -> dict[str, Any]:
        try:
            # A proxy of the environment has no business with loopback.
            with httpx.Client(headers=self._headers, timeout=SECONDS, trust_env=False) as client:
                answer = client.request(method, f"{self._base}/{verb}", **more)
            body: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError):
            raise SandboxRefused("The demo’s mail server does not answer. Start the demo again.") from None
        if answer.is_error:
            raise SandboxRefused(f"{body.get('error', 'The demo’s mail server refused it')}.")
        return body
