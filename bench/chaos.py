"""Faults for a refresh that runs: kills, a network that breaks, a server that says odd things, a mailbox that moves.

product -> FaultProxy (bytes) -> Meddler (words) -> Dovecot <- Bustle (a mail program at work)
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from tests.faults.meddler import DROP, Answer, Meddler
from tests.faults.proxy import Cut, FaultProxy, _Stream

from bench.generator import Generator
from bench.measure import members, summed_memory

SAMPLE_SECONDS = 0.05
BROKEN_WITHIN = (20_000, 24_000_000)  # bytes from the server: at most what the last run got, between these
KILLED_AFTER = 0.4  # seconds at most after those bytes: a batch is read, stored and indexed then
STALLED_SECONDS = 2.0
SIGNING_IN = ("LOGIN", "AUTHENTICATE", "CAPABILITY", "ID", "STARTTLS")
ELSEWHERE = "Clients/Acme"
GROUP_KILLED, READER_KILLED = "process group killed", "process that reads emails killed"
STALLED = "connection stalled, then broken"

ODD_WORDS: dict[str, Callable[[bytes], Sequence[bytes]]] = {
    "every FETCH answered twice": lambda said: [said, said] if _is_fetch(said) else [said],
    "FETCH answers without FLAGS": lambda said: [_without_flags(said)] if _is_fetch(said) else [said],
    "EXISTS in between": lambda said: [said, b"* 3 EXISTS\r\n"] if _is_fetch(said) else [said],
    "UIDNEXT missing": lambda said: [] if b"[UIDNEXT" in said[:60] else [said],
    "HIGHESTMODSEQ gone down": lambda said: [re.sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 1", said)],
}  # fmt: skip


def _is_fetch(said: bytes) -> bool:
    return said.startswith(b"* ") and b" FETCH (" in said[:40]


class Proxy(FaultProxy):
    """Also counts the faults that met something: what is to break after more bytes than pass breaks nothing."""

    met = 0

    def __enter__(self) -> Proxy:
        super().__enter__()
        return self

    async def _break(self, stream: _Stream, cut: Cut) -> None:
        self.met += 1
        await super()._break(stream, cut)

    async def _write(self, connection: int, stream: _Stream, data: bytes) -> None:
        before = stream.corrupted
        await super()._write(connection, stream, data)
        self.met += stream.corrupted and not before


def _without_flags(said: bytes) -> bytes:
    start = said[:200]  # what follows may be mail
    return re.sub(rb"FLAGS \([^)]*\) ", b"", start, count=1) + said[200:]


@dataclass
class Counted:
    """What was done, by name, and how the commands ended."""

    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    peak: float = 0.0  # MB, of all processes of the command together


class Chaos:
    """Runs commands under one fault each."""

    def __init__(self, proxy: Proxy, meddler: Meddler, poison: bytes, seed: int) -> None:
        """While `poison` is in what the server says of a message, the connection ends there, every time."""
        self._proxy, self._meddler, self._poison = proxy, meddler, poison
        self._chance = random.Random(seed)
        self.counted = Counted()
        self._met = False  # the fault of this run has met it
        self._passed = 0  # bytes that the last run got
        self._set: dict[str, Callable[[], None]] = {
            "connection closed": lambda: self._cut("close"),
            "connection reset": lambda: self._cut("reset"),
            STALLED: lambda: self._cut("stall"),
            "a byte of ours changed on the way": self._corrupt,
            "connection refused": lambda: self._always(refuse=True),
            "network slow": lambda: self._always(latency=0.02, rate=8_000_000),
            **{f"server says {answer.name}": self._answering(answer) for answer in (Answer.NO, Answer.BAD, Answer.BYE)},
            **{words: self._saying(change) for words, change in ODD_WORDS.items()},
        }
        self.kinds = [GROUP_KILLED] * 6 + [READER_KILLED] * 2 + list(self._set)

    def run(self, command: Sequence[str], environment: dict[str, str], kind: str | None) -> int:
        """The command under this fault, None for none; its exit status (negative: the signal)."""
        self.heal()
        self._met = False
        self._proxy.met = 0
        if kind in self._set:
            self._set[kind]()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            self._watch(process, kind)
            status = process.wait()
        self._passed = self._proxy.bytes_down
        self._proxy.reset_counts()
        self.counted.ends["killed" if status < 0 else "complete" if status == 0 else "ended early, with a reason"] += 1
        if kind is not None and (self._met or self._proxy.met):
            self.counted.faults[kind] += 1
        return status

    def heal(self, *, wholly: bool = False) -> None:
        """No fault but the poison; `wholly`: not even that."""
        self._proxy.behave()
        self._meddler.behave()
        if not wholly:
            self._meddler.on_response = lambda said: DROP if self._poison in said else [said]

    def _watch(self, process: subprocess.Popen[bytes], kind: str | None) -> None:
        """Measure until it ends; kill when it is time."""
        done, moment = False, self._some_bytes()
        while process.poll() is None:
            self.counted.peak = max(self.counted.peak, summed_memory(process.pid))
            if kind in {GROUP_KILLED, READER_KILLED} and self._proxy.bytes_down >= moment and not done:
                time.sleep(self._chance.uniform(0, KILLED_AFTER))
                done = True
                self._met = _kill_group(process) if kind == GROUP_KILLED else _kill_children(process.pid)
            if kind == STALLED and self._proxy.met and not done:
                done = True
                time.sleep(STALLED_SECONDS)
                self._proxy.cut_all()
                self.heal()
            time.sleep(SAMPLE_SECONDS)

    def _always(self, **behaviour: float) -> None:
        self._proxy.behave(**behaviour)
        self._met = True

    def _cut(self, how: str) -> None:
        self._proxy.behave(down=Cut(after=self._some_bytes(), how=how))  # type: ignore[arg-type]  # one of its words

    def _some_bytes(self) -> int:
        least, most = BROKEN_WITHIN
        return int(min(most, max(least, self._passed)) ** self._chance.uniform(0.5, 1.0))

    def _corrupt(self) -> None:
        self._proxy.behave(up=Cut(after=self._chance.randrange(300, 3_000), how="corrupt"))

    def _answering(self, answer: Answer) -> Callable[[], None]:
        def set_it() -> None:
            left = self._chance.randrange(1, 25)

            def on_command(command: str) -> Answer | None:
                nonlocal left
                if command.upper().startswith(SIGNING_IN):
                    return None
                left -= 1
                self._met = self._met or left == 0
                return answer if left == 0 else None

            self._meddler.on_command = on_command

        return set_it

    def _saying(self, change: Callable[[bytes], Sequence[bytes]]) -> Callable[[], None]:
        def set_it() -> None:
            def on_response(said: bytes) -> Sequence[bytes] | None:
                if self._poison in said:
                    return DROP
                instead = change(said)
                self._met = self._met or list(instead) != [said]
                return instead

            self._meddler.on_response = on_response

        return set_it


def _kill_group(process: subprocess.Popen[bytes]) -> bool:
    """SIGKILL to all of them, unless it has ended by itself."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return True


