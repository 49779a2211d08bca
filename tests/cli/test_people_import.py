"""People from a file: every good line once, every bad one named, nothing lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cli.conftest import Cli
from threadline.services import imports, people
from threadline.storage.models import Company, Person

HEADER = "kind,name,email,secondary_emails,created_at,external_id\n"


class Importer:
    """Imports lines as a file of their own."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self._cli, self._folder = cli, folder

    def __call__(self, *lines: str, header: str = HEADER, status: int = 0, dry_run: bool = False) -> dict[str, object]:
        path = self._folder / "people.csv"
        path.write_text(header + "".join(f"{line}\n" for line in lines))
        extra = ["--dry-run"] if dry_run else []
        found: dict[str, object] = self._cli.json("people", "import", str(path), *extra, status=status)
        return found


@pytest.fixture
def load(northgate: Cli, tmp_path: Path) -> Importer:
    return Importer(northgate, tmp_path)


def counts(report: dict[str, object]) -> tuple[object, object, object]:
    return report["created"], report["updated"], report["unchanged"]


def listed(cli: Cli) -> list[tuple[str, str | None, tuple[str, ...]]]:
    rows = cli.json("people", "list")
    return [(row["name"], row["email"], tuple(row["secondary_emails"])) for row in rows]


def test_twice_is_once(load: Importer) -> None:
    lines = (
        "candidate,Anna,anna@posten.test,anna@privat.test;a@b.test,2026-01-01T00:00:00Z,A1",
        "contact,Bo,bo@posten.test,,,",
        "contact,Cy,,,,C3",
        "candidate,Di,,,,",
    )
    assert counts(load(*lines)) == (4, 0, 0)
    before = list(Person.objects.order_by("pk").values())
    assert counts(load(*lines)) == (0, 0, 4)
    assert list(Person.objects.order_by("pk").values()) == before


def test_a_bad_line_stops_nothing_but_itself(load: Importer, northgate: Cli) -> None:
    report = load(
        "candidate,Anna,anna@posten.test,,,A1",
        "robot,,not an address,also not,soon,",
        "contact,Bo,bo@posten.test,,,",
        status=1,
    )
    assert counts(report) == (2, 0, 0)
    errors = report["errors"]
    assert isinstance(errors, list)
    assert {error["column"] for error in errors} == {"kind", "name", "email", "secondary_emails", "created_at"}
    assert all(error["line"] == 3 and error["expected"] for error in errors)
    assert [name for name, _, _ in listed(northgate)] == ["Anna", "Bo"]


def test_the_report_for_people_names_each_bad_line_in_a_sentence(northgate: Cli, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "candidate,Anna,\x1b[31mred,,,\n")
    answer = northgate("people", "import", str(path))
    assert answer.status == 1
    assert "Line 2, email: expected an address such as" in answer.out
    assert "\x1b" not in answer.out + answer.err


