"""OData's query options over messages: `$filter`, `$orderby` and `$search` become SQL, refusals are Graph's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from threadline.sandbox.microsoft.database import seconds

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<word>[A-Za-z][A-Za-z0-9_/.]*)|(?P<mark>[(),]))"
)
_COLUMNS = {
    "receivedDateTime": "received", "sentDateTime": "sent", "createdDateTime": "created",
    "lastModifiedDateTime": "modified", "internetMessageId": "internet_id", "subject": "subject",
    "from/emailAddress/address": "from_address", "sender/emailAddress/address": "sender_address",
    "conversationId": "conversation", "isRead": "is_read", "isDraft": "is_draft", "hasAttachments": "has_attachments",
}  # fmt: skip
_COMPARED = {"eq": "=", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class GraphError(Exception):
    """Graph refuses: a status, a code, a message; `inner` is a code inside innerError."""

    def __init__(
        self, status: int, code: str, message: str, *, inner: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.inner = inner
        self.headers = headers or {}


def bad_query(message: str) -> GraphError:
    """400 for a query option that is none."""
    return GraphError(400, "BadRequest", message)


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition in SQL, its values, and the properties it names in their order."""

    sql: str = "1"
    values: tuple[object, ...] = ()
    properties: tuple[str, ...] = ()


class _Reader:
    """Reads a `$filter` by recursive descent."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise bad_query(f"Invalid filter clause: Syntax error at position {place} in '{text}'.")
            self.tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            place = found.end()
        self.at = 0
        self.values: list[object] = []
        self.properties: list[str] = []

    def whole(self) -> Filter:
        sql = self._any()
        if self.at != len(self.tokens):
            raise bad_query("Invalid filter clause: Syntax error.")
        return Filter(sql, tuple(self.values), tuple(dict.fromkeys(self.properties)))

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _take(self, expected: str = "") -> tuple[str, str]:
        if self.at >= len(self.tokens) or (expected and self._peek() != expected):
            raise bad_query("Invalid filter clause: Syntax error.")
        self.at += 1
        return self.tokens[self.at - 1]

    def _any(self) -> str:
        pieces = [self._all()]
        while self._peek() == "or":
            self._take()
            pieces.append(self._all())
        return "(" + " or ".join(pieces) + ")"

    def _all(self) -> str:
        pieces = [self._one()]
        while self._peek() == "and":
            self._take()
            pieces.append(self._one())
        return "(" + " and ".join(pieces) + ")"

    def _one(self) -> str:
        if self._peek() == "not":
            self._take()
            return f"not {self._one()}"
        if self._peek() == "(":
            self._take()
            inner = self._any()
            self._take(")")
            return inner
        kind, word = self._take()
        if kind != "word":
            raise bad_query("Invalid filter clause: Syntax error.")
        if word.lower() in ("startswith", "contains", "endswith"):
            return self._function(word.lower())
        column = self._column(word)
        if self._peek() not in _COMPARED:
            return f"{column} = 1"
        return self._compared(column, self._take()[1])

    def _column(self, name: str) -> str:
        if name not in _COLUMNS:
            raise bad_query(f"Could not find a property named '{name}' on type 'Microsoft.OutlookServices.Message'.")
        self.properties.append(name)
        return _COLUMNS[name]

    def _compared(self, column: str, operator: str) -> str:
        kind, text = self._take()
        if kind == "word" and text == "null":
            return f"{column} is {'not ' if operator == 'ne' else ''}null"
        self.values.append(_literal(kind, text, column))
        return f"{column} {_COMPARED[operator]} ?"

    def _function(self, name: str) -> str:
        self._take("(")
        column = self._column(self._take()[1])
        self._take(",")
        kind, text = self._take()
        self._take(")")
        value = str(_literal(kind, text, column)).replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        self.values.append({"startswith": f"{value}%", "contains": f"%{value}%", "endswith": f"%{value}"}[name])
        return f"{column} like ? escape '\\'"


def _literal(kind: str, text: str, column: str) -> object:
    if kind == "string":
        value = text[1:-1].replace("''", "'")
        return value.lower() if column.endswith("_address") else value
    if kind == "date":
        return seconds(moment(text))
    if text in ("true", "false"):
        return int(text == "true")
    raise bad_query(f"Invalid filter clause: '{text}' is no literal.")


def moment(text: str) -> datetime:
    """An Edm.DateTimeOffset; GraphError where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise bad_query(f"Invalid filter clause: '{text}' is no date.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_filter(text: str) -> Filter:
    """`$filter` of messages."""
    return _Reader(text).whole() if text.strip() else Filter()


def read_order(text: str, condition: Filter) -> str:
    """`$orderby` as SQL. What is ordered by must be filtered by too, in the same order, when there is a filter."""
    pieces, names = [], []
    for piece in filter(None, (one.strip() for one in text.split(","))):
        name, _, direction = piece.partition(" ")
        if name not in _COLUMNS or direction.strip() not in ("", "asc", "desc"):
            raise bad_query(f"Could not find a property named '{name}' on type 'Microsoft.OutlookServices.Message'.")
        names.append(name)
        pieces.append(f"{_COLUMNS[name]} {direction.strip() or 'asc'}")
    if names and condition.properties and list(condition.properties[: len(names)]) != names:
        raise GraphError(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
    return ", ".join([*(pieces or ["received desc"]), "id desc"])


_FIELDS = {"from": "from", "to": "toRecipients", "cc": "ccRecipients", "bcc": "bccRecipients"}


def read_search(text: str) -> Filter:
    """`$search="from:anna"`: the words of KQL that mail knows, all of which must be there."""
    stripped = text.strip()
    if stripped.startswith('"') and stripped.endswith('"') and len(stripped) > 1:
        stripped = stripped[1:-1].replace('\\"', '"')
    conditions, values = [], []
    for name, quoted, plain in re.findall(r'(?:(\w+):)?(?:"([^"]*)"|(\S+))', stripped):
        wanted = (quoted or plain).lower()
        if wanted == "and" and not name:
            continue
        sql, found = _term(name.lower(), f"%{wanted}%")
        conditions.append(sql)
        values += found
    if not conditions:
        raise bad_query("Syntax error: character '\"' is not valid in $search.")
    return Filter("(" + " and ".join(conditions) + ")", tuple(values))


def _term(name: str, wanted: str) -> tuple[str, list[object]]:
    if name in _FIELDS:
        return "people like ?", [f"%{_FIELDS[name].lower()} {wanted}"]
    if name in ("participants", "recipients"):
        return "people like ?", [wanted]
    if name == "subject":
        return "lower(subject) like ?", [wanted]
    if name == "body":
        return "words like ?", [wanted]
    return "(people like ? or lower(subject) like ? or words like ?)", [wanted] * 3
