"""Reading a command: a line, the literals in it, and the tokens of RFC 3501 section 9.

`Cursor` walks over one whole command. The fragments alternate: text, literal, text, literal, ..., text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_LIST_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_UNESCAPE = re.compile(rb'\\(["\\])')
_FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_SEQUENCE_SET = re.compile(rb"[0-9:*,]+")
_DIGITS = re.compile(rb"[0-9]{1,19}")


class MalformedError(Exception):
    """The client sent what the grammar does not allow: BAD, with this text."""


class Cursor:
    """A place in a command, moving forward.

    Every method raises MalformedError when what it expects is not there.
    """

    def __init__(self, fragments: Sequence[bytes]) -> None:
        self._fragments = fragments
        self._index = 0
        self._offset = 0

    @property
    def at_end(self) -> bool:
        """Nothing is left to read."""
        return self._index == len(self._fragments) - 1 and self._offset == len(self._text)

    @property
    def _text(self) -> bytes:
        return self._fragments[self._index]

    @property
    def _at_literal(self) -> bool:
        return self._offset == len(self._text) and self._index + 1 < len(self._fragments)

    def looks_at(self, what: bytes) -> bool:
        """Whether this text comes next, whatever its case."""
        return self._text[self._offset : self._offset + len(what)].upper() == what.upper()

    def skip(self, what: bytes) -> bool:
        """Move over this text when it comes next."""
        if not self.looks_at(what):
            return False
        self._offset += len(what)
        return True

    def expect(self, what: bytes) -> None:
        """Move over this text, which must come next."""
        if not self.skip(what):
            raise MalformedError(f"Expected {what.decode('ascii')!r}")

    def space(self) -> None:
        """Exactly the space between two arguments."""
        if not self.skip(b" "):
            raise MalformedError("Missing arguments" if self.at_end else "Expected a space")

    def end(self) -> None:
        """The command must be over."""
        if not self.at_end:
            raise MalformedError("Unexpected arguments")

    def match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """The text this pattern matches here, which must not be empty."""
        found = pattern.match(self._text, self._offset)
        if not found or not found[0]:
            raise MalformedError(f"Expected {what}")
        self._offset = found.end()
        return found[0]

    def atom(self) -> bytes:
        """An atom, upper-cased: the keywords of the protocol have no case."""
        return self.match(_ATOM, "a keyword").upper()

    def number(self) -> int:
        """A number of up to 63 bits."""
        value = int(self.match(_DIGITS, "a number"))
        if value >= 2**63:
            raise MalformedError("Number too large")
        return value

    def sequence_set(self) -> bytes:
        """The text of a sequence set."""
        return self.match(_SEQUENCE_SET, "a message set")

    def flag(self) -> str:
        """A flag or keyword."""
        return self.match(_FLAG, "a flag").decode("ascii")

    def astring(self) -> bytes:
        """An atom, a quoted string or a literal."""
        if self._at_literal or self.looks_at(b'"'):
            return self.string()
        return self.match(_ASTRING_ATOM, "a string")

    def list_pattern(self) -> bytes:
        """A LIST pattern: as an astring, with wildcards."""
        if self._at_literal or self.looks_at(b'"'):
            return self.string()
        return self.match(_LIST_ATOM, "a pattern")

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self._at_literal:
            literal = self._fragments[self._index + 1]
            self._index, self._offset = self._index + 2, 0
            return literal
        found = _QUOTED.match(self._text, self._offset)
        if not found:
            raise MalformedError("Expected a quoted string")
        self._offset = found.end()
        return _UNESCAPE.sub(rb"\1", found[1])

    def literal(self) -> bytes:
        """A literal and nothing else."""
        if not self._at_literal:
            raise MalformedError("Expected a literal")
        return self.string()

    def atoms_in_parentheses(self) -> list[bytes]:
        """`(A B C)`, possibly empty, upper-cased."""
        self.expect(b"(")
        found: list[bytes] = []
        while not self.skip(b")"):
            if found:
                self.space()
            found.append(self.atom())
        return found

    def flags_in_parentheses(self) -> list[str]:
        """`(\\Seen Keyword)`, possibly empty."""
        self.expect(b"(")
        found: list[str] = []
        while not self.skip(b")"):
            if found:
                self.space()
            found.append(self.flag())
        return found
