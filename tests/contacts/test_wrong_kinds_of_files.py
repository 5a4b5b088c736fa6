"""Files that are not CSV, and lists in another encoding: the errors and their advice."""

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kataven import contacts
from kataven.contacts._problems import Problem
from kataven.contacts.source.upload import read_upload
from kataven.errors import ContactsError

LIST = b"phone_number,name\n+14155550100,Ana\n"
NOT_CSV = r"seems to be {}, not CSV: save it as CSV \(UTF-8\)"


def workbook() -> bytes:
    """Return a zip archive, as .xlsx files are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>\n" * 500)
    return file.getvalue()


OTHERS = {
    "zip archive": workbook(),
    "gzip file": gzip.compress(LIST * 99),
    r"old Excel file \(.xls\)": bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600),
    "a PDF file": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "a Parquet file": b"PAR1\x15\x04\x15" + bytes(50),
    "HTML or XML": b"<!DOCTYPE html>\n<html><td>Phone, mobile</td></html>\n",
    "JSON": b'[\n {"phone_number": "+14155550100", "name": "Ana"}\n]\n',
}


def report_of_check(data: bytes) -> str:
    """Return all that ``check`` reports about a list with errors."""
    report = contacts.check(data)
    assert not report.ok
    return report.summary()


def error_of_create(data: bytes) -> str:
    """Return the error text of ``create``."""
    with pytest.raises(ContactsError) as caught:
        read_upload(data)
    return str(caught.value)


def error_of_clean(data: bytes) -> str:
    """Return the error text of ``clean``."""
    with pytest.raises(ContactsError) as caught:
        contacts.clean(data)
    return str(caught.value)


@pytest.mark.parametrize("describe", [report_of_check, error_of_create, error_of_clean])
def test_other_file_formats_are_recognised(describe: Callable[[bytes], str]) -> None:
    for form, data in OTHERS.items():
        message = describe(data)
        assert re.search(form, message)
        assert "not CSV: save it as CSV (UTF-8)" in message
        assert "clean()" not in message
        assert "NUL" not in message
        assert message.replace("\n", "").isprintable()


def test_another_file_format_is_a_single_problem_and_has_its_full_size() -> None:
    for start in OTHERS.values():
        data = start + b"\n,,\0\xff" * 60_000
        report = contacts.check(data)
        assert [(found.kind, found.row) for found in report.problems] == [("missing_header", None)]
        assert (report.rows, report.columns, report.size) == (0, (), len(data))
        with pytest.raises(ContactsError, match=NOT_CSV.format(".*")):
            report.raise_for_problems()


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("form", ["gzip file", r"old Excel file \(.xls\)"])
def test_other_file_formats_are_recognised_in_other_encodings(form: str, encoding: str) -> None:
    with pytest.raises(ContactsError, match=form):
        contacts.clean(OTHERS[form], encoding=encoding)


def test_a_column_name_may_be_in_brackets() -> None:
    for header in (b"[Phone],[Name]", b"<Name>,<Phone>", b'{"id"},phone_number'):
        number = b"+14155550100"
        row = b",".join(number if b"hone" in name else b"x" for name in header.split(b","))
        with contacts.clean(header + b"\n" + row + b"\n") as cleaned:
            assert cleaned.report.kept == 1
        assert contacts.check(header + b"\n" + row + b"\n").rows == 1
    assert contacts.check(b"<id>,phone_number\n1,+14155550100\n").ok


@pytest.mark.parametrize("describe", [report_of_check, error_of_create, error_of_clean])
@pytest.mark.parametrize(
    "row", ["+14155550100,Ana", "Ana;+1 415 555 0100;x", "(415) 555-0100", "004420 7946 0018"]
)
def test_the_advice_for_a_list_without_a_header_is_to_add_one(
    row: str, describe: Callable[[bytes], str]
) -> None:
    # Renaming the first contact would lose it.
    message = describe(f"{row}\n{row}\n".encode())
    assert "the first row must name the columns: add a header row" in message
    assert "rename" not in message


def test_dates_in_a_header_are_not_taken_for_numbers() -> None:
    assert "rename the phone number column" in error_of_create(b"name,2024-01-15,2024-01-16\n")


def test_clean_does_not_advise_to_call_clean() -> None:
    data = b"name,city\nAna,Rome\n"
    assert "let kataven.contacts.clean() do it" in error_of_create(data)
    assert error_of_clean(data).endswith("'name', 'city': rename the phone number column")


def test_the_advice_for_utf_16_and_binary_files_is_not_to_rename() -> None:
    text = LIST.decode()
    assert "clean(encoding='utf-16-le')" in error_of_create(text.encode("utf-16-le"))
    assert "clean(encoding='utf-16-be')" in error_of_create(text.encode("utf-16-be"))
    assert "it may not be CSV at all" in error_of_create(b"\x7fELF\x02\x01\0\0\n\0")


@pytest.mark.parametrize("name", ["na\x1b[31mme\x07", "na\r\nme", "na\u202eme", "na\u2028me"])
def test_column_names_are_escaped_in_messages(name: str) -> None:
    data = f'phone_number,"{name}"\n+14155550100,a\x07\n'.encode()
    report = contacts.check(data)
    found = report.problems[-1]
    assert found.column == name
    for text in (str(found), *report.summary().split("\n")):
        assert text.isprintable()
    assert "column na\\" in report.summary()


def test_long_column_names_are_shortened_in_messages() -> None:
    shown = str(Problem(2, "n" * 60_000, None, "formula", "warning", "text"))
    assert shown == f"row 2, column {'n' * 79}…: text"


def latin(good: int, bad: int) -> bytes:
    """Return a list in Latin-1 of which some rows are valid UTF-8 too."""
    rows = [f"+1415555{1000 + n},{'é' if n < bad else 'e'}\n" for n in range(good + bad)]
    return ("phone_number,name\n" + "".join(rows)).encode("latin-1")


@pytest.mark.parametrize(("good", "bad", "advised"), [(0, 1, True), (8, 1, True), (9, 1, False)])
def test_the_summary_reports_many_undecodable_rows_first(
    good: int, bad: int, advised: bool
) -> None:
    # Up to one row in ten is damage, more is another encoding.
    with contacts.clean(latin(good, bad)) as cleaned:
        report = cleaned.report
    assert (report.kept, report.counts) == (good, {"bad_encoding": bad})
    advice = "the list seems not to be UTF-8: clean it again with encoding='cp1252'"
    assert (advice in report.summary().split("\n")[1]) is advised
    with contacts.clean(latin(good, bad), encoding="cp1252") as again:
        assert again.report.kept == good + bad
        assert "seems" not in again.report.summary()


def test_the_wrong_encoding_in_use_is_not_recommended() -> None:
    data = b"phone_number,name\n+14155550100,\x81\n"
    with contacts.clean(data, encoding="cp1252") as cleaned:
        line = cleaned.report.summary().split("\n")[1]
    assert line.endswith("not to be CP1252: clean it again with another encoding=")


def test_one_row_or_cell_is_in_the_singular(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_bytes(b"phone_number\n+14155550100\n")
    report = contacts.check(path)
    assert report.summary() == "ready to upload: 1 row, 1 column, 26 bytes, utf-8, comma"
    with contacts.clean(path) as cleaned:
        assert cleaned.report.summary() == "1 row, 1 kept, 0 dropped"
    assert contacts.estimate(1).summary().startswith("1 contact: ")
    assert contacts.estimate(2_000).summary().startswith("2,000 contacts: ")
    ragged = contacts.check(b"phone_number,name\n+14155550100\n").problems[0]
    assert "the row has 1 cell, the header 2" in ragged.message
