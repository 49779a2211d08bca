"""The file from which people are imported: `kind,name,email,secondary_emails,created_at,external_id`.

A line is read whole or not at all, and every mistake in it is named: line, column, value and what was
expected. A bad line stops nothing but itself. A header that is wrong stops the file: a misspelt
`created_at`, passed over, would change which emails show.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal, Protocol, cast

from threadline.domain.addresses import normalise

COLUMNS = ("kind", "name", "email", "secondary_emails", "created_at", "external_id")
REQUIRED = ("kind", "name", "email")
KINDS = ("candidate", "contact")
_LONGEST = 255
_SHOWN = 200  # characters of a wrong value in a report
_TIME = "a time such as 2026-03-14T09:05:00+01:00, or without an offset in your company's time zone"
_ADDRESS = "an address such as jane@example.org"


@dataclass(frozen=True, slots=True)
class WrittenAddress:
    """An address on a record: the key that is compared and what was typed."""

    key: str
    as_written: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as a line of the file says."""

    line: int
    kind: Literal["candidate", "contact"]
    name: str
    primary: WrittenAddress | None
    secondary: tuple[WrittenAddress, ...]
    created_at: datetime | None  # UTC; None: the moment of the import
    external_id: str | None


@dataclass(frozen=True, slots=True)
class RowError:
    """One mistake. `line` is the line of the file, counted from 1."""

    line: int
    column: str
    value: str
    expected: str


def read_people(data: bytes | str, zone: tzinfo) -> Iterator[PersonRow | tuple[RowError, ...]]:
    """One answer per line that is not empty: the person, or all mistakes of the line.

    Tolerated: a byte order mark, UTF-16 with one, Windows-1252 where it is not UTF-8, semicolons or tabs
    instead of commas, columns in any order and case. Naive times are in `zone`.
    """
    text = data if isinstance(data, str) else _decoded(data)
    text = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    header, wrong = _header(next(_lines(reader), (1, [])))
    if wrong:
        yield wrong
        return
    for line, fields in _lines(reader):
        if isinstance(fields, RowError):
            yield (fields,)
        elif any(field.strip() for field in fields):
            yield _read_line(line, header, fields, zone)


def parse_row(line: int, row: Mapping[str, str], zone: tzinfo) -> PersonRow | tuple[RowError, ...]:
    """The person that the fields of one line describe, or every mistake in them."""
    check = _Check(line, {column: row.get(column, "").strip() for column in COLUMNS})
    kind = check.kind()
    name = check.text("name", required=True)
    primary = check.address("email", check.fields["email"]) if check.fields["email"] else None
    secondary = check.secondary(primary)
    created_at = check.time("created_at", zone)
    external_id = check.text("external_id") or None
    if check.errors:
        return tuple(check.errors)
    return PersonRow(line, kind, name, primary, secondary, created_at, external_id)


class _Reader(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...


class _Check:
    """Reads fields and collects what is wrong with them."""

    def __init__(self, line: int, fields: Mapping[str, str]) -> None:
        self.line = line
        self.fields = fields
        self.errors: list[RowError] = []

    def fail(self, column: str, value: str, expected: str) -> None:
        self.errors.append(RowError(self.line, column, value[:_SHOWN], expected))

    def kind(self) -> Literal["candidate", "contact"]:
        kind = self.fields["kind"].lower()
        if kind not in KINDS:
            self.fail("kind", self.fields["kind"], "candidate or contact")
        return cast(Literal["candidate", "contact"], kind)

    def text(self, column: str, *, required: bool = False) -> str:
        text = self.fields[column]
        if required and not text:
            self.fail(column, text, "a name")
        elif len(text) > _LONGEST:
            self.fail(column, text, f"at most {_LONGEST} characters")
        elif "\0" in text:
            self.fail(column, text.replace("\0", "?"), "text without control characters")
        return " ".join(text.split())

    def address(self, column: str, text: str) -> WrittenAddress | None:
        key = normalise(text)
        if key is None or len(text) > _LONGEST:
            self.fail(column, text, _ADDRESS)
            return None
        return WrittenAddress(key, text)

    def secondary(self, primary: WrittenAddress | None) -> tuple[WrittenAddress, ...]:
        seen = {primary.key} if primary else set()
        found: list[WrittenAddress] = []
        for text in filter(None, map(str.strip, self.fields["secondary_emails"].split(";"))):
            address = self.address("secondary_emails", text)
            if address and address.key not in seen:
                seen.add(address.key)
                found.append(address)
        return tuple(found)

    def time(self, column: str, zone: tzinfo) -> datetime | None:
        text = self.fields[column]
        if not text:
            return None
        try:
            time = datetime.fromisoformat(text)
            return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(column, text, _TIME)
            return None


def _read_line(
    line: int, header: Sequence[str], fields: Sequence[str], zone: tzinfo
) -> PersonRow | tuple[RowError, ...]:
    surplus = [field for field in fields[len(header) :] if field.strip()]
    if surplus:
        expected = f"{len(header)} fields; put a field that holds the separator into double quotes"
        return (RowError(line, "", surplus[0][:_SHOWN], expected),)
    return parse_row(line, dict(zip(header, fields, strict=False)), zone)


def _lines(reader: _Reader) -> Iterator[tuple[int, list[str] | RowError]]:
    """Every record with the line it begins on (a quoted field may hold line breaks)."""
    while True:
        begins = reader.line_num + 1
        try:
            yield begins, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins, RowError(begins, "", "", f"a line of a CSV file ({error})")


def _header(first: tuple[int, list[str] | RowError]) -> tuple[list[str], tuple[RowError, ...]]:
    line, fields = first
    if isinstance(fields, RowError):
        return [], (fields,)
    names = [field.strip().lower() for field in fields]
    known = f"only the columns {', '.join(COLUMNS)}, each once"
    errors = [
        RowError(line, name, name[:_SHOWN], known)
        for place, name in enumerate(names)
        if (name not in COLUMNS and name) or (name and name in names[:place])
    ]
    errors += [RowError(line, name, "", f"a column {name}") for name in REQUIRED if name not in names]
    return names, tuple(errors)


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _decoded(data: bytes) -> str:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:  # Excel's "Unicode text"
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:  # Excel's plain "CSV" on a Windows machine
        return data.decode("cp1252", "replace")
