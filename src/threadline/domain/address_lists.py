"""Address lists of header fields (RFC 5322 section 3.4), read leniently and in linear time.

Understood besides the grammar: names with bare commas (`Doe, Jane <jane@example.org>`), semicolons between
addresses (Outlook), a comment as the name (`jane@example.org (Jane)`), encoded words around commas or whole
addresses, unclosed quotes, comments and angle brackets, several addresses without a separator.
"""

from __future__ import annotations

import re

from threadline.domain.encoded_words import WORD, decode_words
from threadline.domain.messages import Address

_TOKEN = re.compile(rf"{WORD}|[^\",;:<>()=]+|.", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_JOINED_NAME = 3  # how many comma-separated pieces of an unquoted name are put together again
_AROUND = "'.,;:<>"  # seen around bare addresses; none of them begins or ends one


def parse_list(header_value: str) -> tuple[Address, ...]:
    """Every address of the field in its order, with the decoded name. A name alone yields none.

    What stands in angle brackets is kept even without an `@` (`<MAILER-DAEMON>`): a reader sees the sender.
    """
    header_value = header_value.replace("\0", "")
    found = _Reader(header_value).read()
    if not found and "=?" in header_value:  # seen: the whole address inside an encoded word
        found = _Reader(decode_words(header_value).replace("\0", "")).read()
    return tuple(found)


class _Reader:
    """One pass over the text.

    Once a quote, comment or bracket is found unclosed, all later ones count as plain characters: looking for
    the end of each again would take quadratic time.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[Address] = []
        self._unclosed: set[str] = set()
        self._names: list[str] = []  # pieces before a comma that may belong to the next address's name
        self._has_address: bool  # of the item, outside quotes
        self._new_item()

    def read(self) -> list[Address]:
        position = 0
        while mark := _TOKEN.match(self._text, position):
            position = self._take(mark.group(), mark.start(), mark.end())
        self._end_item(",")
        return self._found

    def _take(self, mark: str, start: int, end: int) -> int:
        """Handle one mark; return where to go on."""
        if mark in {",", ";"}:
            self._end_item(mark)
        elif mark == ":" and not self._has_address:
            self._new_item()  # the name of a group, or "mailto"
            self._names.clear()
        elif mark == '"' and (quoted := self._quoted(start)):
            self._add_quoted(quoted)
            return quoted.end()
        elif mark == "(" and (close := self._end_of_comment(start)):
            self._comments.append(self._text[end : close - 1])
            return close
        elif mark == "<" and (close := self._end_of_brackets(end)):
            self._add_bracketed(self._text[end : close - 1])
            return close
        else:
            self._add_text(mark)
        return end

    def _add_text(self, mark: str) -> None:
        if mark.startswith("=?"):  # an @ in an encoded name makes no address
            mark = mark.replace("@", "\0")
        self._words.append(mark)
        self._has_address = self._has_address or "@" in mark

    def _new_item(self) -> None:
        self._words: list[str] = []
        self._quoted_words: list[str] = []
        self._comments: list[str] = []
        self._has_address = False
        self._emitted = False

    def _quoted(self, start: int) -> re.Match[str] | None:
        quoted = None if '"' in self._unclosed else _QUOTED.match(self._text, start)
        if not quoted:
            self._unclosed.add('"')
        return quoted

    def _end_of_comment(self, start: int) -> int | None:
        depth = 0
        for mark in _PARENTHESIS.finditer(self._text, start) if "(" not in self._unclosed else ():
            depth += {"(": 1, ")": -1}.get(mark.group(), 0)
            if depth == 0:
                return mark.end()
        self._unclosed.add("(")
        return None

    def _end_of_brackets(self, start: int) -> int | None:
        close = -1 if "<" in self._unclosed else self._text.find(">", start)
        if close < 0:
            self._unclosed.add("<")
            return None
        return close + 1

    def _add_quoted(self, quoted: re.Match[str]) -> None:
        if self._text.startswith("@", quoted.end()):  # a quoted local part without brackets
            self._words.append(quoted.group())
        else:
            content = _ESCAPE.sub(r"\1", quoted.group(1))
            self._quoted_words.append(content)
            self._words.append(content.replace("@", "\0"))  # an @ in a quoted name makes no address

    def _add_bracketed(self, content: str) -> None:
        names = [] if self._quoted_words else self._names
        name = ", ".join([*names, self._phrase()]) if not self._emitted else ""
        content = content.strip()
        if content.startswith("@") and ":" in content:  # an obsolete route (RFC 5322 section 4.4)
            content = content.partition(":")[2]
        pieces = [content] if content.startswith('"') else re.split("[,;]", content)
        for piece in pieces:
            self._emit(name, piece.rpartition("<")[2])
            name = ""
        self._words.clear()
        self._has_address = False
        self._emitted = True

    def _phrase(self) -> str:
        phrase = _collapsed("".join(self._words)).replace("\0", "@")
        return phrase or _collapsed(" ".join(self._comments))

    def _end_item(self, separator: str) -> None:
        if self._has_address:
            self._emit_bare()
        elif not self._emitted and len(self._quoted_words) == 1 and "@" in self._quoted_words[0]:
            self._emit("", self._quoted_words[0])
        elif not self._emitted and separator == "," and (piece := self._phrase()):
            self._names = [*self._names[1 - _JOINED_NAME :], piece]
            self._new_item()
            return
        self._names.clear()
        self._new_item()

    def _emit_bare(self) -> None:
        text = _collapsed("".join(self._words)).replace(" @", "@").replace("@ ", "@")
        if '"@' in text:  # the only white space an address can hold stands in its quoted local part
            start = text.find('"')
            tokens = [*text[:start].split(), text[start:]]
        else:
            tokens = text.split(" ")
        addresses = [token for token in tokens if "@" in token]
        words = [token.replace("\0", "@") for token in tokens if "@" not in token]
        name = " ".join(words) or _collapsed(" ".join(self._comments))
        for address in addresses:
            self._emit(name if len(addresses) == 1 else "", address)

    def _emit(self, name: str, address: str) -> None:
        address = address.strip()
        if not address.startswith('"'):
            address = "".join(address.split()).strip(_AROUND)
        if address[:7].lower() == "mailto:":
            address = address[7:]
        if address:
            self._found.append(Address(decode_words(name).replace("\0", ""), address.replace("\0", "@")))


def _collapsed(text: str) -> str:
    return " ".join(text.split())
