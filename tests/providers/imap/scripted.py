"""An IMAP server that says what a test tells it to, for the oddities that no real server can be made to show.

    with ScriptedServer(on("UID SEARCH", "* SEARCH 1 2", "%t OK done")) as server:
        session = server.open()

A command is answered by the first rule whose pattern it matches and whose answers are not used up; the rules of a test
stand before those of an ordinary server. `server.commands` is what the client sent, tags taken off.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

from tests.providers.contract.backends import Secrets
from threadline.providers.contract import Security, ServerSettings
from threadline.providers.imap import ImapSession, open_session

CLOSE = "\x00close"  # the connection ends here
_PLUS = re.compile(rb"\{(\d+)(\+?)\}\r\n$")


@dataclass
class Rule:
    pattern: str
    answers: Sequence[str]  # each a line; "%t" is the tag
    times: int | None = None  # how often it answers; None: always


def on(pattern: str, *answers: str, times: int | None = None) -> Rule:
    return Rule(pattern, answers or ("%t OK done",), times)


def ordinary(exists: int = 0, uidnext: int | None = None, capabilities: str = "IMAP4rev1") -> list[Rule]:
    """A plain server without extensions, with some mail in its Inbox."""
    return [
        on("CAPABILITY", f"* CAPABILITY {capabilities}", "%t OK done"),
        on("LOGIN|ID|ENABLE|NOOP"),
        on('LIST "" "\\*"', '* LIST (\\HasNoChildren) "/" INBOX', "%t OK done"),
        on("EXAMINE", *opened(exists, uidnext or exists + 1)),
        on("UID SEARCH", "* SEARCH " + " ".join(map(str, range(1, exists + 1))), "%t OK done"),
        on("UID FETCH [0-9:,]+ \\(UID FLAGS", *(listed(uid) for uid in range(1, exists + 1)), "%t OK done"),
        on("LOGOUT", "* BYE", "%t OK", CLOSE),
    ]


def opened(exists: int, uidnext: int | None, *, uidvalidity: int | None = 7, modseq: int | None = None) -> list[str]:
    lines = [f"* {exists} EXISTS", "* OK [FLAGS ()] flags"]
    lines += [f"* OK [UIDVALIDITY {uidvalidity}] ok"] if uidvalidity is not None else []
    lines += [f"* OK [UIDNEXT {uidnext}] ok"] if uidnext is not None else []
    lines += [f"* OK [HIGHESTMODSEQ {modseq}] ok"] if modseq is not None else []
    return [*lines, "%t OK [READ-ONLY] done"]


def listed(uid: int, size: int = 20) -> str:
    return f'* {uid} FETCH (UID {uid} FLAGS () INTERNALDATE " 2-Mar-2026 10:00:00 +0000" RFC822.SIZE {size})'


def whole(uid: int, text: str, *, sequence: int | None = None) -> str:
    return f"* {sequence or uid} FETCH (UID {uid} BODY[] {{{len(text.encode('latin-1'))}}}\r\n{text})"


class ScriptedServer:
    """Serves any number of connections, one after another, in a thread of its own."""

    def __init__(
        self, *rules: Rule, greeting: str = "* OK ready", exists: int = 0, uidnext: int | None = None,
        capabilities: str = "IMAP4rev1",
    ) -> None:  # fmt: skip
        self._rules = [*rules, *ordinary(exists, uidnext, capabilities)]
        self._greeting = greeting
        self._left = {id(rule): rule.times for rule in self._rules}
        self.commands: list[str] = []

    def __enter__(self) -> ScriptedServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)
        for connection in self._connections:
            connection.close()

    def settings(self, security: Security = Security.NONE) -> ServerSettings:
        return ServerSettings("127.0.0.1", self.port, security, "anna")

    def open(self, *, token: str | None = None, security: Security = Security.NONE, timeout: float = 5) -> ImapSession:
        return open_session(self.settings(security), Secrets("secret", token), timeout=timeout)

    def sent(self, start: str) -> list[str]:
        """The commands that began like this."""
        return [command for command in self.commands if command.startswith(start)]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            with contextlib.suppress(OSError), connection.makefile("rb") as lines:
                connection.sendall(self._greeting.encode("latin-1") + (b"\r\n" if self._greeting else b""))
                for command in _commands(connection, lines):
                    if not self._answer(connection, command):
                        break

    def _answer(self, connection: socket.socket, command: str) -> bool:
        tag, _, text = command.partition(" ")
        self.commands.append(text)
        for line in self._answers(text):
            if line == CLOSE:
                connection.shutdown(socket.SHUT_RDWR)
                return False
            whole_line = not line.endswith("\x01")  # \x01: the rest of the line never comes
            data = line.replace("%t", tag).rstrip("\x01").encode("latin-1")
            connection.sendall(data + b"\r\n" if whole_line else data)
        return True

    def _answers(self, text: str) -> Sequence[str]:
        for rule in self._rules:
            left = self._left[id(rule)]
            if left != 0 and re.match(rule.pattern, text):
                self._left[id(rule)] = None if left is None else left - 1
                return rule.answers
        return ("%t BAD not in the script",)


def _commands(connection: socket.socket, lines: BinaryIO) -> Iterator[str]:
    while line := lines.readline():
        command = line
        while literal := _PLUS.search(command):
            if not literal[2]:
                connection.sendall(b"+ go on\r\n")
            command += lines.read(int(literal[1])) + lines.readline()
        yield command.decode("latin-1").removesuffix("\r\n")
