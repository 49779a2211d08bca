"""One conversation with a server: commands out, answers in, nothing a server says overlooked.

Commands may be in flight together; answers are read one at a time, so memory is bounded by one response. Whoever starts
a new piece of work calls `settle`, which reads past what an abandoned one left behind and begins a new `epoch`: a
suspended generator sees by it that its answers are gone.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from threadline.domain.causes import Cause
from threadline.domain.errors import Transient
from threadline.providers.imap.connect import network_error, wrap_tls
from threadline.providers.imap.errors import Phase, error_for
from threadline.providers.imap.parse import Answer, Continue, Data, Status, Unreadable, answer, capabilities
from threadline.providers.imap.wire import Framer, Limits, ProtocolError

_READ = 256 * 1024
_KEPT_NOTICES = 50
_UNTAGGED_LIMIT = 5_000_000  # answers to one command: more is a server that never ends
_COLLECTED_LIMIT = 20_000  # answers kept at once, of commands that have few: folders, mostly


@dataclass(frozen=True, slots=True)
class Literal:
    """A piece of a command that goes as a literal."""

    content: bytes


Part: TypeAlias = bytes | Literal


class Refused(Exception):
    """A command was answered NO or BAD. Never leaves this package: callers turn it into its meaning."""

    def __init__(self, status: Status, notices: Sequence[Status]) -> None:
        super().__init__(status.answer)
        self.status = status
        self.notices = tuple(notices)


class Channel:
    """Commands and answers over one socket."""

    def __init__(self, connection: socket.socket, host: str, *, limits: Limits | None = None) -> None:
        self._socket = connection
        self._host = host
        self._limits = limits
        self._framer = Framer(limits)
        self._read_into = bytearray(_READ)
        self._number = 0
        self._outstanding: deque[str] = deque()
        self._finished: dict[str, Status] = {}
        self._early: deque[Answer] = deque()  # came while a literal was being sent
        self._closed = False
        self.phase = Phase.SIGN_IN
        self.notices: deque[Status] = deque(maxlen=_KEPT_NOTICES)  # ALERT, BYE and refusals, the newest last
        self.capabilities: tuple[str, ...] = ()
        self.epoch = 0
        self.deadline: float | None = None  # time.monotonic()
        self._each = 60.0
        self.commands_sent = 0

    # Sending

    def send(self, *parts: Part) -> str:
        """Sends a command and returns its tag. Literals wait for the server's leave unless it has given it for all."""
        self._number += 1
        tag = f"T{self._number}"
        line = bytearray(f"{tag} ".encode())
        self._outstanding.append(tag)
        self.commands_sent += 1
        for part in parts:
            if isinstance(part, bytes):
                line += part
                continue
            at_once = "LITERAL+" in self.capabilities or (
                "LITERAL-" in self.capabilities and len(part.content) <= 4096  # RFC 7888 section 5
            )
            line += b"{%d%s}\r\n" % (len(part.content), b"+" if at_once else b"")
            if not at_once:
                self._write(bytes(line))
                line.clear()
                if not self._leave_to_continue(tag):
                    return tag
            line += part.content
        self._write(bytes(line) + b"\r\n")
        return tag

    def write_line(self, line: bytes) -> None:
        """Answers a continuation request."""
        self._write(line + b"\r\n")

    def _leave_to_continue(self, tag: str) -> bool:
        while True:
            found = self._read_answer()
            if isinstance(found, Continue):
                return True
            self._early.append(found)
            if isinstance(found, Status) and found.tag == tag:
                return False

    def _write(self, data: bytes) -> None:
        try:
            self._set_timeout()
            self._socket.sendall(data)
        except OSError as failure:
            raise self._lost(failure) from failure

    # Reading

    def answers(self, tag: str) -> Iterator[Data | Continue | Status]:
        """What the server says untagged until it has finished the command `tag`; raises Refused on NO and BAD."""
        notices: list[Status] = []
        for _ in range(_UNTAGGED_LIMIT):
            if tag in self._finished:
                status = self._finished.pop(tag)
                if status.kind != "OK":
                    raise Refused(status, notices)
                return
            found = self.receive()
            if isinstance(found, Unreadable) or (isinstance(found, Status) and found.tag):
                continue
            if isinstance(found, Status) and (found.kind != "OK" or found.code in ("ALERT", "WEBALERT")):
                notices.append(found)
            yield found
        raise self._broken("a command that never ends")

    def receive(self) -> Answer:
        """The next answer. Tagged ones are also noted as finished; BYE and the end of the connection raise."""
        found = self._early.popleft() if self._early else self._read_answer()
        if isinstance(found, Status):
            self._note(found)
        elif isinstance(found, Data) and found.name == "CAPABILITY":
            self.note_capabilities(found.frame.texts[0][found.skip :].decode("latin-1"))
        return found

    def take_finished(self, tag: str) -> Status | None:
        """The tagged answer to a command, once it has come."""
        return self._finished.pop(tag, None)

    def run(self, *parts: Part) -> list[Data]:
        """Sends a command and reads all its answers: for commands whose answers are few."""
        return self.collect(self.send(*parts))

    def collect(self, tag: str) -> list[Data]:
        """The answers of a command that was sent before."""
        found: list[Data] = []
        for one in self.answers(tag):
            if isinstance(one, Data):
                found.append(one)
            if len(found) > _COLLECTED_LIMIT:
                raise self._broken("more answers than any mailbox has folders")
        return found

    def settle(self) -> None:
        """Reads past the answers nobody waits for any more."""
        self.epoch += 1
        for _ in range(_UNTAGGED_LIMIT):
            if not self._outstanding:
                self._finished.clear()
                return
            self.receive()
        raise self._broken("a command that never ends")

    def _note(self, status: Status) -> None:
        if status.code == "CAPABILITY":
            self.note_capabilities(status.about)
        if status.kind in ("NO", "BAD", "BYE") or status.code in ("ALERT", "WEBALERT"):
            self.notices.append(status)
        if status.tag:
            if status.tag in self._outstanding:
                self._outstanding.remove(status.tag)
                self._finished[status.tag] = status
        elif status.kind == "BYE":
            self.close()
            raise error_for(status, self.phase)

    def note_capabilities(self, text: str) -> None:
        """Takes the place of what was announced before (RFC 9051 section 6.1.1)."""
        self.capabilities = capabilities(text)

    def _read_answer(self) -> Answer:
        while True:
            try:
                frame = self._framer.next()
            except ProtocolError as error:
                raise self._broken(str(error)) from error
            if frame is None:
                self._read_more()
                continue
            found = answer(frame)
            if isinstance(found, Unreadable):
                if not self.commands_sent:
                    raise self._no_mail_server(found.text)
                continue
            return found

    def _read_more(self) -> None:
        if self._closed:
            raise self._lost(ConnectionAbortedError("closed"))
        try:
            self._set_timeout()
            size = self._socket.recv_into(self._read_into)
        except OSError as failure:
            raise self._lost(failure) from failure
        if not size:
            raise self._lost(ConnectionAbortedError("the server closed the connection"))
        self._framer.feed(memoryview(self._read_into)[:size])

    def _set_timeout(self) -> None:
        if self.deadline is None:
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(min(left, self._each))

    # The connection itself

    def allow(self, seconds: float | None, *, each: float) -> None:
        """Gives the work up to now a deadline (None: no more), and every single read `each` seconds."""
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self._each = each
        self._socket.settimeout(each)

    def turn_to_tls(self, context: ssl.SSLContext | None) -> None:
        """After STARTTLS. What the server sent ahead in the clear would be taken for protected: refused."""
        if self._framer.pending or self._early:
            raise self._broken("data in the clear after STARTTLS")
        self._socket = wrap_tls(self._socket, self._host, context)
        self._framer = Framer(self._limits)
        self.capabilities = ()

    @property
    def protected(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    @property
    def tls_version(self) -> str:
        return (self._socket.version() or "") if isinstance(self._socket, ssl.SSLSocket) else ""

    @property
    def usable(self) -> bool:
        return not self._closed

    def say_goodbye(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.settimeout(1.0)
            self._socket.sendall(b"Z LOGOUT\r\n")

    def close(self) -> None:
        self._closed = True
        self._socket.close()

    def _lost(self, failure: OSError) -> Transient:
        self.close()
        return network_error(failure, self._host)

    def _broken(self, what: str) -> Transient:
        self.close()
        return Transient(
            f"{self._host} does not answer as a mail server should. We try again by ourselves.",
            cause=Cause.SERVER_TROUBLE,
            certain=False,
            answer=what,
        )

    def _no_mail_server(self, text: bytes) -> Transient:
        self.close()
        return Transient(
            f"What answers at {self._host} on this port is not an IMAP server.",
            cause=Cause.NOT_A_MAIL_SERVER,
            answer=text[:200].decode("utf-8", "replace"),
        )
