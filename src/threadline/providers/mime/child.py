"""The process that reads mail for `Parser`: `python -I -m threadline.providers.mime.child MEMORY SECONDS`.

It limits itself before it reads anything, answers batches of tasks until its input ends, and ends with its parent,
which holds the other end of that input. It writes nothing but answers.
"""

# ruff: noqa: E402

from __future__ import annotations

import gc

gc.disable()  # until everything is loaded: nothing of it is garbage, and looking takes its time

import os
import resource
import sys
from collections.abc import Generator, Sequence
from typing import BinaryIO

import msgspec

from threadline.providers.contract import Content, RemoteItem
from threadline.providers.mime import frames
from threadline.providers.mime.extract import extract_part
from threadline.providers.mime.parse import headers_only, parse_in_steps
from threadline.providers.mime.sanitise import clean_html

_TOGETHER = 64  # messages that are read in step, and their answers: each frame wakes the other side


def main(memory: int, seconds: int) -> None:
    """Answer tasks from standard input on standard output."""
    _limit(memory)
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    tasks_of = msgspec.msgpack.Decoder(list[frames.Task])
    encode = msgspec.msgpack.Encoder().encode
    source, target = sys.stdin.buffer, sys.stdout.buffer
    _write(target, frames.READY)
    while (frame := _read(source)) is not None:
        tasks = tasks_of.decode(frame)
        del frame
        _limit_cpu(seconds)
        for start in range(0, len(tasks), _TOGETHER):
            _write(target, encode(_answers(tasks[start : start + _TOGETHER])))


def _answers(tasks: Sequence[frames.Task]) -> list[frames.Answer]:
    """The answers to these tasks, each worked at up to its next pause before it goes on with the first.

    Then one piece of code after another is in the processor's caches, instead of all of them at once: a tenth of the
    time of reading.
    """
    answers: dict[int, frames.Answer] = {}
    waiting = {place: _steps(task) for place, task in enumerate(tasks)}
    while waiting:
        for place, steps in list(waiting.items()):
            if (answer := _answer(steps)) is not None:
                answers[place] = answer
                del waiting[place]
    return [answers[place] for place in range(len(tasks))]


def _answer(steps: Generator[None, None, frames.Answer]) -> frames.Answer | None:
    """The answer, if the next step is the last."""
    try:
        next(steps)
    except StopIteration as end:
        answer: frames.Answer = end.value
        return answer
    except MemoryError:
        os._exit(frames.OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001  whatever it is, it concerns this message and no other
        return frames.Failed(type(error).__name__)
    return None


def _steps(task: frames.Task) -> Generator[None, None, frames.Answer]:
    if isinstance(task, frames.Parse):
        item = RemoteItem(remote_id="", size=task.size, received_at=None)
        content = Content(item, task.raw, task.whole, task.parts, task.structure)
        return frames.Parsed((yield from parse_in_steps(content)))
    if isinstance(task, frames.ReadHeader):
        return frames.Parsed(headers_only(task.block, task.defect))
    if isinstance(task, frames.Sanitise):
        return frames.Sanitised(clean_html(task.html, task.allow_remote))
    try:
        return frames.Extracted(extract_part(task.raw, task.part))
    except KeyError:
        return frames.Extracted(None)


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold mail
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))  # it writes no files


def _limit_cpu(seconds: int) -> None:
    """Let the system kill this process after `seconds` more of CPU time, should the parent not be there to do it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime) + seconds + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(frames.LENGTH.size)
    if len(head) < frames.LENGTH.size:
        return None
    (length,) = frames.LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _write(target: BinaryIO, payload: bytes) -> None:
    target.write(frames.LENGTH.pack(len(payload)))
    target.write(payload)
    target.flush()


if __name__ == "__main__":
    try:
        main(memory=int(sys.argv[1]), seconds=int(sys.argv[2]))
    except MemoryError:
        os._exit(frames.OUT_OF_MEMORY)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
