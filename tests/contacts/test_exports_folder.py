"""Lists as programs export them: what check finds in each, and what clean makes of it."""

from pathlib import Path

import pytest

from kataven import contacts
from kataven.errors import ContactsError
from tests.contacts import make_exports

# name: (kinds that check finds with their counts, rows that clean keeps, why it drops the others)
EXPECTED: dict[str, tuple[dict[str, int], int, dict[str, int]]] = {
    "excel_utf8.csv": ({}, 5, {}),
    "excel_plain_cp1252.csv": ({"bad_encoding": 4, "delimiter": 1}, 1, {"bad_encoding": 4}),
    "excel_comma_cp1252.csv": ({"bad_encoding": 4}, 1, {"bad_encoding": 4}),
    "excel_unicode_utf16le.txt": ({"bad_encoding": 1, "delimiter": 1}, 5, {}),
    "utf16be.csv": ({"bad_encoding": 1}, 5, {}),
    "old_mac.csv": ({"malformed": 1}, 5, {}),
    "unix.csv": ({}, 5, {}),
    "two_marks.csv": ({"unprintable": 1}, 5, {}),
    "quoted_newlines.csv": ({}, 5, {}),
    "nul.csv": ({"nul": 1}, 4, {"nul": 1}),
    "hubspot.csv": ({"missing_header": 1, "bad_number": 3}, 5, {}),
    "salesforce.csv": (
        {
            "missing_header": 1,
            "bad_number": 2,
            "empty_number": 1,
            "ragged_row": 1,
            "blank_row": 1,
        },
        2,
        {"empty_number": 1, "blank_row": 1, "ragged_row": 1},
    ),
    "google_contacts.csv": ({"missing_header": 1, "bad_number": 2}, 1, {"several_numbers": 1}),
    "scientific.csv": ({"spreadsheet_number": 2}, 1, {"spreadsheet_number": 2}),
    "one_column.csv": ({}, 2, {}),
    "header_only.csv": ({"no_rows": 1}, 0, {}),
    "unclosed_quote.csv": ({"malformed": 1}, 2, {"malformed": 1}),
    "ragged.csv": ({"ragged_row": 2}, 1, {"ragged_row": 2}),
    "doubled_header.csv": ({"doubled_header": 1}, 1, {}),
    "double_cr.csv": ({"malformed": 2}, 1, {}),
    "blank_rows.csv": ({"blank_row": 4}, 2, {"blank_row": 4}),
    "duplicates.csv": ({"duplicate": 1}, 2, {"duplicate": 1}),
    "formulas.csv": ({"formula": 2}, 3, {}),
    "unprintable.csv": ({"unprintable": 2}, 2, {}),
    "pipes.csv": ({"delimiter": 1}, 5, {}),
}
REFUSED_BY_CLEAN = {"empty.csv": "empty_file", "utf16le_no_mark.csv": "nul"}


def test_the_folder_matches_its_script(exports: Path) -> None:
    stored = {path.name: path.read_bytes() for path in exports.iterdir()}
    assert stored == make_exports.exports()


def test_every_file_has_an_expectation(exports: Path) -> None:
    assert {path.name for path in exports.iterdir()} == {*EXPECTED, *REFUSED_BY_CLEAN}


def test_check_finds_the_problems_of_exports(exports: Path) -> None:
    for name, (counts, _, _) in EXPECTED.items():
        report = contacts.check(exports / name)
        assert (name, {k: n for k, n in report.counts.items() if n}) == (name, counts)
        assert len(report.problems) == sum(report.counts.values())
        assert report.ok is all(problem.severity == "warning" for problem in report.problems)


def test_clean_turns_exports_into_uploads(exports: Path) -> None:
    for name, (_, kept, reasons) in EXPECTED.items():
        with contacts.clean(exports / name, region="US") as cleaned:
            report = cleaned.report
            assert (name, report.kept, dict(report.counts)) == (name, kept, reasons)
            assert report.rows == report.kept + len(report.dropped)
            checked = contacts.check(cleaned)
            assert checked.rows == report.kept
            assert checked.ok is (report.kept > 0)
            assert cleaned.tell() == 0


@pytest.mark.parametrize(("name", "kind"), REFUSED_BY_CLEAN.items())
def test_clean_refuses_exports_without_a_header(exports: Path, name: str, kind: str) -> None:
    with pytest.raises(ContactsError) as caught:
        contacts.clean(exports / name)
    assert [problem.kind for problem in caught.value.problems] == [kind]
    assert not contacts.check(exports / name).ok


def test_naming_the_encoding_recovers_every_row(exports: Path) -> None:
    wanted = _rows(exports / "unix.csv", None)
    assert len(wanted) == 6
    assert _rows(exports / "excel_plain_cp1252.csv", "cp1252") == wanted
    assert _rows(exports / "excel_comma_cp1252.csv", "cp1252") == wanted
    assert _rows(exports / "utf16le_no_mark.csv", "utf-16-le") == wanted
    assert _rows(exports / "utf16be.csv", None) == wanted
    assert _rows(exports / "excel_unicode_utf16le.txt", None) == wanted


def _rows(path: Path, encoding: str | None) -> list[str]:
    with contacts.clean(path, encoding=encoding) as cleaned:
        text = cleaned.read().decode()
    return text.replace("\r\n", "\n").replace("\nsecond", " second").splitlines()


def test_a_named_encoding_remains_an_error_but_the_rows_are_checked(exports: Path) -> None:
    report = contacts.check(exports / "excel_comma_cp1252.csv", encoding="cp1252")
    assert [problem.kind for problem in report.problems] == ["bad_encoding"]
    assert report.problems[0].row is None
    assert "clean" in report.problems[0].message
    assert report.rows == 5
    assert contacts.check(exports / "one_column.csv", encoding="cp1252").ok


@pytest.mark.parametrize(
    "name", ["excel_plain_cp1252.csv", "excel_unicode_utf16le.txt", "old_mac.csv", "pipes.csv"]
)
def test_problems_that_clean_can_fix_mention_clean(exports: Path, name: str) -> None:
    problems = contacts.check(exports / name).problems
    of_the_list = [p for p in problems if p.kind in {"delimiter", "malformed", "bad_encoding"}]
    assert any("kataven.contacts.clean()" in problem.message for problem in of_the_list)


def test_the_example_list_is_ready_to_upload() -> None:
    example = Path(__file__).parent.parent.parent / "examples" / "contacts.csv"
    report = contacts.check(example)
    assert report.ok
    assert not report.problems
    assert report.rows == 500