def test_of_a_wrong_header_it_is_said_that_the_file_was_not_imported(northgate: Cli, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("kind,name\ncandidate,Anna\n")
    answer = northgate("people", "import", str(path))
    assert answer.status == 1
    assert "Line 1, email: expected a column email; found nothing. The file was not imported." in answer.out
    assert "line was left out" not in answer.out


def test_a_wrong_header_imports_nothing(load: Importer) -> None:
    report = load("candidate,Anna,anna@posten.test,2026", header="kind,name,email,created\n", status=1)
    assert (counts(report), Person.objects.count()) == ((0, 0, 0), 0)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(load: Importer) -> None:
    lines = ["candidate,Anna,anna@posten.test,,,A1", "candidate,Anna Berg,anna@posten.test,,,A1", "contact,Bo,,,,B2"]
    assert counts(load(*lines, dry_run=True)) == (2, 1, 0)
    assert Person.objects.count() == 0
    assert counts(load(*lines)) == (2, 1, 0)
    assert counts(load(*lines, dry_run=True)) == (0, 2, 1)


def test_created_at_moves_earlier_and_never_later(load: Importer) -> None:
    def created() -> str:
        return Person.objects.get().created_at.isoformat()

    load("candidate,Anna,anna@posten.test,,2026-03-01T12:00:00Z,A1")
    load("candidate,Anna,anna@posten.test,,2026-05-01T12:00:00Z,A1")
    load("candidate,Anna,anna@posten.test,,,A1")
    assert created() == "2026-03-01T12:00:00+00:00"
    load("candidate,Anna,anna@posten.test,,2026-02-01 12:00,A1")
    assert created() == "2026-02-01T11:00:00+00:00"  # the company is in Stockholm


def test_an_external_id_decides_before_the_address(load: Importer, northgate: Cli) -> None:
    load("candidate,Anna,anna@posten.test,,,A1")
    assert counts(load("candidate,Anna Berg,berg@posten.test,,,A1")) == (0, 1, 0)
    assert counts(load("candidate,Another,berg@posten.test,,,Z9")) == (1, 0, 0)
    assert listed(northgate) == [("Anna Berg", "berg@posten.test", ()), ("Another", "berg@posten.test", ())]


def test_a_person_without_an_external_id_takes_it_from_the_file(load: Importer) -> None:
    load("candidate,Anna,anna@posten.test,,,")
    assert counts(load("candidate,Anna,ANNA@Posten.test,,,A1")) == (0, 1, 0)
    assert Person.objects.get().external_id == "A1"


def test_the_same_address_with_another_kind_is_another_person(load: Importer) -> None:
    assert counts(load("candidate,Anna,anna@posten.test,,,", "contact,Anna,anna@posten.test,,,")) == (2, 0, 0)


def test_an_empty_field_takes_nothing_away_and_a_given_one_replaces(load: Importer, northgate: Cli) -> None:
    load("candidate,Anna,anna@posten.test,a@b.test;c@d.test,,A1")
    load("candidate,Anna,,,,A1")
    assert listed(northgate) == [("Anna", "anna@posten.test", ("a@b.test", "c@d.test"))]
    load("candidate,Anna,a@b.test,,,A1")
    assert listed(northgate) == [("Anna", "a@b.test", ("c@d.test",))]
    load("candidate,Anna,,e@f.test,,A1")
    assert listed(northgate) == [("Anna", "a@b.test", ("e@f.test",))]


def test_a_line_for_a_merged_person_does_not_bring_them_back(load: Importer, northgate: Cli) -> None:
    lines = ("candidate,Anna,anna@posten.test,,,A1", "candidate,Anna B,berg@posten.test,,,A2")
    load(*lines)
    northgate.ok("people", "merge", "A1", "A2")
    before = listed(northgate)
    assert counts(load(lines[1])) == (0, 0, 1)
    assert listed(northgate) == before == [("Anna", "anna@posten.test", ("berg@posten.test",))]


def test_what_looks_like_a_formula_is_data(load: Importer, northgate: Cli) -> None:
    load('candidate,"=HYPERLINK(""http://x.test"")",anna@posten.test,,,+1')
    assert (listed(northgate)[0][0], Person.objects.get().external_id) == ('=HYPERLINK("http://x.test")', "+1")


def test_an_external_id_too_long_for_the_store_is_a_bad_line(load: Importer) -> None:
    report = load(f"candidate,Anna,anna@posten.test,,,{'x' * 201}", status=1)
    assert json.dumps(report["errors"]).count("external_id") == 1


def test_statements_do_not_grow_with_the_people_of_a_batch(northgate: Cli) -> None:
    company = Company.objects.get()

    def statements(first: int, number: int) -> int:
        lines = "".join(
            f"candidate,P{n},p{n}@posten.test,q{n}@posten.test,,X{n}\n" for n in range(first, first + number)
        )
        with CaptureQueriesContext(connection) as captured:
            report = imports.import_people(company, (HEADER + lines).encode())
        assert report.created == number
        return sum(not query["sql"].startswith("INSERT") for query in captured)  # rows go in by fifties

    assert statements(0, 200) <= statements(1000, 20) + 4


def test_thousands_of_addresses_are_read_at_once(northgate: Cli) -> None:
    company = Company.objects.get()
    lines = "".join(f"candidate,P{n},p{n}@a.test,q{n}@a.test;r{n}@a.test;s{n}@a.test,,X{n}\n" for n in range(400))
    for expected in ((400, 0), (0, 400)):
        report = imports.import_people(company, (HEADER + lines).encode())
        assert (report.created, report.unchanged) == expected
    assert len(northgate.json("people", "list")) == 400
    assert people.find(company, "s7@a.test").external_id == "X7"
