"""A man in the middle who speaks IMAP: a real server stands behind him, and he makes it an odd one.

    with Meddler(dovecot.port) as odd:
        odd.on_command = lambda command: Answer.NO if command.startswith("UID FETCH") else None
        odd.on_response = lambda response: [response.replace(b"UIDNEXT", b"X-NEXT")]

`on_command` sees each command without its tag; None passes it on, an `Answer` is given in the server's place.
`on_response` sees each whole response, literals included; it returns what the client gets instead, or DROP; DROP as
the last of several ends the connection after them.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from types import TracebackType
from typing import BinaryIO

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")


class Answer(Enum):
    """What is said to a command in the server's place."""

    NO = "{tag} NO It cannot be done at the moment, for reasons of our own\r\n"
    BAD = "{tag} BAD What is this\r\n"
    BYE = "* BYE Going down\r\n"
    DROP = ""  # the connection ends without a word


DROP: None = None
OnResponse = Callable[[bytes], Sequence[bytes | None] | None]


class Meddler:
    """Listens on a free loopback port; a context manager."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self.on_command: Callable[[str], Answer | None] = lambda _: None
        self.on_response: OnResponse = lambda response: [response]
        self.commands: list[str] = []

    def behave(self) -> None:
        """Be an ordinary server again."""
        self.on_command = lambda _: None
        self.on_response = lambda response: [response]

    def __enter__(self) -> Meddler:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in [self._listener, *self._sockets]:
            _end(one)
        for thread in self._threads:
            thread.join(timeout=10)
        for one in [self._listener, *self._sockets]:
            one.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            turn = threading.Lock()  # two may speak to the client: a response is never interrupted by another
            self._start(self._up, client, server, turn)
            self._start(self._down, client, server, turn)

    def _up(self, client: socket.socket, server: socket.socket, turn: threading.Lock) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as lines:
            while line := lines.readline():
                tag, _, text = line.decode("latin-1").rstrip("\r\n").partition(" ")
                self.commands.append(text)
                answer = self.on_command(text)
                if answer is None:
                    server.sendall(line)
                    continue
                with turn:
                    client.sendall(answer.value.format(tag=tag).encode())
                if answer in (Answer.BYE, Answer.DROP):
                    break
        _end(client, server)

    def _down(self, client: socket.socket, server: socket.socket, turn: threading.Lock) -> None:
        with contextlib.suppress(OSError), server.makefile("rb") as lines:
            while response := _response(lines):
                instead = self.on_response(response)
                if instead is None:
                    break
                with turn:
                    client.sendall(b"".join(one for one in instead if one is not None))
                if DROP in instead:
                    break
        _end(client, server)


def _response(lines: BinaryIO) -> bytes:
    """A line with its literals, and the lines that go on after them."""
    found = lines.readline()
    while literal := _LITERAL.search(found):
        found += lines.read(int(literal[1])) + lines.readline()
    return found


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
