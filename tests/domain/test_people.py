"""The file from which people are imported."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.people import COLUMNS, PersonRow, RowError, WrittenAddress, read_people

BERLIN = ZoneInfo("Europe/Berlin")
HEADER = ",".join(COLUMNS) + "\n"


def read(text: str | bytes) -> list[PersonRow | tuple[RowError, ...]]:
    return list(read_people(text, BERLIN))


def the_row(text: str | bytes) -> PersonRow:
    (row,) = read(text)
    assert isinstance(row, PersonRow), row
    return row


def the_errors(text: str | bytes) -> list[tuple[int, str, str]]:
    (errors,) = read(text)
    assert isinstance(errors, tuple), errors
    assert all(error.expected for error in errors)
    return [(error.line, error.column, error.value) for error in errors]


def test_a_full_line_is_read() -> None:
    row = the_row(HEADER + "Candidate,Jane Doe,Jane@Example.org,jd@home.example; j@x.y,2026-03-14T09:05:00+01:00,C-7\n")
    assert row == PersonRow(
        line=2,
        kind="candidate",
        name="Jane Doe",
        primary=WrittenAddress("jane@example.org", "Jane@Example.org"),
        secondary=(WrittenAddress("jd@home.example", "jd@home.example"), WrittenAddress("j@x.y", "j@x.y")),
        created_at=datetime(2026, 3, 14, 8, 5, tzinfo=UTC),
        external_id="C-7",
    )


def test_all_but_kind_and_name_may_be_empty() -> None:
    row = the_row(HEADER + "contact,Jane Doe,,,,\n")
    assert (row.primary, row.secondary, row.created_at, row.external_id) == (None, (), None, None)


def test_a_naive_time_is_in_the_companys_zone() -> None:
    row = the_row("kind,name,email,created_at\ncandidate,Jane,,2026-07-01 09:00\n")
    assert row.created_at == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
    assert the_row("kind,name,email,created_at\ncandidate,Jane,,2026-07-01").created_at == datetime(
        2026, 6, 30, 22, 0, tzinfo=UTC
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_write_other_delimiters_and_encodings(delimiter: str, encoding: str) -> None:
    lines = [["Name", "KIND", "email", "secondary_emails"], ["Jürg", "contact", "j@x.y", '"a@x.y;b@x.y"']]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    row = the_row(text.encode(encoding))
    assert (row.name, len(row.secondary)) == ("Jürg", 2)


def test_every_mistake_of_a_line_is_named_with_line_column_and_value() -> None:
    text = HEADER + 'lead,,jane(at)x,"a@x.y;b@",14.03.2026,' + "x" * 256 + "\n"
    assert the_errors(text) == [
        (2, "kind", "lead"),
        (2, "name", ""),
        (2, "email", "jane(at)x"),
        (2, "secondary_emails", "b@"),
        (2, "created_at", "14.03.2026"),
        (2, "external_id", "x" * 200),
    ]


def test_a_bad_line_stops_nothing_but_itself() -> None:
    rows = read(HEADER + "candidate,A,a@x.y,,,\nnonsense\n\n,,,,,\ncandidate,B,b@x.y,,,\n")
    assert [type(row) for row in rows] == [PersonRow, tuple, PersonRow]
    assert isinstance(rows[2], PersonRow)
    assert rows[2].line == 6


def test_a_quoted_field_over_two_lines_does_not_shift_the_line_numbers() -> None:
    rows = read(HEADER + 'candidate,"Jane\nDoe",a@x.y,,,\ncandidate,,b@x.y,,,\n')
    assert isinstance(rows[0], PersonRow)
    assert (rows[0].line, rows[0].name) == (2, "Jane Doe")
    assert isinstance(rows[1], tuple)
    assert rows[1][0].line == 4


def test_surplus_fields_are_an_error_and_not_dropped() -> None:
    assert the_errors("kind,name,email\ncandidate,Doe, Jane,a@x.y\n") == [(2, "", "a@x.y")]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("kind,name", "email"),
        ("kind,name,email,createdat", "createdat"),
        ("kind,name,email,name", "name"),
        ("", "kind"),
    ],
)
def test_a_wrong_header_stops_the_file_and_names_the_column(header: str, column: str) -> None:
    errors = the_errors(header + "\ncandidate,Jane,a@x.y,x\n")
    assert column in {name for _, name, _ in errors}
    assert {line for line, _, _ in errors} == {1}


def test_the_same_address_twice_is_one_address() -> None:
    row = the_row(HEADER + "candidate,Jane,a@x.y,A@x.y; b@x.y; mailto:b@x.y,,")
    assert row.secondary == (WrittenAddress("b@x.y", "b@x.y"),)


def test_a_field_too_large_is_an_error_of_its_line() -> None:
    rows = read(HEADER + "candidate," + "x" * 200_000 + ",,,,\ncandidate,Jane,,,,\n")
    assert isinstance(rows[0], tuple)
    assert isinstance(rows[-1], PersonRow)


@given(st.binary() | st.text().map(lambda text: (HEADER + text).encode("utf-8", "surrogatepass")))
def test_no_file_makes_the_reader_fail(data: bytes) -> None:
    read(data)
