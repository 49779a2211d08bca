"""An address that is notified: answers the validation as asked, and keeps what it is sent."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Listener:
    """A context manager; `received` are the notifications, one by one."""

    def __init__(self, *, validates: bool = True, refuse: int = 0) -> None:
        self.received: list[dict[str, Any]] = []
        self.validated: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token = parse_qs(urlsplit(self.path).query).get("validationToken")
                if token:
                    outer.validated.append(self.path)
                    self._send(200, token[0] if validates else "something else")
                elif outer.refuse:
                    outer.refuse -= 1
                    self._send(503, "")
                else:
                    outer.received += json.loads(body)["value"]
                    self._send(202, "")

            def _send(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.refuse = refuse
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/notify"

    def __enter__(self) -> Listener:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, count: int = 1, seconds: float = 20) -> list[dict[str, Any]]:
        """At least so many notifications, or what has come by then."""
        until = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.received