def _kill_children(pid: int) -> bool:
    children = members(pid)[1:]
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return bool(children)


class Bustle:
    """A mail program at work in the mailbox: mail arrives and is sent, filed, deleted and read. A context manager."""

    def __init__(self, port: int, user: str, password: str, seed: int, pause: float = 0.15) -> None:
        self._where, self._pause = (port, user, password), pause
        self._chance = random.Random(seed)
        self._mails = Generator("small", seed=seed).mails(100_000, start=50_000_000)
        self._stop, self._may_go_on = threading.Event(), threading.Lock()
        self.done: Counter[str] = Counter()

    def __enter__(self) -> Bustle:
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def resting(self) -> threading.Lock:
        """Held: nothing moves."""
        return self._may_go_on

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                with self._signed_in() as connection:
                    while not self._stop.wait(self._pause):
                        with self._may_go_on:
                            self._act(connection)
            except imaplib.IMAP4.abort:  # signed out by a change of UIDVALIDITY
                self._stop.wait(self._pause)

    def _signed_in(self) -> imaplib.IMAP4:
        port, user, password = self._where
        connection = imaplib.IMAP4("127.0.0.1", port)
        connection.login(user, password)
        connection.create(f'"{ELSEWHERE}"')
        return connection

    def _act(self, connection: imaplib.IMAP4) -> None:
        name = self._chance.choice(("delivered", "delivered", "delivered", "sent", "filed", "deleted", "read"))
        if name in {"delivered", "sent"}:
            mail = next(self._mails)
            folder = "Sent" if name == "sent" else "INBOX"
            _expect(connection.append(folder, "", imaplib.Time2Internaldate(mail.at), mail.raw))
        else:
            _expect(connection.select("INBOX"))
            uids = connection.uid("SEARCH", "ALL")[1][0].split()
            uid = self._chance.choice(uids).decode()
            if name == "filed":
                _expect(connection.uid("MOVE", uid, f'"{ELSEWHERE}"'))
            elif name == "deleted":
                _expect(connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"))
                _expect(connection.uid("EXPUNGE", uid))
            else:
                _expect(connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))
        self.done[name] += 1


def _expect(answer: tuple[str, Sequence[object]]) -> None:
    if answer[0] != "OK":
        raise imaplib.IMAP4.abort(repr(answer))
