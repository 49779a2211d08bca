"""One child process and the pipes to it: send batches, collect their answers until it is done, dies or is out of time.

A batch may be sent while the one before it is being answered. One thread does both, so that neither side can wait for
the other for ever: what a pipe does not take goes out while we wait for answers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, Annotated

import msgspec

from threadline.domain.errors import ThreadlineError
from threadline.providers.mime import frames

_START_SECONDS = 60.0  # a cold disk and a busy machine; usually a tenth of a second
_PIPE_BYTES = 1 << 20  # a batch fits: the two processes work side by side instead of taking turns
_encode = msgspec.msgpack.Encoder().encode
_Answers = Annotated[list[frames.Answer], msgspec.Meta(min_length=1)]  # so that each frame brings us nearer to the end
_answers_of: msgspec.msgpack.Decoder[list[frames.Answer]] = msgspec.msgpack.Decoder(_Answers)


def _sound(answers: list[frames.Answer]) -> list[frames.Answer]:
    """The answers. Raises UnicodeDecodeError for a text that the store could not give back."""
    for answer in answers:
        if isinstance(answer, frames.Parsed) and not answer.message.text_utf8.isascii():
            answer.message.text_utf8.decode()
    return answers


class Reason(Enum):
    """Why a child did not answer."""

    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"


class ParserUnavailable(ThreadlineError):
    """The process that reads emails cannot be started on this machine."""


@dataclass(slots=True)
class Outcome:
    """The answers that came, in the order of the tasks; fewer than tasks when the child is dead, for `reason`."""

    answers: list[frames.Answer] = field(default_factory=list)
    reason: Reason | None = None


class Process:
    """A child that runs, or is about to. After an outcome with a reason it is dead and its object is of no more use."""

    def __init__(self, memory_limit: int, seconds: float) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the child
        command = [sys.executable, "-I", "-m", "threadline.providers.mime.child"]
        self._child = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [*command, str(memory_limit), str(int(seconds + 1))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={"LANG": "C.UTF-8"},  # no secret of ours is within its reach
            cwd="/",
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the parent, which then closes it
        )
        assert self._child.stdin is not None  # noqa: S101  it is a pipe
        assert self._child.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._child.stdin, self._child.stdout
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):  # an ordinary user's share of pipe memory may be used up
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._readable, self._either = select.poll(), select.poll()
        for poll in (self._readable, self._either):
            poll.register(self._stdout.fileno(), select.POLLIN)
        self._either.register(self._stdin.fileno(), select.POLLOUT)
        self._unsent: deque[memoryview] = deque()
        self.handled = 0
        self.ready = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def run(self, tasks: Sequence[frames.Task], seconds: float) -> Outcome:
        """The answers to all tasks, within `seconds` for all of them together."""
        self.send(tasks)
        return self.receive(len(tasks), seconds)

    def send(self, tasks: Sequence[frames.Task]) -> None:
        """Hand over a batch: its answers come after those to the batches before it. Raises ParserUnavailable."""
        if not self.ready:
            self._wait_until_ready()
        payload = _encode(tasks)
        self._unsent += (memoryview(frames.LENGTH.pack(len(payload))), memoryview(payload))
        with contextlib.suppress(OSError):  # it is dead: whoever asks for the answers is told why
            self._push()

    def receive(self, count: int, seconds: float) -> Outcome:
        """The `count` answers to the batch that was sent first, within `seconds` for all of them together."""
        outcome = Outcome()
        deadline = time.monotonic() + seconds
        try:
            while len(outcome.answers) < count:
                outcome.answers += _sound(_answers_of.decode(self._receive(deadline)))
        except TimeoutError:
            self.kill()
            outcome.reason = Reason.TIMED_OUT
        except (OSError, EOFError, msgspec.MsgspecError, UnicodeDecodeError):
            outcome.reason = self._cause_of_death()
        if len(outcome.answers) > count:  # what nobody asked: it is not to be trusted with the next batch
            self.kill()
            del outcome.answers[count:]
            outcome.reason = Reason.CRASHED
        self.handled += len(outcome.answers)
        return outcome

    def kill(self) -> None:
        """End it at once. Harmless when it has ended."""
        self._child.kill()
        self._child.wait()
        self._stdin.close()
        self._stdout.close()
        self._errors.close()

    def _wait_until_ready(self) -> None:
        try:
            self.ready = self._receive(time.monotonic() + _START_SECONDS) == frames.READY
        except (OSError, EOFError):
            self.ready = False
        if not self.ready:
            reason = self._cause_of_death()
            raise ParserUnavailable(f"The process that reads emails did not start ({reason.value}).")

    def _push(self) -> None:
        """Write what the pipe takes now."""
        try:
            while self._unsent:
                left = self._unsent[0]
                self._unsent[0] = left[os.write(self._stdin.fileno(), left) :]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            return

    def _receive(self, deadline: float) -> bytearray:
        head = self._take(frames.LENGTH.size, deadline)
        (length,) = frames.LENGTH.unpack(head)
        if length > frames.LARGEST_ANSWER:
            raise EOFError
        return self._take(length, deadline)

    def _take(self, length: int, deadline: float) -> bytearray:
        taken = bytearray(length)
        left = memoryview(taken)
        while left:
            try:
                count = os.readv(self._stdout.fileno(), [left])
            except BlockingIOError:
                self._wait(deadline)
                continue
            if not count:
                raise EOFError
            left = left[count:]
        return taken

    def _wait(self, deadline: float) -> None:
        """Until there is something to read, or room for what is not sent yet."""
        poll = self._either if self._unsent else self._readable
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        self._push()

    def _cause_of_death(self) -> Reason:
        """Its exit status and what its allocator said. What it wrote is never logged: it may hold mail."""
        try:
            status = self._child.wait(timeout=1)  # a closed pipe comes a moment before the end
        except subprocess.TimeoutExpired:
            self._child.kill()
            status = self._child.wait()
        self._errors.seek(0)
        said = self._errors.read(65536)
        self.kill()
        if status == -signal.SIGXCPU:
            return Reason.TIMED_OUT
        if status == frames.OUT_OF_MEMORY or b"memory allocation of" in said or b"MemoryError" in said:
            return Reason.OUT_OF_MEMORY
        return Reason.CRASHED
