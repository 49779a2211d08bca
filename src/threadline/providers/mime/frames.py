"""What goes over the pipes between `Parser` and its child: frames of four length bytes and MessagePack.

One frame carries a batch of tasks; the child answers them in their order, some of them to a frame. Of a batch that a
child died on, the parent hands out what is left one by one, and so learns on which message it was. Answers are decoded
into these types and nothing else: the child has read hostile mail and is not trusted.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

import msgspec

from threadline.domain.messages import ParsedMessage
from threadline.providers.contract import PartInfo, TextPart

LENGTH = struct.Struct(">I")
LARGEST_ANSWER = 256_000_000
READY = b"ready"
OUT_OF_MEMORY = 83  # exit status of a child that met its memory limit in Python code


class Parse(msgspec.Struct, tag="parse", frozen=True):
    """Read a message. The fields are those of `Content` that its meaning depends on."""

    raw: bytes
    whole: bool = True
    parts: tuple[TextPart, ...] = ()
    structure: tuple[PartInfo, ...] = ()
    size: int = 0  # of the whole message, as the server has it


class ReadHeader(msgspec.Struct, tag="header", frozen=True):
    """Read only the header block of a message."""

    block: bytes
    defect: str


class Sanitise(msgspec.Struct, tag="sanitise", frozen=True):
    """Make HTML fit to be shown."""

    html: str
    allow_remote: bool


class Extract(msgspec.Struct, tag="extract", frozen=True):
    """Decode one part of a whole message."""

    raw: bytes
    part: str


class Parsed(msgspec.Struct, tag="parsed", frozen=True):
    message: ParsedMessage


class Sanitised(msgspec.Struct, tag="sanitised", frozen=True):
    html: str


class Extracted(msgspec.Struct, tag="extracted", frozen=True):
    content: bytes | None  # None: no such part


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The task raised something in the child. Only the name of the exception: its text may hold mail."""

    exception: str


Task: TypeAlias = Parse | ReadHeader | Sanitise | Extract
Answer: TypeAlias = Parsed | Sanitised | Extracted | Failed
