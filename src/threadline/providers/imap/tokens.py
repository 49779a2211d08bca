"""Tokens: the text of a frame becomes nested lists of byte strings.

Iterative, with a limit on depth, so that hostile nesting costs no stack. Lenient where servers are: control characters
outside quotes (seen on Exchange), stray backslashes, atoms with brackets. What cannot be read raises `ProtocolError`;
the frame it stood in is complete all the same, so the caller may drop that one response and read on.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from threadline.providers.imap.wire import Frame, ProtocolError, Skipped

# NIL is None. A quoted string, an atom and a literal are all bytes: no caller needs to tell them apart.
Value: TypeAlias = "bytes | Skipped | list[Value] | None"

MAX_DEPTH = 100  # MIME nests far less; every level of BODYSTRUCTURE costs one or two
_TOKEN = re.compile(
    rb"""[ ]*(?:
      (?P<open>\()
    | (?P<close>\))
    | "(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"
    | (?P<section>(?:BODY|BINARY)(?:\.PEEK|\.SIZE)?\[[^\]]*\](?:<\d+>)?)
    | (?P<atom>[^ ()"]+)
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def tokenize(frame: Frame, skip: int = 0) -> list[Value]:
    """The tokens of a frame, its first `skip` bytes left out."""
    top: list[Value] = []
    stack = [top]
    for index, text in enumerate(frame.texts):
        _read(text, skip if index == 0 else 0, stack)
        if index < len(frame.literals):
            stack[-1].append(frame.literals[index])
    if len(stack) != 1:
        raise ProtocolError("a list without its end")
    return top


def tokenize_text(text: bytes) -> list[Value]:
    """The tokens of a text without literals."""
    return tokenize(Frame((text,), ()))


def _read(text: bytes, position: int, stack: list[list[Value]]) -> None:
    match = _TOKEN.match
    while found := match(text, position):
        position = found.end()
        kind = found.lastgroup
        if kind == "open":
            if len(stack) > MAX_DEPTH:
                raise ProtocolError(f"lists nested deeper than {MAX_DEPTH}")
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif kind == "close":
            if len(stack) == 1:
                raise ProtocolError("the end of a list that never began")
            stack.pop()
        elif kind == "quoted":
            value = found["quoted"]
            stack[-1].append(_ESCAPED.sub(rb"\1", value) if b"\\" in value else value)
        else:
            atom = found[kind or 0].strip()
            stack[-1].append(None if atom.upper() == b"NIL" else atom)
    if text[position:].strip():
        raise ProtocolError("a quoted string without its end")
